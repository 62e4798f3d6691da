"""Properties of every filter: activity, label purity, spectrum, coherence (section 3.3)."""

from typing import TYPE_CHECKING

from sonify.evaluation.stage import Result, Stage
from sonify.models.settings import JobSettings
from sonify.sonification.settings import Mining

if TYPE_CHECKING:
    from sonify.models.job import ModelJob
    from sonify.plan.plan import Plan


class FiltersSettings(JobSettings, frozen=True, kw_only=True):
    """Settings of one job."""

    top_k: int
    nperseg: int
    mining: Mining


def _settings(plan: "Plan", model: str) -> FiltersSettings:
    stage, sonification = plan.evaluation.coherence, plan.config.sonification
    return FiltersSettings(
        **plan.on_clips,
        split=sonification.split,
        mining=sonification.mining,
        top_k=stage.top_k,
        nperseg=stage.nperseg,
    )


def _compute(job: "ModelJob[FiltersSettings]") -> Result:
    from sonify.contracts import tables
    from sonify.data.mined import mined
    from sonify.evaluation.measurements.filters import filters_table

    top = job.table("top_activations")
    mining = job.settings.mining
    with job.progress("filters", job.n_clips + len(top), unit="sounds") as bar:
        table = filters_table(
            job.model,
            job.card,
            mined(job.parts(), mining.exclude_labels, mining.crop_s),
            top,
            tables.read_parts(job.inputs["sonifications"], "sonifications", rows=16),
            top_k=job.settings.top_k,
            nperseg=job.settings.nperseg,
            progress=bar.update,
            **job.running,
        )
    dead = int(table["dead"].sum())
    return Result(
        {"filters": table}, f"{job.named('filters')}: {len(table)} filters, {dead} of them dead"
    )


STAGE = Stage(
    name="filters",
    tables=("filters",),
    jobs=lambda plan: plan.sonified_models,
    clips=lambda plan, model: plan.mined_clips,
    settings=_settings,
    settings_type=FiltersSettings,
    needs=("top_activations", "sonifications"),
    compute=_compute,
)
