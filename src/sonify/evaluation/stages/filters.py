"""Properties of every filter: activity, label purity, spectrum, coherence (section 3.3)."""

from typing import TYPE_CHECKING, Any

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


def _how(job: "ModelJob[FiltersSettings]") -> dict[str, Any]:
    from sonify.contracts import tables

    settings, file = job.settings, job.inputs["sonifications"]
    return {
        "parts": job.stored(),
        "sonifications": tables.read_parts(file, "sonifications", rows=16),
        "top_k": settings.top_k,
        "nperseg": settings.nperseg,
        "mining": settings.mining,
        "kept": job.kept(),
        **job.running,
    }


def _share(job: "ModelJob[FiltersSettings]") -> None:
    from sonify.evaluation.measurements.filters import filter_parts

    top = job.table("top_activations")
    with job.progress("filters", job.n_clips + job.share_of(len(top)), unit="sounds") as bar:
        filter_parts(job.model, top=top, progress=bar.update, **_how(job))


def _compute(job: "ModelJob[FiltersSettings]") -> Result:
    from sonify.evaluation.measurements.filters import filters_table

    top = job.table("top_activations")
    with job.progress("filters", job.n_clips + len(top), unit="sounds") as bar:
        table = filters_table(job.model, job.card, top=top, progress=bar.update, **_how(job))
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
    share=_share,
)
