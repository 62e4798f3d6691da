"""The removal test (section 4.1, Figure 6): mAP of clips without a layer's sonification."""

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from sonify.evaluation.option_types import ClipOptions
from sonify.evaluation.stage import ClipsRead, Result, Stage
from sonify.sonification.settings import ExplainerSettings

if TYPE_CHECKING:
    from sonify.models.job import ModelJob
    from sonify.plan.plan import Plan


class RemovalOptions(ClipOptions, frozen=True, kw_only=True):
    """Block `evaluation.removal`."""

    rescale_residual: Annotated[
        bool, Meta(description="Scale x - s back to the peak of x before scoring it.")
    ]


class Condition(msgspec.Struct, frozen=True):
    """The choices that the paper's text leaves open: the rule by which the most active map is
    chosen, and whether the residual is scaled back to the clip's own peak."""

    rule: str
    rescaled: bool


class RemovalSettings(ExplainerSettings, frozen=True, kw_only=True):
    """Settings of one job; the first condition is the configured one."""

    conditions: tuple[Condition, ...]


def _clips(plan: "Plan", model: str) -> ClipsRead:
    stage = plan.evaluation.removal
    return ClipsRead(stage.dataset, (stage.split,))


def _settings(plan: "Plan", model: str) -> RemovalSettings:
    stage, choices = plan.evaluation.removal, plan.evaluation.sensitivity
    rule, rescaled = plan.config.sonification.rule, stage.rescale_residual
    conditions = [Condition(rule, rescaled)]
    if plan.compares_choices(model):
        conditions += [Condition(other, rescaled) for other in choices.rules if other != rule]
        conditions += [
            Condition(rule, other) for other in choices.rescale_residual if other != rescaled
        ]
    return RemovalSettings(
        **plan.explaining,
        split=stage.split,
        conditions=tuple(conditions),
    )


def _how(job: "ModelJob[RemovalSettings]") -> dict[str, Any]:
    return {
        "conditions": job.settings.conditions,
        "method": job.settings.method,
        "precision": job.settings.precision,
        "kept": job.kept(),
        **job.running,
    }


def _share(job: "ModelJob[RemovalSettings]") -> None:
    from sonify.evaluation.measurements.removal import removal_parts

    with job.progress("removal") as bar:
        removal_parts(job.model, job.stored(), progress=bar.update, **_how(job))


def _compute(job: "ModelJob[RemovalSettings]") -> Result:
    from sonify.evaluation.measurements.removal import removal_table

    with job.progress("removal") as bar:
        table = removal_table(job.model, job.card, job.stored(), progress=bar.update, **_how(job))
    summary = f"{job.named('removal')}: {job.n_clips} clips, {table['layer'].max()} layers"
    return Result({"removal": table}, summary)


STAGE = Stage(
    name="removal",
    tables=("removal",),
    jobs=lambda plan: plan.models_of(plan.evaluation.removal.runs),
    clips=_clips,
    settings=_settings,
    settings_type=RemovalSettings,
    options=RemovalOptions,
    compute=_compute,
    share=_share,
)
