"""Shift invariance: how exactly sonifications follow a delayed input (section 3.2, Figure B.3)."""

from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from sonify.evaluation.option_types import LayerNumber
from sonify.evaluation.stage import Options, Result, Stage
from sonify.sonification.settings import ExplainerSettings

if TYPE_CHECKING:
    from sonify.models.job import ModelJob
    from sonify.plan.plan import Plan


Shift = Annotated[int, Meta(ge=1, le=1_000_000, description="Delay in samples at 8 kHz.")]


class CaseOptions(Options, frozen=True):
    """The map of Figure B.3's own case."""

    layer: LayerNumber
    filter: Annotated[int, Meta(ge=0, description="Filter of the layer, from 0.")]


class InvarianceOptions(Options, frozen=True):
    """Block `evaluation.invariance`."""

    clips: Annotated[int, Meta(ge=1, description="Clips of the mined split that are delayed.")]
    shifts: Annotated[
        tuple[Shift, ...],
        Meta(
            min_length=1,
            description="Delays in samples at 8 kHz.",
            extra_json_schema={"uniqueItems": True},
        ),
    ]
    shown_shift: Shift
    case: (
        Annotated[
            CaseOptions,
            Meta(
                description="Map of which the case of Figure B.3 is repeated: shown_shift zeros "
                "before the clip, its tail cut off, and cross-correlations; null for none."
            ),
        ]
        | None
    ) = None


class InvarianceSettings(ExplainerSettings, frozen=True, kw_only=True):
    """Settings of one job."""

    clips: int
    shifts: tuple[int, ...]
    shown_shift: int
    case: tuple[int, int] | None
    rule: str


def _jobs(plan: "Plan") -> list[str]:
    """The sonified runs, and those whose downsampling is compared (section 3.2)."""
    runs = [*plan.config.sonification.runs, *plan.strided_runs]
    return plan.models_of(dict.fromkeys(runs))


def _settings(plan: "Plan", model: str) -> InvarianceSettings:
    stage, sonification = plan.evaluation.invariance, plan.config.sonification
    return InvarianceSettings(
        **plan.explaining,
        split=sonification.split,
        clips=stage.clips,
        shifts=stage.shifts,
        shown_shift=stage.shown_shift,
        case=stage.case and (stage.case.layer, stage.case.filter),
        rule=sonification.rule,
    )


def _compute(job: "ModelJob[InvarianceSettings]") -> Result:
    from sonify.evaluation.measurements.delayed_case import case_table
    from sonify.evaluation.measurements.invariance import invariance_tables

    settings = job.settings
    same: dict[str, Any] = {
        "clips": settings.clips,
        "method": settings.method,
        "precision": settings.precision,
    }
    case = case_table(
        job.model,
        job.card,
        job.sizes,
        shift=settings.shown_shift,
        case=settings.case,
        device=job.device,
        **same,
    )
    with job.progress("invariance", settings.clips) as bar:
        made = invariance_tables(
            job.model,
            job.card,
            job.sizes,
            shifts=settings.shifts,
            shown_shift=settings.shown_shift,
            rule=settings.rule,
            progress=bar.update,
            **same,
            **job.running,
        )
    n_clips = made.table["clip_id"].nunique()
    return Result(
        {
            "invariance": made.table,
            "invariance_example": made.example,
            "invariance_case": case,
        },
        f"{job.named('invariance')}: {n_clips} clips, {len(settings.shifts)} shifts",
    )


STAGE = Stage(
    name="invariance",
    tables=("invariance", "invariance_example", "invariance_case"),
    jobs=_jobs,
    clips=lambda plan, model: plan.mined_clips,
    settings=_settings,
    settings_type=InvarianceSettings,
    options=InvarianceOptions,
    compute=_compute,
)
