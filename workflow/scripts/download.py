"""Download a dataset in its public layout, and record the files it was built from."""

from pathlib import Path

from sonify.contracts import tables
from sonify.data.download.catalogue import pending_bytes
from sonify.data.download.obtain import obtain
from sonify.runtime.jobs import parser, run, say
from sonify.runtime.progress import Progress

MB = 10**6


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--dataset", required=True, help="name of the dataset")
    options.add_argument("--root", type=Path, required=True, help="root of the corpus")
    options.add_argument("--out", type=Path, required=True, help="table `downloads` to write")
    args = options.parse_args()
    settings = args.settings
    pending = pending_bytes(args.dataset, args.root, settings["splits"], settings.get("backend"))
    with Progress((pending or 0) // MB, f"download {args.dataset}", unit="MB") as bar:
        receipt = obtain(
            args.dataset,
            args.root,
            settings,
            threads=args.threads,
            progress=lambda done, note: bar.update(done // MB, note),
        )
    tables.write(receipt, args.out, "downloads")
    say(f"downloaded {args.dataset} to {args.root}: {len(receipt)} files, verified or as received")


run(main)
