"""Timing this machine: what a call takes, and what is taken for what is not timed."""

import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from sonify.config.__main__ import overlaid
from sonify.config.loading import load
from sonify.estimate import calibration, calibration_of_starts, network
from sonify.estimate.calibration import ASSUMED, UNTIMED, Timer, _slower, calibrate
from sonify.estimate.calibration_of_starts import forked, start_s
from sonify.estimate.devices import complete, named
from sonify.estimate.network import Cost
from sonify.estimate.work import UNITS, other, run
from sonify.models.architecture import Architecture
from sonify.plan.plan import Plan

ROOT = Path(__file__).resolve().parents[3]


class Clock(Timer):
    """A timer whose calls have taken given seconds, in turn."""

    def once(self, call):
        return call()


@pytest.mark.parametrize(
    ("took", "later", "more"),
    [([3.0, 0.5, 0.25, 0.5], 0.25, 2.75), ([0.25, 0.9, 0.5, 0.5], 0.5, 0.0)],
)
def test_what_the_first_call_takes_beyond_later_ones(took, later, more):
    """The first is left out of the least, and so is the next, which warms up. Less is nothing."""
    calls = iter(took + [took[-1]] * 1000)
    assert Clock(torch.device("cpu")).apart(lambda: next(calls)) == (later, more)


def test_a_machine_is_as_slow_as_the_median_of_what_is_timed_beside_networks():
    assumed = dict(named(ASSUMED).rates)
    assert _slower(assumed, assumed) == 1
    untimed = {unit: 100 * assumed[unit] for unit in UNTIMED}
    assert _slower({unit: 3 * rate for unit, rate in assumed.items()} | untimed, assumed) == 3
    networks = {u: 50 * r for u, r in assumed.items() if u.endswith(("_call", "_flop", "_value"))}
    assert _slower(assumed | networks, assumed) == 1


# --- without a GPU, on one that is made up -------------------------------------------------------


@pytest.mark.parametrize(
    ("device", "threads", "took"), [("cuda", 1, 5), ("cpu", 2, 1), ("cpu", 1, 9)]
)
def test_the_clock_is_read_once_a_gpu_is_done(monkeypatch, device, threads, took):
    """A call that a GPU goes on with for 4 s after Python has had 1 s of it."""
    now = {"passed": 100.0, "computed": 50.0}

    def pass_by(**seconds):
        for clock, more in seconds.items():
            now[clock] += more

    clocks = {"perf_counter": lambda: now["passed"], "process_time": lambda: now["computed"]}
    monkeypatch.setattr(calibration, "time", SimpleNamespace(**clocks))
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: pass_by(passed=4.0))
    assert Timer(torch.device(device)).once(lambda: pass_by(passed=1.0, computed=9.0)) == took


def test_a_gpu_is_timed_on_a_thousand_times_as_much_as_a_processor():
    """4e10 and 4e13 operations, of clips with 6.57e7 each."""
    encoder = Architecture(width=1 / 8)
    for kind, most in (("cpu", 608), ("cuda", 608_599)):
        timer = Timer(torch.device(kind))
        assert calibration._limited(encoder, 20_000, 10**9, 1, timer) == most
        assert calibration._limited(encoder, 20_000, 3, 1, timer) == 3
    assert calibration._noise(2, 5, Timer(torch.device("meta"))).device.type == "meta"
    made = calibration._random(encoder, Timer(torch.device("meta")))
    assert {p.device.type for p in made.parameters()} == {"meta"}


