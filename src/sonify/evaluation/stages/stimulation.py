"""Stimulation: how strongly sonifications excite the filters they were made from."""

from typing import TYPE_CHECKING

from sonify.evaluation.stage import ClipsRead, Result, Stage
from sonify.sonification.settings import ExplainerSettings

if TYPE_CHECKING:
    from sonify.models.job import ModelJob
    from sonify.plan.plan import Plan


class ControlSettings(ExplainerSettings, frozen=True, kw_only=True):
    """Settings of one job; rule: chooses the most active map."""

    rule: str


def _clips(plan: "Plan", model: str) -> ClipsRead:
    """The clips of Figure 7."""
    stage = plan.evaluation.coherence
    return ClipsRead(stage.dataset, (stage.split,))


def _settings(plan: "Plan", model: str) -> ControlSettings:
    split = plan.evaluation.coherence.split
    return ControlSettings(**plan.explaining, split=split, rule=plan.config.sonification.rule)


def _compute(job: "ModelJob[ControlSettings]") -> Result:
    from sonify.evaluation.measurements.stimulation import stimulation_table

    with job.progress("stimulation") as bar:
        table = stimulation_table(
            job.model,
            job.card,
            job.parts(),
            rule=job.settings.rule,
            method=job.settings.method,
            precision=job.settings.precision,
            progress=bar.update,
            **job.running,
        )
    summary = f"{job.named('stimulation')}: {job.n_clips} clips, {table['layer'].max()} layers"
    return Result({"stimulation": table}, summary)


STAGE = Stage(
    name="stimulation",
    tables=("stimulation",),
    jobs=lambda plan: plan.models_beyond(plan.evaluation.coherence.runs),
    clips=_clips,
    settings=_settings,
    settings_type=ControlSettings,
    compute=_compute,
    beyond=True,
)
