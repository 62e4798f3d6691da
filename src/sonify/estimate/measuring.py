"""The work of jobs that measure: what mining, rendering and each evaluation stage run and compute.

One function for each stage; a test sees to it that none is missing.
"""

from collections.abc import Callable

from sonify.contracts.audio_format import RATE_HZ
from sonify.estimate import network
from sonify.estimate.clips import Clips, clips
from sonify.estimate.network import Cost
from sonify.estimate.training import probings, scoring, start
from sonify.estimate.work import Work, other, run
from sonify.evaluation.stage import Stage
from sonify.models.architecture import Architecture
from sonify.plan.plan import Plan
from sonify.plan.registry import STAGES

# Different maps that three rules for the most active one choose, per layer and clip: of the
# miniature (table coherence); one rule chooses one.
DISTINCT = {1: 1.0, 2: 1.2, 3: 1.4}
TRACED = 2  # networks as which one that is loaded and then traced for sonifying counts
AT_ONCE = 4  # delays that are rendered together (evaluation.measurements.invariance)

Counted = Callable[[Plan, str], Work]


def mined(plan: Plan) -> Clips:
    """Return the clips that are mined, as they are mined."""
    dataset, (split,) = plan.mined_clips
    return clips(plan.config, dataset, split).centres(plan.config.sonification.mining.crop_s)


def mine(plan: Plan, model: str) -> Work:
    """Return the work of mining a model."""
    ranked = mined(plan).number * sum(_network(plan, model).filters)
    return _maps(plan, model) + other(ranked=ranked, network=TRACED)


def render(plan: Plan, model: str) -> Work:
    """Return the work of sonifying every filter's clips, layer by layer."""
    encoder, some, top = _network(plan, model), mined(plan), plan.config.sonification.top
    done = other(kept_s=sonified_s(plan, model), network=TRACED)
    for layer, filters in enumerate(encoder.filters, start=1):
        asked = min(top, some.number) * filters
        different = some.number * (1 - (1 - 1 / some.number) ** asked)
        back = network.back_projection(encoder, some.samples, layer) * asked
        once = network.forward(encoder, some.samples, layer) * different
        done += run("sonify", asked * some.samples / _batch(plan) + 1, back + once)
    return done


def sonified_s(plan: Plan, model: str) -> float:
    """Return the seconds of all sonifications of a model's filters."""
    some = mined(plan)
    top = min(plan.config.sonification.top, some.number)
    return top * sum(_network(plan, model).filters) * some.mean_s


def measuring(plan: Plan, stage: Stage, job: str) -> Work:
    """Return the work of a job of an evaluation stage."""
    return _WORK[stage.name](plan, job)


def counted() -> set[str]:
    """Return the stages whose work is counted."""
    return set(_WORK)


def _score(plan: Plan, model: str) -> Work:
    some = _clips(plan, "score", model)
    return scoring(_network(plan, model), some, _batch(plan)) + _metrics(some) + other(network=1)


def _removal(plan: Plan, model: str) -> Work:
    some, encoder = _clips(plan, "removal", model), _network(plan, model)
    conditions = STAGES["removal"].settings(plan, model).conditions  # type: ignore[attr-defined]
    maps = {
        rescaled: DISTINCT[len({c.rule for c in conditions if c.rescaled == rescaled})]
        for rescaled in {c.rescaled for c in conditions}
    }
    passes = 1 + encoder.n_layers * sum(maps.values())
    measured = 1 + encoder.n_layers * len(conditions)
    return (
        _most_active(plan, encoder, some, len({c.rule for c in conditions}))
        + scoring(encoder, some, _batch(plan)) * passes
        + _metrics(some) * measured
        + other(network=TRACED)
    )


def _coherence(plan: Plan, model: str) -> Work:
    some, encoder = _clips(plan, "coherence", model), _network(plan, model)
    rules = len(STAGES["coherence"].settings(plan, model).rules)  # type: ignore[attr-defined]
    signals = encoder.n_layers * DISTINCT[rules]
    spectra = other(spectra_s=some.seconds * signals, network=TRACED)
    return _most_active(plan, encoder, some, rules) + spectra


def _coherence_by_filter(plan: Plan, model: str) -> Work:
    return other(peaks_s=sonified_s(plan, model)) + _described(plan, model)


def _filters(plan: Plan, model: str) -> Work:
    seconds = sonified_s(plan, model)  # which are read as well
    sounds = other(sound_s=seconds, kept_s=seconds, network=TRACED) + _described(plan, model)
    return _maps(plan, model) + sounds


