"""Sonifications of delayed clips, against a loop over shifts written for the purpose."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from sonify.contracts import tables
from sonify.data.clips import part_sizes
from sonify.evaluation.measurements.invariance import (
    correlation,
    invariance_tables,
    returned,
    sdr_db,
    silence_margin,
)
from sonify.models.checkpoint import ModelCard, build
from sonify.models.cnn import CNN12, Architecture
from sonify.sonification.deconvnet.sonifier import Sonifier

SHIFTS = [1, 4, 96, 256, 1024]
EXACT_DB = 90  # float32 rounding lies near 130 dB, float64 near 300


def card(downsampling: str = "pool") -> ModelCard:
    return ModelCard(
        run="contrastive",
        seed=1,
        dataset="audioset",
        regime="contrastive",
        finetune="none",
        architecture=Architecture(width=1 / 64, downsampling=downsampling),
        architecture_name="CNN12",
        head="projection",
        outputs=512,
    )


def measured(
    store, make_clips, tmp_path, model=None, of=None, lengths=(3_000, 700, 3_000), **asked
):
    store(make_clips(list(lengths)), clips_per_part=2)
    of = of or card()
    asked = {"clips": 2, "shifts": SHIFTS, "shown_shift": 96, "rule": "max"} | asked
    found = invariance_tables(
        (model or build(of)).eval(),
        of,
        part_sizes(tmp_path, ["eval"]),
        max_samples=60_000,
        **asked,
    )
    checked = (
        tables.checked(found.table, "invariance").to_pandas(),
        tables.checked(found.example, "invariance_example").to_pandas(),
    )
    return checked


def raw(trunk: nn.Sequential, x: torch.Tensor, layer: int, index: int) -> torch.Tensor:
    """The deconvolution of one map of x, (time,), before any scaling: Figure B.2, literally."""
    h, done = x[None, None], []
    for module in trunk:
        if isinstance(module, nn.Conv1d):
            if len(done) == layer:
                break
            done.append([module, h.shape, None, None])
            h = F.relu(module(h))
        elif isinstance(module, nn.MaxPool1d):
            done[-1][3] = h.shape
            h, done[-1][2] = F.max_pool1d(h, module.kernel_size, return_indices=True)
    back = torch.zeros_like(h)
    back[0, index] = h[0, index]
    for conv, size, switches, unpooled in reversed(done):
        if switches is not None:
            pool = unpooled[-1] // switches.shape[-1]
            back = F.max_unpool1d(back, switches, pool, output_size=unpooled)
        stride, padding = conv.stride[0], conv.padding[0]
        least = (back.shape[-1] - 1) * stride - 2 * padding + conv.kernel_size[0]
        back = F.conv_transpose1d(
            F.relu(back), conv.weight, None, stride, padding, size[-1] - least
        )
    return back[0, 0]


@pytest.mark.parametrize("downsampling", ["pool", "strided"])
def test_it_equals_the_loop_over_shifts(downsampling, rng):
    architecture = Architecture(width=1 / 64, downsampling=downsampling)
    trunk = CNN12(architecture).double().trunk
    x, margin, shifts = rng.uniform(-1, 1, 900), 1_024, [0, 3, 16]
    found = returned(Sonifier(trunk, allow_strided=True), x, shifts, margin, "max", 8_000)
    with torch.no_grad():
        for layer in (1, 4, 7):
            s, factor = [], None
            for shift in shifts:
                delayed = np.concatenate(
                    [np.zeros(margin + shift), x, np.zeros(margin + max(shifts) - shift)]
                )
                waveform = torch.from_numpy(delayed)
                chosen = int(found.filters[layer - 1])
                whole = raw(trunk, waveform, layer, chosen).numpy()
                factor = 1 / np.abs(whole).max() * np.abs(x).max() if factor is None else factor
                s.append(factor * whole[margin + shift :][:900])
            np.testing.assert_allclose(found.signals[:, layer - 1], s, atol=1e-10)


@pytest.mark.parametrize("downsampling", ["pool", "strided"])
def test_multiples_of_the_stride_are_exact_and_others_are_not(
    downsampling, store, make_clips, tmp_path
):
    of = card(downsampling)
    found, _ = measured(store, make_clips, tmp_path, of=of)
    strides = dict(enumerate(of.architecture.strides, start=1))
    on = found["shift"] % found["layer"].map(strides) == 0
    assert (found["on_stride"] == on).all() and 0 < on.sum() < len(on)
    alive = found[~found["dead"]]
    assert (alive.loc[alive["on_stride"], "sdr_db"] > EXACT_DB).all()
    assert (alive.loc[alive["on_stride"], "correlation"] > 1 - 1e-12).all()
    assert (alive.loc[~alive["on_stride"], "sdr_db"] < 60).all()
    assert (found["clip_id"].nunique(), len(found)) == (2, 2 * 11 * len(SHIFTS))


def test_without_pooling_every_shift_is_exact(rng):
    chain = nn.Sequential()
    for i, channels in enumerate((1, 4, 4)):
        chain.add_module(f"conv{i}", nn.Conv1d(channels, 4, 7, padding=3))
        chain.add_module(f"relu{i}", nn.ReLU())
    x, shifts = rng.uniform(-1, 1, 300), [0, 1, 2, 3, 5, 7, 11, 100]
    found = returned(Sonifier(chain.double()), x, shifts, 19, "mean", 10_000)
    for signals in found.signals[1:]:
        assert (sdr_db(found.signals[0], signals) > EXACT_DB).all()
    # Padding in what is compared would show: biases answer silence, and not what lies beyond it.
    short = returned(Sonifier(chain), x, shifts, 0, "mean", 10_000)
    assert (sdr_db(short.signals[0], short.signals[-1]) < EXACT_DB).any()


def test_a_map_is_dead_if_the_first_of_the_delays_leaves_it_so():
    """Of every other sample a convolution sees an impulse at even delays alone."""
    conv = nn.Conv1d(1, 1, 1, stride=2, bias=False, dtype=torch.float64)
    nn.init.ones_(conv.weight)
    chain = nn.Sequential()
    chain.add_module("conv0", conv)
    chain.add_module("relu0", nn.ReLU())
    x = np.zeros(20)
    x[4] = 1.0
    for shifts, dead in (([0, 1], False), ([1, 0], True)):
        found = returned(Sonifier(chain, allow_strided=True), x, shifts, 10, "max", 10_000)
        assert found.dead.tolist() == [dead]


def test_more_silence_changes_nothing(rng):
    architecture = Architecture(width=1 / 64)
    sonifier = Sonifier(CNN12(architecture).double())
    margin = silence_margin(architecture)
    assert margin % 256 == 0 and 2_370 <= margin < 2_370 + 256
    x = rng.uniform(-1, 1, 1_000)
    usual, wider = (
        returned(sonifier, x, [0, 1, 96], m, "max", 60_000) for m in (margin, margin + 1_024)
    )
    # Padding at the ends of all can hold the peak: scales may differ, not the shape.
    assert (sdr_db(usual.signals[0], usual.signals[1]) < EXACT_DB).all()
    assert (correlation(usual.signals, wider.signals) > 1 - 1e-12).all()


def test_the_example_holds_the_signals_that_are_compared(store, make_clips, tmp_path):
    found, example = measured(store, make_clips, tmp_path)
    signals = {
        row.signal: np.frombuffer(row.pcm, "<i2") / 32767 * row.peak for row in example.itertuples()
    }
    assert set(signals) == {"input", "sonification", "returned"}
    assert example["n_samples"].tolist() == [len(signal) for signal in signals.values()]
    assert (example["layer"] == 6).all()
    assert example.set_index("signal")["shift"].to_dict() == {
        "input": 0, "sonification": 0, "returned": 96,
    }  # fmt: skip
    row = example.iloc[0]
    same = (found["clip_id"] == row["clip_id"]) & (found["layer"] == 6) & (found["shift"] == 96)
    assert found.loc[same, "filter"].item() == row["filter"]
    s, back = signals["sonification"][None], signals["returned"][None]
    assert sdr_db(s, back)[0] == pytest.approx(found.loc[same, "sdr_db"].item(), abs=0.01)
    assert correlation(s, back)[0] == pytest.approx(found.loc[same, "correlation"].item(), abs=1e-3)


def test_dead_maps_are_marked_and_not_measured(store, make_clips, tmp_path):
    model = build(card())
    with torch.no_grad():
        model.encoder.trunk.conv3.bias.fill_(-1e6)
    found, _ = measured(store, make_clips, tmp_path, model)
    dead = found["layer"] >= 3
    assert (
        found.loc[dead, "dead"].all()
        and found.loc[dead, ["sdr_db", "correlation"]].isna().to_numpy().all()
    )
    assert not found.loc[~dead, "dead"].any() and found.loc[~dead, "sdr_db"].notna().all()


def test_every_model_is_given_the_same_clips(store, make_clips, tmp_path):
    clips = make_clips([600] * 7)
    store(clips, clips_per_part=2)
    sizes = part_sizes(tmp_path, ["eval"])
    asked = {"shifts": [256], "shown_shift": 256, "rule": "max", "max_samples": 60_000}
    drawn = []
    for seed, n in ((1, 3), (2, 3), (2, 50)):
        of = replace(card(), seed=seed, run=f"run{seed}")
        found = invariance_tables(build(of), of, sizes, clips=n, **asked).table
        drawn.append(found["clip_id"].unique().tolist())
    assert drawn[0] == drawn[1] and len(drawn[0]) == 3
    assert drawn[2] == clips.ids  # a split that has fewer gives all


def test_measures_by_hand():
    s = np.array([[3.0, 4.0], [3.0, 4.0], [0.0, 0.0], [1.0, -1.0]])
    other = np.array([[3.0, 4.5], [3.0, 4.0], [1.0, 2.0], [0.0, 0.0]])
    np.testing.assert_allclose(sdr_db(s, other), [20, np.inf, np.nan, 0])
    x, y = np.array([[1.0, 2.0, 4.0]]), np.array([[1.0, 3.0, 2.0]])
    assert correlation(x, y)[0] == pytest.approx(np.corrcoef(x[0], y[0])[0, 1])
    np.testing.assert_allclose(correlation(s[2:], other[2:]), [np.nan, 0])
    np.testing.assert_allclose(correlation(x, -5 * x + 1), [-1])


def test_a_shown_shift_that_is_not_measured_is_refused(store, make_clips, tmp_path):
    with pytest.raises(ValueError, match=r"shown_shift is 7: it must be one of \[1, 4"):
        measured(store, make_clips, tmp_path, shown_shift=7)
