"""The independent implementations that results are compared with are all in use."""

import pytest
from oracles import NO_ZENNIT, ORACLES
from resamplers import torchaudio_functional


def test_sonifications_are_compared_with_four_others():
    assert {"Figure B.2", "Captum", "autograd"} <= set(ORACLES)
    if NO_ZENNIT:
        pytest.skip(f"without its comparison: {NO_ZENNIT}")
    assert "Zennit" in ORACLES


def test_resampling_is_compared_with_another():
    assert torchaudio_functional().resample
