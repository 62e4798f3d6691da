"""How exactly sonifications follow a delay of the input (section 3.2, Figure B.3)."""

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from sonify.evaluation.stage import Options, Result, Stage
from sonify.models.settings import JobSettings

if TYPE_CHECKING:
    from sonify.models.job import ModelJob
    from sonify.plan.files import Plan


Shift = Annotated[int, Meta(ge=1, le=1_000_000, description="Delay in samples at 8 kHz.")]


class InvarianceOptions(Options, frozen=True):
    """Block `evaluation.invariance`."""

    clips: Annotated[int, Meta(ge=1, description="Clips of the mined split that are delayed.")]
    shifts: Annotated[
        list[Shift],
        Meta(
            min_length=1,
            description="Delays in samples at 8 kHz.",
            extra_json_schema={"uniqueItems": True},
        ),
    ]
    shown_shift: Shift


class InvarianceSettings(JobSettings, frozen=True, kw_only=True):
    """Settings of one job."""

    clips: int
    shifts: tuple[int, ...]
    shown_shift: int
    rule: str
    precision: str


def _jobs(plan: "Plan") -> list[str]:
    """The sonified runs, and those whose downsampling is compared (section 3.2)."""
    strided = plan.evaluation["strided"].values()
    return plan.models_of(dict.fromkeys([*plan.config["sonification"]["runs"], *strided]))


def _settings(plan: "Plan", model: str) -> InvarianceSettings:
    stage, sonification = plan.evaluation["invariance"], plan.config["sonification"]
    return InvarianceSettings(
        **plan.on_clips,
        split=sonification["split"],
        clips=stage["clips"],
        shifts=tuple(stage["shifts"]),
        shown_shift=stage["shown_shift"],
        rule=sonification["rule"],
        precision=sonification["precision"],
    )


def _compute(job: "ModelJob[InvarianceSettings]") -> Result:
    from sonify.evaluation.measurements.invariance import invariance_tables

    settings = job.settings
    with job.progress("invariance", settings.clips) as bar:
        made = invariance_tables(
            job.model,
            job.card,
            job.sizes,
            clips=settings.clips,
            shifts=settings.shifts,
            shown_shift=settings.shown_shift,
            rule=settings.rule,
            precision=settings.precision,
            progress=bar.update,
            **job.running,
        )
    n_clips = made.table["clip_id"].nunique()
    return Result(
        {"invariance": made.table, "invariance_example": made.example},
        f"{job.named('invariance')}: {n_clips} clips, {len(settings.shifts)} shifts",
    )


STAGE = Stage(
    name="invariance",
    tables=("invariance", "invariance_example"),
    jobs=_jobs,
    clips=lambda plan, model: plan.mined_clips,
    settings=_settings,
    settings_type=InvarianceSettings,
    options=InvarianceOptions,
    compute=_compute,
)
