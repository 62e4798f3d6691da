"""Convert a corpus in its public layout to 8 kHz Parquet."""

from pathlib import Path

from sonify.data import attrition, blocks
from sonify.data.corpora.registry import read
from sonify.data.prepare import prepare
from sonify.data.shares import add_options, work_of
from sonify.runtime.jobs import parser, run, say
from sonify.runtime.progress import Progress


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--dataset", required=True, help="name of the dataset")
    options.add_argument("--root", type=Path, required=True, help="root of the corpus")
    options.add_argument("--out", type=Path, required=True, help="folder of the prepared dataset")
    options.add_argument("--held", default="", help="hash of the corpus' files")
    options.add_argument("--used", nargs="*", default=[], help="splits that must not be empty")
    args = add_options(options).parse_args()
    listing = read(args.dataset, args.root)
    work = work_of(args, lambda: blocks.identity(listing, args.code, args.settings, args.held))
    how = {**args.settings, "workers": args.threads, "kept": work and work.kept()}
    with Progress(listing.listed, f"prepare {args.dataset}", unit="clips") as bar:
        how["progress"] = lambda done, total: bar.update(done)
        if work and work.share:
            blocks.share(listing, args.root, **how)
            return work.hand_over(args.out)
        summary = prepare(listing, args.root, args.out, **how)
    attrition.write(listing, args.out)
    for warning in summary.warnings:
        say(f"warning: {warning}")
    say(str(summary))
    summary.require(args.used)


run(main)
