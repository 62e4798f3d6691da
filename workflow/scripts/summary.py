"""The closing summary for the console, as a text file."""

from pathlib import Path

from sonify.contracts import tables
from sonify.paper.run_facts import read_runs
from sonify.reporting.accounting import USED_COLUMNS
from sonify.reporting.sources import read_all
from sonify.reporting.summary import summary
from sonify.runtime.folders import write_whole
from sonify.runtime.jobs import parser, run

LAST = ["model", "epoch", "loss", "constant_loss"]  # of the history, what tells of a collapse
TABLES = ("metrics", "removal", "coherence", "claims", "claims_beside")


def main() -> None:
    options = parser(__doc__)
    for table in TABLES:
        options.add_argument(f"--{table}", type=Path, required=True)
    options.add_argument("--history", type=Path, nargs="+", required=True, help="of trainings")
    options.add_argument("--data", type=Path, nargs="+", required=True, help="prepared corpora")
    options.add_argument("--out", type=Path, required=True)
    args = options.parse_args()
    accounts = {
        name: read_all([folder / f"{name}.parquet" for folder in args.data], name, columns=columns)
        for name, columns in (("manifest", USED_COLUMNS), ("rejected", None))
    }
    results = {name: tables.read(getattr(args, name), name) for name in TABLES}
    results["history"] = read_all(args.history, "history", columns=LAST)
    args.settings["runs"] = read_runs(args.settings["runs"])
    text = summary(**results, **accounts, **args.settings)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(args.out, text.encode())


run(main)
