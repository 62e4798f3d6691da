"""A short calibration: this machine timed on small pieces of the work that a plan asks of it.

Networks are those of the plan, with random weights; steps, crops and batches are the plan's as far
as they are small. Sounds are a little synthesised corpus, made and prepared for this, in a
temporary folder.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import nn

from sonify.contracts.audio_format import RATE_HZ
from sonify.data.corpora.registry import DATASETS, read
from sonify.data.prepare import prepare
from sonify.data.stored import StoredClips, stored
from sonify.data.stream import CropStream
from sonify.data.synthesis.corpora import raw_corpus
from sonify.estimate import network
from sonify.estimate.calibration_of_sounds import score_timings, sound_timings
from sonify.estimate.calibration_of_starts import start_rates
from sonify.estimate.clips import clips
from sonify.estimate.devices import Device, named
from sonify.estimate.fitting import rates
from sonify.estimate.measuring import mined
from sonify.estimate.training import Training, probings, training
from sonify.estimate.work import KINDS, UNITS, Work, other, run
from sonify.models.architecture import Architecture
from sonify.models.cnn import CNN12
from sonify.models.device import pick_device, pick_precision
from sonify.models.heads import SoundModel
from sonify.models.probes import Probes, retained_features
from sonify.plan.plan import Plan
from sonify.runtime.plurals import counted
from sonify.sonification.methods import build_explainer
from sonify.sonification.most_active import most_active
from sonify.training.crops import cutting
from sonify.training.loop import train

ASSUMED = "processor"  # the device whose rates stand for what is not timed here
ON_GPU = ("h200", ("start", "process"))  # whose starts stand for those of jobs on a GPU
MOST_S = 1.5  # seconds that one piece is timed for, but once at least
SMALL_FLOPS = {"cpu": 4e10, "cuda": 4e13, "mps": 2e12}  # of one step or batch
STEPS = {"train": 8, "frozen": 4}  # kinds of steps that are timed
UNTIMED = (  # for which no small piece stands
    *("start", "process", "network"),
    *("decoded_s", "ranked", "described", "shown_s", "gathered", "drawn"),
)


def _each(dataset: str, number: int) -> dict[str, int]:
    """The same number for every split of a dataset."""
    return dict.fromkeys(DATASETS[dataset].splits, number)


SIZES: dict[str, dict[str, Any]] = {
    "audioset": {"seed": 1, "missing": 0, "clips": _each("audioset", 24)},
    "fsd50k": {"seed": 1, "clips": _each("fsd50k", 20), "min_s": 0.5, "max_s": 2.5},
    "speech_commands": {"seed": 1, "words": 5, "takes_per_word": _each("speech_commands", 6)},
}
Timing = tuple[Work, float]


def calibrate(plan: Plan) -> Device:
    """Time this machine and return it as a device; what is too slow to be timed is assumed."""
    device = pick_device(plan.config.device, plan.config.threads)
    assumed = named(ASSUMED)
    found = dict(assumed.rates)
    timer = Timer(device)
    with TemporaryDirectory() as folder:
        made = list(_corpora(Path(folder), timer, _clip_s(plan)))
        corpus = stored(Path(folder) / "audioset" / "prepared", DATASETS["audioset"].splits)
        timings = [("synthesised", made[0]), ("prepared", made[1])]
        for what, several in timings:
            found |= rates(several, [f"{what}_clip", f"{what}_s"])
        for kind, steps in _steps(plan).items():
            timed = [_step(one, corpus, timer) for one in steps]
            found |= _fitted(kind, [timing for timing, _ in timed])
            if kind == "train":  # the very first of these has had kernels chosen
                found["first_step"] = timed[0][1]
    found |= _fitted("forward", [_forward(*shape, timer) for shape in _shapes(plan)])
    found |= _fitted("maps", [_maps(*shape, plan, timer) for shape in _shapes(plan)])
    found |= _fitted("sonify", [_sonify(*shape, plan, timer) for shape in _shapes(plan)])
    found |= rates([*score_timings(timer.seconds)], ["score", "ranking"])
    for work, seconds in sound_timings(timer.seconds):
        found |= rates([(work, seconds)], [*work.amounts])
    slower = _slower(found, assumed.rates)
    found |= {unit: slower * assumed.rates[unit] for unit in UNTIMED}
    found |= start_rates(assumed.rates)
    threads = counted(plan.config.threads, "thread")
    on = f"{device.type}, {threads}" if device.type == "cpu" else device.type
    words = f"timed just now ({on}); what is not timed, as of {ASSUMED!r} times {slower:.2g}"
    if device.type == "cuda":  # as in the table of that device, for all jobs
        found |= {unit: named(ON_GPU[0]).rates[unit] for unit in ON_GPU[1]}
        words += f", but starts of jobs, as of {ON_GPU[0]!r}"
    return Device("this machine", found, words, hosts=0 if device.type == "cpu" else 4)


@dataclass(frozen=True)
class Timer:
    """Times calls: seconds of the processor where one thread computes, else seconds that pass."""

    device: torch.device

    def seconds(self, call: Callable[[], object]) -> float:
        """Return the seconds of a call, the least of as many as fit in MOST_S, after a first one
        to warm up unless that alone takes longer."""
        first, passed = self.once(call), 0.0
        if first > MOST_S:
            return first
        best = np.inf
        while passed < MOST_S / 2 or best == np.inf:
            best = min(best, took := self.once(call))
            passed += took
        return best

    def apart(self, call: Callable[[], object]) -> tuple[float, float]:
        """Return the seconds of a call as `seconds` does, and what the first took beyond those."""
        first = self.once(call)
        later = self.seconds(call)
        return later, max(0.0, first - later)

    def once(self, call: Callable[[], object]) -> float:
        """Return the seconds of one call."""
        alone = self.device.type == "cpu" and torch.get_num_threads() == 1
        clock = time.process_time if alone else time.perf_counter
        began = clock()
        call()
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return clock() - began


def _corpora(folder: Path, timer: Timer, clip_s: float) -> Iterator[list[Timing]]:
    """Yield what synthesising, then what preparing has taken, of each dataset."""
    synthesised, prepared = [], []
    for dataset, sizes in SIZES.items():
        settings = sizes | ({"clip_s": clip_s} if dataset == "audioset" else {})
        root, out = folder / dataset / "raw", folder / dataset / "prepared"
        took = timer.once(partial(_write, root, dataset, settings))
        listing = read(dataset, root)
        form = {"min_samples": 1, "max_s": 60.0, "clips_per_part": 256}
        again = timer.seconds(partial(prepare, listing, root, out, **form))  # type: ignore[arg-type]
        prepared_clips = stored(out, DATASETS[dataset].splits)
        number = listing.listed
        seconds = float(prepared_clips.lengths.mean()) * number / RATE_HZ
        rate = (44_100 if dataset == "fsd50k" else 16_000) / 44_100
        synthesised.append((other(synthesised_clip=number, synthesised_s=seconds * rate), took))
        prepared.append((other(prepared_clip=number, prepared_s=seconds * rate), again))
    yield synthesised
    yield prepared


def _write(root: Path, dataset: str, settings: dict) -> None:
    for name, content in raw_corpus(dataset, settings, 0):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


def _clip_s(plan: Plan) -> float:
    """Seconds that every recipe's crops can be cut from."""
    recipes = plan.training.recipes.values()
    return max(2.5, *(recipe.needed_s for recipe in recipes))


