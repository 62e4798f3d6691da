"""Score a classifier on the whole clips of a split."""

from sonify.contracts import tables
from sonify.evaluation.stages.scoring import metrics_table
from sonify.models.job import model_job, model_options
from sonify.runtime.jobs import run, say


def main() -> None:
    job = model_job(model_options(__doc__).parse_args())
    with job.progress("score") as bar:
        found = metrics_table(job.model, job.card, job.parts(), progress=bar.update, **job.running)
    tables.write(found, job.out, "metrics")
    best = found.set_index("metric").loc["mAP"]
    say(f"{job.named('score')}: mAP {best['value']:.3f}, by chance {best['prevalence']:.3f}")


run(main)
