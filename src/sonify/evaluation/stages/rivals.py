"""Rivals of the deconvnet: other explanation methods on the same clips, filters and energies."""

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from sonify.evaluation.option_types import LayerNumbers
from sonify.evaluation.stage import ClipsRead, Options, Result, Stage
from sonify.models.settings import JobSettings

if TYPE_CHECKING:
    from sonify.models.job import ModelJob
    from sonify.plan.plan import Plan


class RivalsOptions(Options, frozen=True, kw_only=True):
    """Block `evaluation.rivals`."""

    clips: Annotated[int, Meta(ge=1, description="Clips of removal's split that are measured.")]
    layers: LayerNumbers
    shift: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Delay in samples at 8 kHz that sounds follow.")
    ]


class RivalsSettings(JobSettings, frozen=True, kw_only=True):
    """Settings of one job; inside: the folder of stems below the input, null if there is none."""

    clips: int
    layers: tuple[int, ...]
    shift: int
    rule: str
    top_k: int
    nperseg: int
    inside: str | None


def _clips(plan: "Plan", model: str) -> ClipsRead:
    stage = plan.evaluation.removal
    return ClipsRead(stage.dataset, (stage.split,))


def _settings(plan: "Plan", model: str) -> RivalsSettings:
    stage, removal = plan.evaluation.rivals, plan.evaluation.removal
    return RivalsSettings(
        **plan.on_clips,
        split=removal.split,
        clips=stage.clips,
        layers=tuple(sorted(stage.layers)),
        shift=stage.shift,
        rule=plan.config.sonification.rule,
        top_k=plan.evaluation.coherence.top_k,
        nperseg=plan.evaluation.coherence.nperseg,
        inside=plan.stems_inside(removal.dataset),
    )


def _compute(job: "ModelJob[RivalsSettings]") -> Result:
    from sonify.evaluation.measurements.rival_sounds import Methods
    from sonify.evaluation.measurements.rivals import rivals_tables

    settings = job.settings
    inside, n_clips = settings.inside, min(settings.clips, job.n_clips)
    with job.progress("rivals", n_clips * len(Methods.names), unit="sounds") as bar:
        made = rivals_tables(
            job.model,
            job.card,
            job.sizes,
            None if inside is None else job.inputs["stems"] / inside,
            clips=settings.clips,
            layers=settings.layers,
            shift=settings.shift,
            rule=settings.rule,
            top_k=settings.top_k,
            nperseg=settings.nperseg,
            progress=bar.update,
            **job.running,
        )
    summary = f"{job.named('rivals')}: {len(Methods.names)} methods, {n_clips} clips"
    return Result({"rivals": made.rivals, "rivals_removal": made.removal}, summary)


STAGE = Stage(
    name="rivals",
    tables=("rivals", "rivals_removal"),
    # One run is enough: of those whose removal has controls the last, which is fully finetuned.
    jobs=lambda plan: plan.models_beyond(plan.control_runs[-1:]),
    clips=_clips,
    settings=_settings,
    settings_type=RivalsSettings,
    options=RivalsOptions,
    needs=("stems",),
    compute=_compute,
    beyond=True,
)
