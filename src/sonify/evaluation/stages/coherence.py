"""Coherence of every clip with the sonification of each layer's most active map (section 4.2)."""

from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from sonify.evaluation.option_types import ClipOptions
from sonify.evaluation.stage import ClipsRead, Result, Stage
from sonify.sonification.settings import ExplainerSettings

if TYPE_CHECKING:
    from sonify.models.job import ModelJob
    from sonify.plan.plan import Plan


class CoherenceOptions(ClipOptions, frozen=True, kw_only=True):
    """Block `evaluation.coherence`."""

    top_k: Annotated[int, Meta(ge=1, le=129, description="Bins averaged; k of equation 3.")]
    nperseg: Annotated[
        int, Meta(ge=16, le=65536, description="Samples per segment of Welch's estimate.")
    ]


class CoherenceSettings(ExplainerSettings, frozen=True, kw_only=True):
    """Settings of one job; the first rule is the configured one."""

    top_k: int
    nperseg: int
    rules: tuple[str, ...]


def _jobs(plan: "Plan") -> list[str]:
    """The configured runs, and those whose downsampling is compared (section 3.2)."""
    runs = [*plan.evaluation.coherence.runs, *plan.strided_runs]
    return plan.models_of(dict.fromkeys(runs))


def _clips(plan: "Plan", model: str) -> ClipsRead:
    stage = plan.evaluation.coherence
    return ClipsRead(stage.dataset, (stage.split,))


def _settings(plan: "Plan", model: str) -> CoherenceSettings:
    stage = plan.evaluation.coherence
    rule = plan.config.sonification.rule
    compared = plan.evaluation.sensitivity.rules if plan.compares_choices(model) else ()
    others = [other for other in compared if other != rule]
    return CoherenceSettings(
        **plan.explaining,
        split=stage.split,
        top_k=stage.top_k,
        nperseg=stage.nperseg,
        rules=(rule, *others),
    )


def _how(job: "ModelJob[CoherenceSettings]") -> dict[str, Any]:
    settings = job.settings
    return {
        "rules": settings.rules,
        "method": settings.method,
        "precision": settings.precision,
        "top_k": settings.top_k,
        "nperseg": settings.nperseg,
        "kept": job.kept(),
        **job.running,
    }


def _share(job: "ModelJob[CoherenceSettings]") -> None:
    from sonify.evaluation.measurements.coherence import coherence_parts

    with job.progress("coherence") as bar:
        coherence_parts(job.model, job.card, job.stored(), progress=bar.update, **_how(job))


def _compute(job: "ModelJob[CoherenceSettings]") -> Result:
    from sonify.evaluation.measurements.coherence import coherence_table

    with job.progress("coherence") as bar:
        table = coherence_table(job.model, job.card, job.stored(), progress=bar.update, **_how(job))
    summary = f"{job.named('coherence')}: {job.n_clips} clips, {table['layer'].max()} layers"
    return Result({"coherence": table}, summary)


STAGE = Stage(
    name="coherence",
    tables=("coherence",),
    jobs=_jobs,
    clips=_clips,
    settings=_settings,
    settings_type=CoherenceSettings,
    options=CoherenceOptions,
    compute=_compute,
    share=_share,
)
