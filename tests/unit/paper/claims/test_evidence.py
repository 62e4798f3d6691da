"""Evidence is looked up for the claims on the seeds that a comparison needs."""

import pandas as pd

from sonify.paper.claims.evidence import gather


def test_curves_that_are_not_compared_keep_their_own_seeds():
    frames = {"five": pd.DataFrame({1: range(5)}), "three": pd.DataFrame({1: range(3)})}
    own = gather(frames.__getitem__, frames, paired=False)
    assert [len(frame) for frame in own.values()] == [5, 3]
    assert [len(frame) for frame in gather(frames.__getitem__, frames).values()] == [3, 3]
