"""The paper's claims and our verdicts: Parquet, and the page that reads them out beside it."""

from pathlib import Path

from sonify.contracts import tables
from sonify.paper.claims.beside import laid_beside
from sonify.paper.claims.evidence import Evidence
from sonify.paper.claims.table import claims, to_markdown
from sonify.runtime.folders import write_whole
from sonify.runtime.jobs import named_file, parser, run


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--tables", type=named_file, nargs="+", required=True, help="NAME=FILE")
    words = "claims of other runs, NAME=FILE"
    options.add_argument("--beside", type=named_file, nargs="*", default=[], help=words)
    options.add_argument("--out", type=Path, required=True, help="claims.parquet")
    args = options.parse_args()
    measured = {name: tables.read(file, name) for name, file in args.tables}
    table = claims(Evidence.known(measured, args.settings), args.settings["scale"])
    tables.write(table, args.out, "claims")
    others = laid_beside({name: tables.read(file, "claims") for name, file in args.beside})
    tables.write(others, args.out.with_name("claims_beside.parquet"), "claims_beside")
    page = to_markdown(table, args.settings["setting"], others)
    write_whole(args.out.with_suffix(".md"), page.encode())


run(main)
