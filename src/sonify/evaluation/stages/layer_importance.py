"""Layer importance (appendix B, Figure 4): probes on the first layers of a pretrained encoder."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta

from sonify.evaluation.option_types import RunNames
from sonify.evaluation.stage import ClipsRead, Options, Result, Stage
from sonify.models.settings import JobSettings

if TYPE_CHECKING:
    from sonify.models.job import ModelJob
    from sonify.plan.files import Plan


class ProbeOptions(Options, frozen=True):
    """One curve of Figure 4."""

    recipe: Annotated[str, Meta(description="Name of a recipe.")]
    finetune: Annotated[
        Literal["fconly", "full"], Meta(description="Train the classifier alone, or everything.")
    ]
    split: Annotated[
        str, Meta(description="Split of the recipe's dataset that they are scored on.")
    ]


class LayerImportanceOptions(Options, frozen=True):
    """Block `evaluation.layer_importance`."""

    starts: RunNames
    probes: Annotated[
        list[ProbeOptions],
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


class LayerImportanceSettings(JobSettings, frozen=True, kw_only=True):
    """Settings of one job: the probes, how they are trained, and the split they are scored on."""

    run: dict
    seed: int
    layers: tuple[int, ...]
    recipe: dict


def _clips(plan: "Plan", job: str) -> ClipsRead:
    probe = plan.probes[job]
    return ClipsRead(probe.run.dataset, tuple(sorted({*probe.run.splits, probe.split})))


def _model(plan: "Plan", job: str) -> str:
    probe = plan.probes[job]
    return f"{probe.run.start}-s{probe.seed}"


def _settings(plan: "Plan", job: str) -> LayerImportanceSettings:
    probe = plan.probes[job]
    return LayerImportanceSettings(
        **plan.on_clips,
        split=probe.split,
        run=asdict(probe.run),
        seed=probe.seed,
        layers=probe.layers,
        recipe=plan.training["recipes"][probe.run.recipe] | plan.training["reader"],
    )


def _compute(job: "ModelJob[LayerImportanceSettings]") -> Result:
    from sonify.data.stored import stored
    from sonify.evaluation.measurements.layer_importance import layer_importance_table, passes
    from sonify.runtime.progress import Progress
    from sonify.training.probes import probing_from

    probing = probing_from(msgspec.to_builtins(job.settings))
    name = f"probe {probing.model}"
    with Progress(passes(probing), name, unit="passes") as bar:
        table = layer_importance_table(
            probing,
            (job.model, job.card),
            stored(job.data, probing.run.splits),
            job.parts,
            progress=bar.update,
            **job.running,
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
    settings_type=LayerImportanceSettings,
    options=LayerImportanceOptions,
    priority=5,
    trains=True,
    compute=_compute,
)
