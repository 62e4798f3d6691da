"""Table A.4 beside the paper's: Parquet, and CSV and Markdown beside it."""

from pathlib import Path

from sonify import tables
from sonify.jobs import parser, run
from sonify.reporting.table_a4 import table_a4, to_csv, to_markdown


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--metrics", type=Path, required=True)
    options.add_argument("--out", type=Path, required=True, help="table_A4.parquet")
    args = options.parse_args()
    table = table_a4(tables.read(args.metrics, "metrics"), args.settings["scale"])
    tables.write(table, args.out, "table_A4")
    args.out.with_suffix(".csv").write_text(to_csv(table), encoding="utf-8")
    args.out.with_suffix(".md").write_text(
        to_markdown(table, args.settings["setting"]), encoding="utf-8"
    )


run(main)
