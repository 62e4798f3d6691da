"""The job of every evaluation stage's script: a model and clips in, result tables out."""

from sonify.contracts import tables
from sonify.evaluation.stage import Stage
from sonify.models.job import model_job, model_options
from sonify.runtime.errors import SonifyError
from sonify.runtime.jobs import run, say


def run_stage(stage: Stage, description: str | None) -> None:
    """Run the script of a stage; --out names a file for each of its tables, in their order.

    With --scatter it names the folder for a share of the work.
    """

    def main() -> None:
        args = model_options(description, stage.settings_type).parse_args()
        job = model_job(args)
        if job.share:
            if stage.share is None:
                raise SonifyError(f"{stage.name} cannot be split among jobs: leave out --scatter")
            stage.share(job)
            return job.hand_over(*args.out)
        result = stage.compute(job)
        for table, file in zip(stage.tables, args.out, strict=True):
            tables.write(result.tables[table], file, table)
        job.discard_work()
        say(result.summary)

    run(main)
