"""Controls for the removal test: other sounds of the same energy in place of the sonification."""

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from sonify.evaluation.stage import ClipsRead, Options, Result, Stage
from sonify.evaluation.stages.stimulation import ControlSettings

if TYPE_CHECKING:
    from sonify.models.job import ModelJob
    from sonify.plan.plan import Plan


class RemovalControlsOptions(Options, frozen=True, kw_only=True):
    """Block `evaluation.removal_controls`."""

    fractions: Annotated[
        tuple[Annotated[float, Meta(gt=0, le=100)], ...],
        Meta(
            description="Energies that are subtracted besides that of the sonification, as "
            "fractions of the clip's.",
            extra_json_schema={"uniqueItems": True},
        ),
    ]


class RemovalControlsSettings(ControlSettings, frozen=True, kw_only=True):
    """Settings of one job."""

    fractions: tuple[float, ...]


def _clips(plan: "Plan", model: str) -> ClipsRead:
    stage = plan.evaluation.removal
    return ClipsRead(stage.dataset, (stage.split,))


def _settings(plan: "Plan", model: str) -> RemovalControlsSettings:
    return RemovalControlsSettings(
        **plan.explaining,
        split=plan.evaluation.removal.split,
        rule=plan.config.sonification.rule,
        fractions=plan.evaluation.removal_controls.fractions,
    )


def _compute(job: "ModelJob[RemovalControlsSettings]") -> Result:
    from sonify.evaluation.measurements.removal_controls import removal_controls_table

    with job.progress("removal controls") as bar:
        table = removal_controls_table(
            job.model,
            job.card,
            job.parts(),
            rule=job.settings.rule,
            fractions=job.settings.fractions,
            method=job.settings.method,
            precision=job.settings.precision,
            progress=bar.update,
            **job.running,
        )
    sounds = table["sound"].nunique() - 1
    summary = f"{job.named('removal controls')}: {job.n_clips} clips, {sounds} sounds"
    return Result({"removal_controls": table}, summary)


STAGE = Stage(
    name="removal_controls",
    tables=("removal_controls",),
    jobs=lambda plan: plan.models_beyond(plan.control_runs),
    clips=_clips,
    settings=_settings,
    settings_type=RemovalControlsSettings,
    options=RemovalControlsOptions,
    compute=_compute,
    beyond=True,
)
