"""Find the clips that activate every filter of every layer most.

With --share i/n, mines the i-th of n parts of the split and writes no table; a call without --share
mines the rest and writes the table.
"""

from sonify.contracts import tables
from sonify.data.mined import left_out
from sonify.models.job import model_job, model_options
from sonify.runtime.jobs import run, say
from sonify.sonification.methods import DEFAULT, build_explainer
from sonify.sonification.mining.parts import discard, mine_parts, share
from sonify.sonification.settings import MiningSettings


def main() -> None:
    options = model_options(__doc__, MiningSettings)
    options.add_argument("--share", type=share, default=(1, 1), help="i/n: part of the work to do")
    args = options.parse_args()
    job = model_job(args)
    with job.progress("mine") as bar:
        mined = mine_parts(
            build_explainer(DEFAULT, job.model),
            job.model,
            job.card,
            job.sizes,
            work=job.work,
            code=job.code,
            top=job.settings.top,
            mining=job.settings.mining,
            share=args.share,
            progress=bar.update,
            **job.running,
        )
    if mined is not None:
        unused = left_out(job.sizes, job.settings.mining.exclude_labels).assign(**job.card.keys)
        tables.write(mined, args.out[0], "top_activations")
        tables.write(unused, args.out[1], "left_out")
        discard(job.work)
        over = f"{job.n_clips - len(unused)} clips, {len(unused)} left out"
        say(f"{job.named('mine')}: {len(mined)} top activations over {over}")


run(main)
