"""Devices state every unit; the H200's rates are those of the steps that were timed on one."""

import itertools
import re
from pathlib import Path

import pandas as pd
import pytest

from sonify.estimate import network
from sonify.estimate.devices import complete, named, names
from sonify.estimate.fitting import rates
from sonify.estimate.training import Step
from sonify.estimate.work import Work, run
from sonify.models.architecture import Architecture, Layout
from sonify.runtime.errors import SonifyError

RESULTS = Path(__file__).resolve().parents[3] / "benchmarks" / "results"
FORMER = Layout(  # what the network was when a GPU was at hand
    filters=(64, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512),
    kernels=(11, 11, 11, 11, 5, 5, 5, 11, 11, 11, 11),
    pools=(2,) * 9 + (1, 1),
    padding="same",
)


def former(width: float) -> Architecture:
    return Architecture(width=width, layout=FORMER)


def times(name: str, variant: str) -> dict[str, float]:
    table = pd.read_parquet(RESULTS / f"{name}_cuda.parquet")
    rows = table[(table["variant"] == variant) & (table["quantity"] == "time")]
    return dict(zip(rows["case"], rows["median"], strict=True))


def test_every_device_states_every_unit_and_its_source():
    assert {"processor", "h200"} <= set(names())
    for name in names():
        device = named(name)
        assert complete(device.rates) and all(rate >= 0 for rate in device.rates.values()), name
        assert device.source and device.gpu == (name != "processor")


def test_an_unknown_device_is_one_sentence():
    with pytest.raises(
        SonifyError, match="there is no device 'h2000': name one of processor, h200"
    ):
        named("h2000")


def test_rates_are_recovered_from_exact_timings():
    truth = {"train_call": 2e-3, "train_flop": 3e-11, "train_value": 4e-9}
    cases = itertools.product((1 / 8, 1 / 2, 1), (4000, 9000), (2, 64))
    steps = [Step(Architecture(width=width), n, clips, 9) for width, n, clips in cases]
    timings = [(step.work, step.work.seconds(truth)) for step in steps]
    found = rates(timings, list(truth))
    assert found == pytest.approx(truth, rel=1e-6)
    with pytest.raises(KeyError, match="train_value"):
        rates(timings, ["train_call", "train_flop"])


def test_the_rates_of_the_h200_are_those_of_its_benchmarks():
    stated = named("h200").rates
    for kind, timings in h200().items():
        found = rates(timings, [f"{kind}_{part}" for part in ("call", "flop", "value")])
        assert {unit: stated[unit] for unit in found} == pytest.approx(found, rel=0.01), found
        for work, seconds in timings:
            assert 1 / 1.5 < work.seconds(stated) / seconds < 1.5, (kind, seconds)


def h200() -> dict[str, list[tuple[Work, float]]]:
    """What was timed, as work: steps, forward passes, and sonifications of every layer's map."""
    train = [
        (Step(former(width), 8_000, int(crops), 20).work, seconds)
        for case, seconds in times("training", "ours, bfloat16").items()
        for width, crops in [numbers(case)]
    ]
    for variant, at_once in (("all at once", None), ("512 at once", 512)):
        for case, seconds in times("batches", variant).items():
            width, clips = numbers(case)
            step = Step(former(width), 20_000, int(clips), 0, contrastive=True, at_once=at_once)
            train.append((step.work, seconds))
    forward, sonify = [], []
    for case, seconds in times("sonification", "forward").items():
        width, clips, length = numbers(case)
        cost = network.forward(former(width), length * 8_000) * clips
        forward.append((run("forward", 1, cost), seconds))
    for case, seconds in times("sonification", "ours, exact").items():
        width, clips, length = numbers(case)
        once = network.forward(former(width), length * 8_000)
        down = network.each_layer_back(former(width), length * 8_000)
        sonify.append((run("sonify", 1, (once + down) * clips), seconds))
    return {"train": train, "forward": forward, "sonify": sonify}


def numbers(case: str) -> list[float]:
    """The numbers in the name of a case."""
    return [float(found) for found in re.findall(r"\d+(?:\.\d+)?", case)]