def _evolution(plan: Plan, model: str) -> Work:
    encoder, some, stage = _network(plan, model), mined(plan), plan.evaluation.evolution
    states = len(plan.recipe(plan.run_of(model).recipe).kept_epochs)
    # Every state is loaded and traced twice.
    done = _maps(plan, model) * states + other(network=2 * TRACED * states)
    deepest = network.forward(encoder, some.samples, max(stage.layers))
    for layer in stage.layers:
        asked = 2 * stage.filters_per_layer * states  # on the fixed clip, and on its own
        back = network.back_projection(encoder, some.samples, layer)
        done += run("sonify", asked, (back + deepest) * asked)
        done += other(sound_s=asked * some.mean_s, kept_s=asked * some.mean_s)
    return done


def _invariance(plan: Plan, model: str) -> Work:
    encoder, stage = _network(plan, model), plan.evaluation.invariance
    dataset, (split,) = plan.mined_clips
    some = clips(plan.config, dataset, split)
    margin = -(-encoder.receptive_field // encoder.pool_stride) * encoder.pool_stride
    lengths = [2 * margin + some.samples + shift for shift in (0, *stage.shifts)]
    done = scoring(encoder, Clips(1, lengths[0] / RATE_HZ, some.classes, 0.0))
    for first in range(0, len(lengths), AT_ONCE):
        together = lengths[first : first + AT_ONCE]
        each = _forward_and_back(encoder, max(together))
        done += run("sonify", 1, each * len(together))
    return done * min(stage.clips, some.number) + other(network=TRACED)


def _layer_importance(plan: Plan, job: str) -> Work:
    probe = plan.probes[job]
    some = clips(plan.config, probe.run.dataset, probe.split).cropped(probe.crop_s)
    encoder, trained = plan.architecture(start(probe)), probings(plan, probe)
    # Each training has a copy of the encoder, and writes and is scored on its own.
    done = sum((training.work for training in trained), other(network=1 + len(trained)))
    done += other(first_step=any(not training.step.frozen for training in trained))
    for heads in [training.step.heads for training in trained] or [(encoder.whole,)]:
        cost = network.forward(encoder, some.samples, min(max(heads), encoder.n_layers))
        done += run("forward", some.batches(_batch(plan)), cost * some.number)
        done += _metrics(some) * len(heads)
    return done


_WORK: dict[str, Counted] = {
    "score": _score,
    "removal": _removal,
    "coherence": _coherence,
    "coherence_by_filter": _coherence_by_filter,
    "filters": _filters,
    "evolution": _evolution,
    "invariance": _invariance,
    "layer_importance": _layer_importance,
}


def _metrics(some: Clips) -> Work:
    """Return the work of the metrics of one set of scores, resamples included."""
    return other(score=some.number * some.classes, ranking=some.classes)


def _described(plan: Plan, model: str) -> Work:
    """Return the work of describing each sonification in a row of a table."""
    top = min(plan.config.sonification.top, mined(plan).number)
    return other(described=top * sum(_network(plan, model).filters))


def _maps(plan: Plan, model: str) -> Work:
    """Return the work of computing all feature maps of the mined clips."""
    some = mined(plan)
    cost = network.forward(_network(plan, model), some.samples) * some.number
    return run("maps", some.batches(_batch(plan)), cost)


def _most_active(plan: Plan, encoder: Architecture, some: Clips, rules: int) -> Work:
    """Return the work of passing clips forward, then, in every layer, back from each map that one
    of `rules` rules finds most active."""
    once = network.forward(encoder, some.samples)
    back = network.each_layer_back(encoder, some.samples) * DISTINCT[rules]
    return run("sonify", some.batches(_batch(plan)), (once + back) * some.number)


def _forward_and_back(encoder: Architecture, samples: int) -> Cost:
    return network.forward(encoder, samples) + network.each_layer_back(encoder, samples)


def _network(plan: Plan, model: str) -> Architecture:
    return plan.architecture(plan.run_of(model).name)


def _clips(plan: Plan, stage: str, job: str) -> Clips:
    """Return the clips of a stage that reads one split."""
    dataset, (split,) = STAGES[stage].clips(plan, job)
    return clips(plan.config, dataset, split)


def _batch(plan: Plan) -> float:
    return plan.evaluation.batch_s * RATE_HZ
