"""Recognition performance of classifiers on whole clips (appendix A, Tables A.1 to A.6)."""

from typing import TYPE_CHECKING

from sonify.evaluation.stage import ClipsRead, Result, Stage
from sonify.models.settings import JobSettings

if TYPE_CHECKING:
    from sonify.models.job import ModelJob
    from sonify.plan.plan import Plan


def _clips(plan: "Plan", model: str) -> ClipsRead:
    """Return the split that published results are measured on."""
    dataset = plan.run_of(model).dataset
    return ClipsRead(dataset, (plan.scored_split(dataset),))


def _settings(plan: "Plan", model: str) -> JobSettings:
    return JobSettings(**plan.on_clips, split=_clips(plan, model).splits[0])


def _share(job: "ModelJob[JobSettings]") -> None:
    from sonify.evaluation.measurements.scoring import score_parts

    with job.progress("score") as bar:
        of = job.model, job.card, job.stored()
        for _ in score_parts(*of, progress=bar.update, kept=job.kept(), **job.running):
            pass  # it is kept


def _compute(job: "ModelJob[JobSettings]") -> Result:
    from sonify.evaluation.measurements.scoring import score_tables
    from sonify.evaluation.metrics.chance import chance_map

    with job.progress("score") as bar:
        of = job.model, job.card, job.stored()
        how = {"progress": bar.update, "kept": job.kept(), **job.running}
        metrics, scores = score_tables(*of, **how)
    best = metrics[metrics["metric"] == "mAP"]
    value, chance = best["value"].item(), chance_map(best["prevalence"], best["n_clips"]).item()
    summary = f"{job.named('score')}: mAP {value:.3f}, by chance {chance:.3f}"
    return Result({"metrics": metrics, "scores": scores}, summary)


STAGE = Stage(
    name="score",
    tables=("metrics", "scores"),
    kept=("scores",),
    jobs=lambda plan: plan.models_of(plan.classifiers),
    clips=_clips,
    settings=_settings,
    settings_type=JobSettings,
    compute=_compute,
    share=_share,
)