def _steps(plan: Plan) -> dict[str, list[Training]]:
    """Different kinds of steps of the plan, from the cheapest to the dearest, some of each kind."""
    every = [training(plan, model) for model in plan.models]
    every += [of for probe in plan.probes.values() for of in probings(plan, probe)]
    chosen = {}
    for kind, number in STEPS.items():
        alike = {one.step: one for one in every if one.step.kind == kind}
        ordered = sorted(alike.values(), key=lambda one: one.step.cost.flops)
        chosen[kind] = _spread(ordered, number)
    return chosen


def _spread(ordered: Sequence, number: int) -> list:
    """At most `number` of a sequence, evenly spaced, the first and the last among them."""
    if len(ordered) <= number:
        return list(ordered)
    return [ordered[round(i * (len(ordered) - 1) / (number - 1))] for i in range(number)]


def _step(one: Training, corpus: StoredClips, timer: Timer) -> tuple[Timing, float]:
    """Return a step's work and seconds, from a few passes over a few clips, and how many seconds
    more the first pass takes."""
    device, classes = timer.device, len(corpus.classes)
    alone = replace(one.step, clips=2, outputs=classes)
    room = int(SMALL_FLOPS[device.type] // max(1.0, alone.cost.flops / 2))
    step = replace(alone, clips=max(2, min(one.step.clips, room, len(corpus) // 2)))
    recipe = replace(
        one.recipe,
        objective="contrastive" if step.contrastive else "multilabel",
        batch_size=step.clips,
        negatives_within=None,
        epochs=1000,
        warmup_epochs=0,
        select="last",
        holdout=0,
        checkpoints=0,
        precision=pick_precision(one.recipe.precision, device),
    )
    encoder = CNN12(step.architecture)
    if step.heads:
        widths = {layer: retained_features(step.architecture, layer) for layer in step.heads}
        model: SoundModel | Probes = Probes(
            encoder, {n: nn.Linear(w, classes) for n, w in widths.items()}
        )
    else:
        head = ("projection", step.architecture.features)
        model = SoundModel(encoder, *(head if step.contrastive else ("classifier", classes)))
    steps = max(1, min(6, len(corpus) // step.clips))
    left_out = np.arange(steps * step.clips, len(corpus))
    stream = CropStream(corpus, cutting(recipe), ("calibration",), step.clips, 4096, left_out)
    passes = train(
        model, stream, recipe, np.random.default_rng(0), freeze_encoder=step.frozen, device=device
    )
    took, more = timer.apart(lambda: next(passes))
    return (step.work, took / steps), more


def _slower(found: Mapping[str, float], assumed: Mapping[str, float]) -> float:
    """Return how many times as long as assumed this machine takes, in the median of the rates that
    are timed here and are no passes of a network; a first training step is among them."""
    timed = [unit for unit in UNITS if unit not in UNTIMED and assumed[unit] and found[unit]]
    return median(found[unit] / assumed[unit] for unit in timed)


def _shapes(plan: Plan) -> list[tuple[Architecture, int, int]]:
    """Return batches to time, each a network, samples of a clip and number of clips.

    Two for each network of the plan: one of the shortest clips alone, which tells what a call
    costs, and a full batch of the longest.
    """
    encoders = dict.fromkeys(plan.architecture(plan.run_of(model).name) for model in plan.models)
    scored = sorted({plan.run_of(model).dataset for model in plan.models})
    some = [clips(plan.config, dataset, plan.scored_split(dataset)) for dataset in scored]
    lengths = sorted(one.samples for one in [*some, mined(plan)])
    batch = round(plan.evaluation.batch_s * RATE_HZ)
    sizes = [(lengths[0], 1), (lengths[-1], max(1, batch // lengths[-1]))]
    return [(encoder, *size) for encoder in encoders for size in sizes]


def _limited(encoder: Architecture, samples: int, number: int, passes: float, timer: Timer) -> int:
    flops = network.forward(encoder, samples).flops * passes
    return max(1, min(number, int(SMALL_FLOPS[timer.device.type] // flops)))


@torch.no_grad()
def _forward(encoder: Architecture, samples: int, number: int, timer: Timer) -> Timing:
    number = _limited(encoder, samples, number, 1, timer)
    model, x = _random(encoder, timer), _noise(number, samples, timer)
    cost = network.forward(encoder, samples) + network.features(encoder)
    with torch.no_grad():
        took = timer.seconds(lambda: model(x))
    return run("forward", 1, cost * number), took


def _sonify(encoder: Architecture, samples: int, number: int, plan: Plan, timer: Timer) -> Timing:
    number = _limited(encoder, samples, number, 6, timer)
    stage = plan.config.sonification
    explainer = build_explainer(stage.method, _random(encoder, timer), precision=stage.precision)
    x = _noise(number, samples, timer)
    cost = network.forward(encoder, samples) + network.each_layer_back(encoder, samples)
    took = timer.seconds(lambda: list(most_active(explainer, x, [stage.rule])))
    return run("sonify", 1, cost * number), took


def _maps(encoder: Architecture, samples: int, number: int, plan: Plan, timer: Timer) -> Timing:
    number = _limited(encoder, samples, number, 1, timer)
    explainer = build_explainer(plan.config.sonification.method, _random(encoder, timer))
    x, cost = _noise(number, samples, timer), network.forward(encoder, samples) * number
    took = timer.seconds(lambda: [h.mean(-1) for h in explainer.maps(x, pooled=False)])
    return run("maps", 1, cost), took


def _random(encoder: Architecture, timer: Timer) -> SoundModel:
    return SoundModel(CNN12(encoder), "classifier", 20).to(timer.device).eval()


def _noise(number: int, samples: int, timer: Timer) -> torch.Tensor:
    return (0.1 * torch.randn(number, samples)).to(timer.device)


def _fitted(kind: str, timings: Iterable[Timing]) -> dict[str, float]:
    """Rates of a kind of run; none if the plan has no such run."""
    known = list(timings)
    units = [f"{kind}_{part}" for part in ("call", "flop", "value")]
    return dict(rates(known, units)) if known and kind in KINDS else {}
