"""The cards of the report: tables, claims, accounts and sounds to listen to, an HTML file each."""

from pathlib import Path

from sonify.reporting.page.cards import cards, write
from sonify.reporting.page.content import gathered
from sonify.runtime.jobs import parser, run


def main() -> None:
    options = parser(__doc__)
    for path in ("--claims", "--beside", "--out"):
        options.add_argument(path, type=Path, required=True)
    for paths in ("--data", "--sonification", "--tables"):
        options.add_argument(paths, type=Path, nargs="+", required=True)
    options.add_argument("--benchmarks", type=Path, nargs="*", default=[])
    args = options.parse_args()
    content = gathered(
        args.settings,
        data=args.data,
        sonification=args.sonification,
        paper_tables=args.tables,
        claims=args.claims,
        beside=args.beside,
        benchmarks=args.benchmarks,
    )
    write(cards(content), args.out)


run(main)
