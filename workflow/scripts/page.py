"""The results page: claims, tables, figures, sounds and accounts in one HTML file."""

from pathlib import Path

from sonify.reporting.page.build import page
from sonify.reporting.page.content import gathered
from sonify.runtime.folders import write_whole
from sonify.runtime.jobs import parser, run


def main() -> None:
    options = parser(__doc__)
    for path in ("--figures", "--claims", "--beside", "--out"):
        options.add_argument(path, type=Path, required=True)
    for paths in ("--data", "--sonification", "--tables"):
        options.add_argument(paths, type=Path, nargs="+", required=True)
    options.add_argument("--curves", type=Path, nargs="*", default=[])
    options.add_argument("--benchmarks", type=Path, nargs="*", default=[])
    args = options.parse_args()
    content = gathered(
        args.settings,
        data=args.data,
        sonification=args.sonification,
        figures=args.figures,
        paper_tables=args.tables,
        curves=args.curves,
        claims=args.claims,
        beside=args.beside,
        benchmarks=args.benchmarks,
    )
    args.out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(args.out, page(content).encode())


run(main)
