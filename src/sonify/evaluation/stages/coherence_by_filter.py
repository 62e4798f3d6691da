"""Coherence peaks of every filter's top clips (Figure 7, as the authors' code measures it)."""

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from sonify.evaluation.stage import Options, Result, Stage
from sonify.models.settings import JobSettings

if TYPE_CHECKING:
    from sonify.models.job import ModelJob
    from sonify.plan.plan import Plan


class CoherenceByFilterOptions(Options, frozen=True):
    """Block `evaluation.coherence_by_filter`."""

    nperseg: Annotated[
        int, Meta(ge=16, le=65536, description="Samples per segment of Welch's estimate.")
    ]
    noverlap: Annotated[int, Meta(ge=0, description="Samples that two segments have in common.")]
    nfft: Annotated[
        int, Meta(ge=16, le=65536, description="Length of the transform; bins are interpolated.")
    ]
    peaks: Annotated[
        int, Meta(ge=1, le=100, description="Highest local maxima of the coherence averaged.")
    ]


class CoherenceByFilterSettings(JobSettings, frozen=True, kw_only=True):
    """Settings of one job."""

    nperseg: int
    noverlap: int
    nfft: int
    peaks: int


def _settings(plan: "Plan", model: str) -> CoherenceByFilterSettings:
    stage = plan.evaluation.coherence_by_filter
    return CoherenceByFilterSettings(
        **plan.on_clips,
        split=plan.mined_clips.splits[0],
        nperseg=stage.nperseg,
        noverlap=stage.noverlap,
        nfft=stage.nfft,
        peaks=stage.peaks,
    )


def _compute(job: "ModelJob[CoherenceByFilterSettings]") -> Result:
    from sonify.contracts import tables
    from sonify.evaluation.measurements.coherence_by_filter import coherence_by_filter_table
    from sonify.evaluation.metrics.peaks import Peaks

    settings = job.settings
    top = job.table("top_activations")
    with job.progress("coherence by filter", len(top), unit="sonifications") as bar:
        table = coherence_by_filter_table(
            job.card,
            job.parts(),
            tables.read_parts(job.inputs["sonifications"], "sonifications", rows=256),
            top.set_index("clip_id")["n_samples"],
            Peaks(settings.nperseg, settings.noverlap, settings.nfft, count=settings.peaks),
            progress=bar.update,
        )
    filters = len(table) // settings.peaks
    return Result(
        {"coherence_by_filter": table},
        f"{job.named('coherence by filter')}: {len(top)} sonifications of {filters} filters",
    )


STAGE = Stage(
    name="coherence_by_filter",
    tables=("coherence_by_filter",),
    jobs=lambda plan: plan.sonified_models,
    clips=lambda plan, model: plan.mined_clips,
    settings=_settings,
    settings_type=CoherenceByFilterSettings,
    options=CoherenceByFilterOptions,
    needs=("top_activations", "sonifications"),
    compute=_compute,
)
