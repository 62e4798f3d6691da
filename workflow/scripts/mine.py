"""Find the clips that activate every filter of every layer most."""

from sonify.contracts import tables
from sonify.data.mined import left_out
from sonify.models.job import model_job, model_options
from sonify.runtime.jobs import run, say
from sonify.sonification.methods import DEFAULT, build_explainer
from sonify.sonification.mining.parts import candidates, mine_parts
from sonify.sonification.settings import MiningSettings


def main() -> None:
    args = model_options(__doc__, MiningSettings).parse_args()
    job = model_job(args)
    with job.progress("mine") as bar:
        asked = {"top": job.settings.top, "mining": job.settings.mining}
        how = {"kept": job.kept(), "progress": bar.update, **asked, **job.running}
        of = build_explainer(DEFAULT, job.model), job.card, job.stored()
        if job.share:
            for _ in candidates(*of, **how):
                pass
            return job.hand_over(*args.out)
        mined = mine_parts(*of, **how)
    unused = left_out(job.sizes, job.settings.mining.exclude_labels).assign(**job.card.keys)
    tables.write(mined, args.out[0], "top_activations")
    tables.write(unused, args.out[1], "left_out")
    job.discard_work()
    clips, top = job.n_clips - len(unused), job.settings.top
    over = f"{clips} clips, {len(unused)} left out"
    if clips < top:
        over += f"; sonification.top is {top}, but there are no more clips"
    say(f"{job.named('mine')}: {len(mined)} top activations over {over}")


run(main)
