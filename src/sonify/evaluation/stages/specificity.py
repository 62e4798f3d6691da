"""Specificity: how strongly the sonifications of every filter's top clips excite it."""

from typing import TYPE_CHECKING

from sonify.evaluation.stage import Result, Stage
from sonify.sonification.settings import ExplainerSettings

if TYPE_CHECKING:
    from sonify.models.job import ModelJob
    from sonify.plan.plan import Plan


class SpecificitySettings(ExplainerSettings, frozen=True, kw_only=True):
    """Settings of one job; rule: of mining; inside: the stems' folder below the input of them."""

    rule: str
    inside: str | None


def _settings(plan: "Plan", model: str) -> SpecificitySettings:
    return SpecificitySettings(
        **plan.explaining,
        split=plan.mined_clips.splits[0],
        rule=plan.config.sonification.mining.rule,
        inside=plan.stems_inside(plan.mined_clips.dataset),
    )


def _compute(job: "ModelJob[SpecificitySettings]") -> Result:
    from sonify.contracts import tables
    from sonify.evaluation.measurements.specificity import specificity_table
    from sonify.sonification.methods import build_explainer

    settings = job.settings
    top = job.table("top_activations")
    stems = job.inputs["stems"] / (settings.inside or "") if "stems" in job.inputs else None
    with job.progress("specificity", len(top), unit="sonifications") as bar:
        table = specificity_table(
            build_explainer(settings.method, job.model, precision=settings.precision),
            job.card,
            job.parts(),
            tables.read_parts(job.inputs["sonifications"], "sonifications", rows=256),
            top.set_index("clip_id")["n_samples"],
            rule=settings.rule,
            stems=stems,
            device=job.device,
            progress=bar.update,
        )
    filters = len(top[["layer", "filter"]].drop_duplicates())
    summary = f"{job.named('specificity')}: {len(top)} sonifications of {filters} filters"
    return Result({"specificity": table}, summary)


STAGE = Stage(
    name="specificity",
    tables=("specificity",),
    jobs=lambda plan: plan.models_beyond(plan.config.sonification.runs),
    clips=lambda plan, model: plan.mined_clips,
    settings=_settings,
    settings_type=SpecificitySettings,
    needs=("top_activations", "sonifications", "stems"),
    compute=_compute,
    beyond=True,
)
