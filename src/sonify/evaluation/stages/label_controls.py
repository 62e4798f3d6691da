"""Label purity against that of an untrained network, and of clips drawn at random."""

from typing import TYPE_CHECKING

from sonify.evaluation.stage import Result, Stage
from sonify.models.settings import JobSettings
from sonify.sonification.settings import Mining

if TYPE_CHECKING:
    from sonify.models.job import ModelJob
    from sonify.plan.plan import Plan


class LabelControlsSettings(JobSettings, frozen=True, kw_only=True):
    """Settings of one job."""

    mining: Mining


def _settings(plan: "Plan", model: str) -> LabelControlsSettings:
    mining = plan.config.sonification.mining
    return LabelControlsSettings(**plan.on_clips, split=plan.mined_clips.splits[0], mining=mining)


def _compute(job: "ModelJob[LabelControlsSettings]") -> Result:
    from sonify.data.mined import mined
    from sonify.evaluation.measurements.label_controls import label_controls_table

    mining, top = job.settings.mining, job.table("top_activations")
    with job.progress("label controls") as bar:
        table = label_controls_table(
            job.card,
            mined(job.parts(), mining.exclude_labels, mining.crop_s),
            top,
            rule=mining.rule,
            progress=bar.update,
            **job.running,
        )
    summary = f"{job.named('label controls')}: {len(table) // 2} filters, and as many untrained"
    return Result({"label_controls": table}, summary)


STAGE = Stage(
    name="label_controls",
    tables=("label_controls",),
    jobs=lambda plan: plan.models_beyond(plan.config.sonification.runs),
    clips=lambda plan, model: plan.mined_clips,
    settings=_settings,
    settings_type=LabelControlsSettings,
    needs=("top_activations",),
    compute=_compute,
    beyond=True,
)
