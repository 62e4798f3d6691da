"""Rendering of mined clips: which are sonified together, by which share, and what is told."""

import numpy as np
import pandas as pd
import pytest
import torch
from instruments import band_passes, card

from sonify.contracts import tables
from sonify.data.kept import Kept
from sonify.sonification.deconvnet.sonifier import Sonifier
from sonify.sonification.rendering import render_layers

LENGTHS, FILTERS, RANKS = [600, 900, 600, 600], 4, 3
EACH = FILTERS * RANKS  # sonifications of a layer: 3 of the longer clip, 9 of the others


class Noting(Sonifier):
    """Notes the layer, the samples and the clips and filters of what is sonified at once."""

    def __init__(self) -> None:
        super().__init__(band_passes())
        self.seen = list[tuple]()

    def render(self, x, layers, clips, filters):
        self.seen.append((layers, x.shape[1], len(x), len(filters)))
        return super().render(x, layers, clips, filters)


@pytest.fixture
def clips(make_clips):
    return make_clips(LENGTHS)


@pytest.fixture
def top(clips) -> pd.DataFrame:
    """Filter f's clip of rank r is clip f + r of the four, in turn; the rows in no order."""
    rows = [
        {"layer": layer, "filter": f, "rank": rank, "clip_id": clips.ids[(f + rank) % 4]}
        for layer in (1, 2)
        for f in range(FILTERS)
        for rank in range(1, RANKS + 1)
    ]
    lengths = dict(zip(clips.ids, LENGTHS, strict=True))
    mined = {"dataset": "fsd50k", "split": "eval", "score": 1.0, "activation": 1.0, "frame": 0}
    table = pd.DataFrame(rows).assign(**mined, time_s=0.0, dead=False, **card().keys)
    table["n_samples"] = table["clip_id"].map(lengths)
    return table.sample(frac=1, random_state=0)


def rendered(clips, top, **how) -> tuple[pd.DataFrame, list[tuple], list[int]]:
    """The table, what was sonified at once, and what was told."""
    explainer, told = Noting(), list[int]()
    frames = list(render_layers(explainer, [clips], top, progress=told.append, **how))
    return pd.concat(frames), explainer.seen, told


@pytest.mark.parametrize(
    ("max_samples", "sizes"),
    [
        (1, [(600, 1)] * 9 + [(900, 1)] * 3),
        (1_799, [(600, 2)] * 4 + [(600, 1)] + [(900, 1)] * 3),
        (1_800, [(600, 3)] * 3 + [(900, 2), (900, 1)]),
        (99_999, [(600, 9), (900, 3)]),
    ],
)
def test_sonifications_of_one_length_are_made_together_as_many_as_fit(
    clips, top, max_samples, sizes
):
    table, seen, told = rendered(clips, top, max_samples=max_samples)
    assert [(layer, n, made) for layer, n, _, made in seen] == [
        (layer, n, size) for layer in (1, 2) for n, size in sizes
    ]
    assert told == np.cumsum([size for _, size in 2 * sizes]).tolist() and told[-1] == 2 * EACH
    if max_samples == 99_999:  # clips are run once, however many filters they are heard with
        assert [n_clips for _, _, n_clips, _ in seen] == [3, 1] * 2
    keys = ["layer", "filter", "rank"]
    assert table[keys].to_numpy().tolist() == top[keys].sort_values(keys).to_numpy().tolist()
    explainer = Sonifier(band_passes())
    for row in tables.checked(table, "sonifications").to_pandas().itertuples():
        assert row.clip_id == clips.ids[(row.filter + row.rank) % 4]
        x = torch.from_numpy(clips.waveform(clips.ids.index(row.clip_id)))[None]
        expected = explainer.sonify(x, row.layer, row.filter)[0].numpy()
        heard = np.frombuffer(row.pcm, "<i2") / 32767 * row.peak
        assert row.n_samples == len(heard) == x.shape[1] and not row.dead
        np.testing.assert_allclose(heard, expected, atol=1 / 32767)


@pytest.mark.parametrize("n", [2, 5, 11])
def test_shares_make_every_nth_batch_and_together_the_whole(clips, top, tmp_path, n):
    """Of five batches a layer: shares beyond the fifth make tables without rows."""
    how = {"max_samples": 1_800}
    whole, every, _ = rendered(clips, top, **how)
    for i in range(1, n + 1):
        (tmp_path / str(i)).mkdir()
        kept = Kept(tmp_path / str(i), (i, n))
        part, seen, told = rendered(clips, top, kept=kept, **how)
        own = [batch for layer in (1, 2) for batch in of_layer(every, layer)[i - 1 :: n]]
        assert seen == own and len(part) == sum(made for *_, made in own)
        first = np.cumsum([made for *_, made in of_layer(own, 1)])
        second = EACH // n + np.cumsum([made for *_, made in of_layer(own, 2)])
        assert told == [*first, *second], "the share of a layer that is done, then its batches"
    shares = Kept(shares=[tmp_path / str(i) for i in range(1, n + 1)])
    gathered, seen, _ = rendered(clips, top, kept=shares, **how)
    assert not seen, "it only gathers"
    assert tables.checked(gathered, "sonifications") == tables.checked(whole, "sonifications")
    assert gathered[["layer", "filter", "rank"]].to_numpy().tolist() == (
        whole[["layer", "filter", "rank"]].to_numpy().tolist()
    )


def test_a_killed_job_goes_on_with_the_layer_that_it_was_at(clips, top, tmp_path):
    how = {"max_samples": 1_800, "kept": Kept(tmp_path)}
    whole, every, _ = rendered(clips, top, **how)
    (tmp_path / "layer-02-00000.parquet").unlink()  # the last of them
    again, seen, _ = rendered(clips, top, **how)
    assert seen == of_layer(every, 2)
    assert tables.checked(again, "sonifications") == tables.checked(whole, "sonifications")


def of_layer(batches: list[tuple], layer: int) -> list[tuple]:
    return [batch for batch in batches if batch[0] == layer]
