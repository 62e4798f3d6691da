"""One of the paper's tables, ours beside it: Parquet, and CSV and Markdown beside it."""

from pathlib import Path

from sonify.contracts import tables
from sonify.paper.run_facts import read_runs
from sonify.reporting.tables.display import to_csv, to_markdown
from sonify.reporting.tables.rows import paper_table
from sonify.runtime.folders import write_whole
from sonify.runtime.jobs import parser, run


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--table", required=True, help="A1 to A6")
    options.add_argument("--metrics", type=Path, required=True)
    options.add_argument("--out", type=Path, required=True, help="table_<name>.parquet")
    args = options.parse_args()
    metrics = tables.read(args.metrics, "metrics")
    runs = read_runs(args.settings["runs"])
    table = paper_table(args.table, metrics, runs, args.settings["scale"])
    tables.write(table, args.out, "table")
    write_whole(args.out.with_suffix(".csv"), to_csv(table).encode())
    words = to_markdown(table, args.settings["setting"])
    write_whole(args.out.with_suffix(".md"), words.encode())


run(main)
