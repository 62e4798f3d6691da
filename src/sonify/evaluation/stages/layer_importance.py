"""Layer importance (appendix B, Figure 4): probes on the first layers of a pretrained encoder."""

from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from sonify.evaluation.option_types import RunNames, SeedCount
from sonify.evaluation.stage import ClipsRead, Options, Result, Stage
from sonify.training.settings import ProbingSettings

if TYPE_CHECKING:
    from sonify.models.job import ModelJob
    from sonify.plan.plan import Plan


class ProbeOptions(Options, frozen=True, kw_only=True):
    """One curve of Figure 4."""

    recipe: Annotated[str, Meta(description="Name of a recipe.")]
    finetune: Annotated[
        Literal["fconly", "full"], Meta(description="Train the classifier alone, or everything.")
    ]
    split: Annotated[
        str, Meta(description="Split of the recipe's dataset that they are scored on.")
    ]
    crop_s: (
        Annotated[
            float,
            Meta(
                gt=0,
                description="Seconds of the crop from each clip's centre that is scored; null: "
                "whole clips.",
            ),
        ]
        | None
    ) = None
    seeds: SeedCount | None = None


class LayerImportanceOptions(Options, frozen=True, kw_only=True):
    """Block `evaluation.layer_importance`."""

    starts: RunNames
    whole: Annotated[
        Literal["probe", "finetuned"],
        Meta(
            description="What the whole encoder is: one more probe, trained by the recipe of the "
            "others, or the run that finetunes the encoder on the probes' clips."
        ),
    ] = "probe"
    probes: Annotated[
        tuple[ProbeOptions, ...],
        Meta(
            min_length=1,
            description="How the probes are trained and what they are scored on.",
            extra_json_schema={"uniqueItems": True},
        ),
    ]
    layers_per_job: Annotated[
        int,
        Meta(ge=1, description="Probes of full finetuning that one job trains, one after another."),
    ]


def _clips(plan: "Plan", job: str) -> ClipsRead:
    probe = plan.probes[job]
    trained = () if probe.finetuned else probe.run.splits
    return ClipsRead(probe.run.dataset, tuple(sorted({*trained, probe.split})))


def _model(plan: "Plan", job: str) -> str:
    probe = plan.probes[job]
    return f"{probe.finetuned or probe.run.start}-s{probe.seed}"


def _settings(plan: "Plan", job: str) -> ProbingSettings:
    probe = plan.probes[job]
    return ProbingSettings(
        **plan.on_clips,
        split=probe.split,
        crop_s=probe.crop_s,
        run=probe.run,
        seed=probe.seed,
        layers=probe.layers,
        recipe=None if probe.finetuned else plan.recipe(probe.run.recipe),
    )


def _compute(job: "ModelJob[ProbingSettings]") -> Result:
    from sonify.data.stored import stored
    from sonify.evaluation.measurements.layer_importance import (
        layer_importance_table,
        passes,
        scored_clips,
        whole_encoder_table,
    )
    from sonify.runtime.progress import Progress
    from sonify.training.probes import Probing
    from sonify.training.resume import Saver

    settings = job.settings
    scored = scored_clips(job.data, settings.split, settings.crop_s, **job.running)
    if settings.recipe is None:
        table = whole_encoder_table(job.model, job.card, scored)
        value = table.set_index("metric")["value"]["mAP"]
        summary = f"{job.named('whole encoder')}: {job.n_clips} clips, mAP {value:.3f}"
        return Result({"layer_importance": table}, summary)
    probing = Probing(settings.run, settings.seed, settings.recipe, settings.layers)
    name = f"probe {probing.model}"
    saver = Saver(job.work, job.code)
    with Progress(passes(probing), name, unit="passes") as bar, saver:
        table = layer_importance_table(
            probing,
            (job.model, job.card),
            stored(job.data, probing.run.splits),
            scored,
            progress=bar.update,
            device=job.device,
            saver=saver,
        )
    best = table[table["metric"] == "mAP"].nlargest(1, "value").iloc[0]
    summary = (
        f"{name}: {job.n_clips} clips, mAP {best['value']:.3f} at best, after layer {best['layer']}"
    )
    return Result({"layer_importance": table}, summary)


STAGE = Stage(
    name="layer_importance",
    tables=("layer_importance",),
    jobs=lambda plan: list(plan.probes),
    model=_model,
    clips=_clips,
    settings=_settings,
    settings_type=ProbingSettings,
    options=LayerImportanceOptions,
    priority=5,
    trains=True,
    compute=_compute,
)
