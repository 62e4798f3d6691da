"""Controls for coherence: the scores of sounds that training has not shaped."""

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from sonify.evaluation.stage import ClipsRead, Options, Result, Stage
from sonify.evaluation.stages.stimulation import ControlSettings

if TYPE_CHECKING:
    from sonify.models.job import ModelJob
    from sonify.plan.plan import Plan


class CoherenceControlsOptions(Options, frozen=True, kw_only=True):
    """Block `evaluation.coherence_controls`."""

    cascade: Annotated[
        tuple[Annotated[int, Meta(ge=1, le=64)], ...],
        Meta(
            description="Numbers of layers that are randomised, counted from the last layer and "
            "from the first; as many as there are layers, or more, are left out.",
            extra_json_schema={"uniqueItems": True},
        ),
    ]


class CoherenceControlsSettings(ControlSettings, frozen=True, kw_only=True):
    """Settings of one job."""

    cascade: tuple[int, ...]
    top_k: int
    nperseg: int


def _clips(plan: "Plan", model: str) -> ClipsRead:
    stage = plan.evaluation.coherence
    return ClipsRead(stage.dataset, (stage.split,))


def _settings(plan: "Plan", model: str) -> CoherenceControlsSettings:
    stage = plan.evaluation.coherence
    return CoherenceControlsSettings(
        **plan.explaining,
        split=stage.split,
        rule=plan.config.sonification.rule,
        cascade=plan.evaluation.coherence_controls.cascade,
        top_k=stage.top_k,
        nperseg=stage.nperseg,
    )


def _compute(job: "ModelJob[CoherenceControlsSettings]") -> Result:
    from sonify.evaluation.measurements.coherence_controls import coherence_controls_table

    with job.progress("coherence controls") as bar:
        table = coherence_controls_table(
            job.model,
            job.card,
            job.parts(),
            rule=job.settings.rule,
            cascade=job.settings.cascade,
            top_k=job.settings.top_k,
            nperseg=job.settings.nperseg,
            method=job.settings.method,
            precision=job.settings.precision,
            progress=bar.update,
            **job.running,
        )
    sounds = table["sound"].nunique()
    summary = f"{job.named('coherence controls')}: {job.n_clips} clips, {sounds} sounds"
    return Result({"coherence_controls": table}, summary)


STAGE = Stage(
    name="coherence_controls",
    tables=("coherence_controls",),
    jobs=lambda plan: plan.models_beyond(plan.evaluation.coherence.runs),
    clips=_clips,
    settings=_settings,
    settings_type=CoherenceControlsSettings,
    options=CoherenceControlsOptions,
    compute=_compute,
    beyond=True,
)