@pytest.mark.parametrize(("native", "precision"), [(True, "bfloat16"), (False, "float32")])
def test_a_step_is_trained_on_the_gpu_in_the_precision_it_has(monkeypatch, native, precision):
    """Six steps a pass, or fewer where 60 clips have fewer batches."""
    plan = smoke(device="cuda")
    (one, *_) = calibration._steps(plan)["train"]
    done = []

    def train(model, stream, recipe, rng, freeze_encoder, device):
        assert (device.type, recipe.precision, freeze_encoder) == ("cuda", precision, False)
        assert recipe.batch_size == one.step.clips
        while True:
            yield done.append("pass")

    class Told(Timer):
        def apart(self, call):
            call()
            return 12.0, 0.5

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native)
    monkeypatch.setattr(calibration, "train", train)
    monkeypatch.setattr(calibration, "CropStream", lambda *arguments: None)
    corpus = type("Clips", (), {"classes": ["a"], "__len__": lambda self: 60})()
    (work, took), more = calibration._step(one, corpus, Told(torch.device("cuda")))
    steps = min(6, 60 // one.step.clips)
    assert (took, more, done) == (12.0 / steps, 0.5, ["pass"])
    assert work.amounts["train_call"] == 1 and work.flops > 0


def smoke(**changed) -> Plan:
    return Plan(load(overlaid([ROOT / "workflow/configs/smoke.yaml"]) | changed))


@pytest.fixture
def slow(monkeypatch):
    """A machine that takes three times as long for everything as ASSUMED; devices it was asked for.

    Every piece is timed on the device that was picked, and costs what its work does.
    """
    rates = {unit: 3 * rate for unit, rate in named(ASSUMED).rates.items()}
    asked = []

    def pick(name, threads):
        asked.append((name, threads))
        return torch.device(name)

    def timing(work, timer):
        assert [timer.device.type] == [name for name, _ in asked]
        return work, work.seconds(rates)

    def passes(kind, times):
        def piece(encoder, samples, number, *rest):
            cost = network.forward(encoder, samples) * number + Cost(values=1e6 * number)
            return timing(run(kind, 1, cost * times), rest[-1])

        return piece

    def step(one, corpus, timer):
        return timing(one.step.work, timer), rates["first_step"]

    def corpora(folder, timer, clip_s):
        for what in ("synthesised", "prepared"):
            amounts = ((5, 9.0), (9, 5.0))
            works = [other(**{f"{what}_clip": n, f"{what}_s": s}) for n, s in amounts]
            yield [timing(work, timer) for work in works]

    def scores(seconds):
        for number in (40, 400):
            yield timing(other(score=20 * number, ranking=20), seconds.__self__)

    def sounds(seconds):
        for unit in ("spectra_s", "sound_s", "peaks_s", "kept_s"):
            yield timing(other(**{unit: 40.0}), seconds.__self__)

    monkeypatch.setattr(calibration, "pick_device", pick)
    monkeypatch.setattr(calibration, "stored", lambda folder, splits: None)
    monkeypatch.setattr(calibration, "_corpora", corpora)
    monkeypatch.setattr(calibration, "_step", step)
    for kind, times in (("forward", 1), ("maps", 1), ("sonify", 6)):
        monkeypatch.setattr(calibration, f"_{kind}", passes(kind, times))
    monkeypatch.setattr(calibration, "score_timings", scores)
    monkeypatch.setattr(calibration, "sound_timings", sounds)
    monkeypatch.setattr(calibration_of_starts, "start_s", lambda: None)
    return asked


@pytest.mark.parametrize(("device", "threads"), [("cuda", 1), ("cpu", 1), ("cpu", 4)])
def test_only_the_starts_of_jobs_on_a_gpu_are_those_of_another(slow, device, threads):
    made = calibrate(smoke(device=device, threads=threads))
    assert slow == [(device, threads)]
    assert made.name == "this machine" and complete(made.rates)
    on_gpu = device == "cuda"
    theirs = {unit: named("h200").rates[unit] for unit in ("start", "process")}
    assert theirs == {"start": 5, "process": 0}, "five seconds for any job"
    expected = {unit: 3 * named(ASSUMED).rates[unit] for unit in UNITS}
    found = {unit: made.rates[unit] for unit in UNITS}
    assert found == pytest.approx(expected | (theirs if on_gpu else {}))
    assert made.hosts == (4 if on_gpu else 0) and made.gpu == on_gpu
    on = {("cpu", 1): "cpu, 1 thread", ("cpu", 4): "cpu, 4 threads", ("cuda", 1): "cuda"}
    words = f"timed just now ({on[device, threads]}); what is not timed, as of 'processor' times 3"
    assert made.source == words + (", but starts of jobs, as of 'h200'" if on_gpu else "")


def test_starts_are_timed_where_jobs_are_forked(slow, monkeypatch):
    """What else Python and files take follows a start; the rest follows what is computed."""
    monkeypatch.setattr(calibration_of_starts, "start_s", lambda: 0.03)
    assumed, found = named(ASSUMED).rates, calibrate(smoke(device="cpu")).rates
    assert found["start"] == 0.03 and assumed["start"] == 0.06
    for unit in ("network", "gathered"):
        assert found[unit] == pytest.approx(0.5 * assumed[unit])
    for unit in ("process", "drawn", "described", "score"):
        assert found[unit] == pytest.approx(3 * assumed[unit])


@pytest.mark.skipif(sys.platform != "linux", reason="jobs are forked on Linux alone")
def test_a_fork_is_timed_with_all_that_it_does():
    took = start_s()
    assert took is not None and took > 0.01

    def busy():
        end = time.process_time() + 0.2
        while time.process_time() < end:
            pass

    assert 0.2 <= forked(busy) < 2.0
    with pytest.raises(RuntimeError, match="failed"):
        forked(lambda: 1 / 0)
