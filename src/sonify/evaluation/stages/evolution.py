"""Evolution of features over training (section 3.4, Figure 5)."""

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from sonify.evaluation.option_types import LayerNumbers, RunNames
from sonify.evaluation.stage import Options, Result, Stage
from sonify.sonification.settings import ExplainerSettings, Mining

if TYPE_CHECKING:
    from sonify.models.job import ModelJob
    from sonify.plan.plan import Plan


class EvolutionOptions(Options, frozen=True):
    """Block `evaluation.evolution`."""

    runs: RunNames
    layers: LayerNumbers
    filters_per_layer: Annotated[
        int, Meta(ge=1, le=100, description="Filters drawn at random from each layer.")
    ]


class EvolutionSettings(ExplainerSettings, frozen=True, kw_only=True):
    """Settings of one job."""

    layers: tuple[int, ...]
    filters_per_layer: int
    mining: Mining


def _settings(plan: "Plan", model: str) -> EvolutionSettings:
    stage, sonification = plan.evaluation.evolution, plan.config.sonification
    return EvolutionSettings(
        **plan.explaining,
        split=sonification.split,
        mining=sonification.mining,
        layers=stage.layers,
        filters_per_layer=stage.filters_per_layer,
    )


def _compute(job: "ModelJob[EvolutionSettings]") -> Result:
    from functools import partial

    from sonify.data.mined import mined
    from sonify.evaluation.measurements.evolution import evolution_table
    from sonify.models import checkpoint

    top = job.table("top_activations")
    mining = job.settings.mining
    epochs = checkpoint.kept(job.folder)
    with job.progress("evolution", len(epochs), unit="checkpoints") as bar:
        table = evolution_table(
            partial(checkpoint.load_kept, job.folder, device=job.device),
            epochs,
            top,
            lambda: mined(job.parts(), mining.exclude_labels, mining.crop_s),
            rule=mining.rule,
            layers=job.settings.layers,
            filters_per_layer=job.settings.filters_per_layer,
            method=job.settings.method,
            precision=job.settings.precision,
            progress=bar.update,
            **job.running,
        )
    summary = f"{job.named('evolution')}: {len(table)} sonifications at {len(epochs)} checkpoints"
    return Result({"evolution": table}, summary)


STAGE = Stage(
    name="evolution",
    tables=("evolution",),
    jobs=lambda plan: plan.models_of(plan.evaluation.evolution.runs),
    clips=lambda plan, model: plan.mined_clips,
    settings=_settings,
    settings_type=EvolutionSettings,
    options=EvolutionOptions,
    needs=("top_activations", "checkpoints"),
    compute=_compute,
)
