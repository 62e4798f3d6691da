"""Ground truth from stems: how well a sonification isolates one of the sources of its clip."""

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from sonify.evaluation.stage import ClipsRead, Options, Result, Stage
from sonify.evaluation.stages.stimulation import ControlSettings

if TYPE_CHECKING:
    from sonify.models.job import ModelJob
    from sonify.plan.plan import Plan


SUFFIXES = (".flac", ".wav", ".ogg", ".mp3")  # of the files in a clip's folder that are its stems


class StemsOptions(Options, frozen=True, kw_only=True):
    """Block `evaluation.stems`."""

    folder: (
        Annotated[
            str,
            Meta(
                description="Folder with a folder for each clip of coherence's split, named as the "
                "clip, with its stems: audio files as long as the clip. null: those of a "
                "synthesised corpus; other corpora have none, and are not measured.",
                min_length=1,
            ),
        ]
        | None
    )


class StemsSettings(ControlSettings, frozen=True, kw_only=True):
    """Settings of one job; inside: the stems' folder below the input."""

    inside: str


def _jobs(plan: "Plan") -> list[str]:
    stage = plan.evaluation.coherence
    return [] if plan.stems_inside(stage.dataset) is None else plan.models_beyond(stage.runs)


def _clips(plan: "Plan", model: str) -> ClipsRead:
    stage = plan.evaluation.coherence
    return ClipsRead(stage.dataset, (stage.split,))


def _settings(plan: "Plan", model: str) -> StemsSettings:
    stage = plan.evaluation.coherence
    return StemsSettings(
        **plan.explaining,
        split=stage.split,
        rule=plan.config.sonification.rule,
        inside=plan.stems_inside(stage.dataset) or "",
    )


def _compute(job: "ModelJob[StemsSettings]") -> Result:
    from sonify.evaluation.measurements.stems import stems_table

    with job.progress("stems") as bar:
        table = stems_table(
            job.model,
            job.card,
            job.parts(),
            job.inputs["stems"] / job.settings.inside,
            rule=job.settings.rule,
            method=job.settings.method,
            precision=job.settings.precision,
            progress=bar.update,
            **job.running,
        )
    summary = f"{job.named('stems')}: {table['clip_id'].nunique()} clips with stems"
    return Result({"stems": table}, summary)


STAGE = Stage(
    name="stems",
    tables=("stems",),
    jobs=_jobs,
    clips=_clips,
    settings=_settings,
    settings_type=StemsSettings,
    options=StemsOptions,
    needs=("stems",),
    compute=_compute,
    beyond=True,
)
