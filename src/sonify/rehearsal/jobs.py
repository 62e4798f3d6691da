"""Jobs of a rehearsal that the workflow has no script for: `python -m sonify.rehearsal.jobs`."""

import argparse
from dataclasses import replace
from pathlib import Path

from sonify.runtime.jobs import run, say

EMPTY = ("evolution", "claims", "claims_beside", "removal", "coherence")


def main() -> None:
    """Run the job that is named first."""
    options = argparse.ArgumentParser(description=__doc__)
    jobs = options.add_subparsers(dest="job", required=True)
    corpus = jobs.add_parser("corpus", help="write the raw corpus")
    corpus.add_argument("--clips", type=int, required=True)
    for name, words in (
        ("list", "list the raw corpus, as preparation does first"),
        ("record", "fingerprint a prepared corpus, as the record of a run does"),
        ("network", "write the untrained network that is mined"),
        ("empty", "write tables that pages need and one run has no rows for"),
    ):
        jobs.add_parser(name, help=words)
    jobs.choices["network"].add_argument("--like", type=Path, required=True)
    jobs.choices["network"].add_argument("--width", type=float, required=True)
    for job in jobs.choices.values():
        job.add_argument("--at", type=Path, required=True, help="what it reads or writes")
    args = options.parse_args()
    {"corpus": _corpus, "list": _list, "record": _record, "network": _network, "empty": _empty}[
        args.job
    ](args)


def _corpus(args: argparse.Namespace) -> None:
    from sonify.rehearsal.corpus import write

    write(args.clips, args.at)


def _list(args: argparse.Namespace) -> None:
    from sonify.data.corpora.registry import read

    listing = read("audioset", args.at)
    say(f"{listing.listed} clips listed, {len(listing.problems)} of them without audio")


def _record(args: argparse.Namespace) -> None:
    from sonify.data.fingerprint import fingerprints

    say(str(fingerprints(args.at / "manifest.parquet")))


def _network(args: argparse.Namespace) -> None:
    """A network like a trained one but for its width, its weights as they are before training."""
    from sonify.models import checkpoint
    from sonify.models.untrained import untrained

    _, card = checkpoint.load(args.like)
    name, _, seed = args.at.name.rpartition("-s")
    architecture = replace(card.architecture, width=args.width)
    card = replace(card, run=name, seed=int(seed), architecture=architecture)
    checkpoint.save(args.at, untrained(card), card)


def _empty(args: argparse.Namespace) -> None:
    from sonify.contracts import tables

    for name in EMPTY:
        rows = tables.contract(name).schema.empty_table()
        tables.write(rows, args.at / f"{name}.parquet", name)


if __name__ == "__main__":
    run(main)
