"""Judge our own claims beyond the paper, and write them, means, and the page of both."""

from pathlib import Path

from sonify.contracts import tables
from sonify.paper.claims.beyond import CLAIMS
from sonify.paper.claims.evidence import Evidence
from sonify.paper.claims.table import claims
from sonify.reporting import findings
from sonify.runtime.jobs import named_file, parser, run


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--tables", type=named_file, nargs="+", required=True, help="NAME=FILE")
    options.add_argument("--out", type=Path, required=True, help="findings.md")
    options.add_argument("--means", type=Path, required=True, help="control_means.parquet")
    args = options.parse_args()
    measured = {name: tables.read(file, name) for name, file in args.tables}
    judged = claims(Evidence.known(measured, args.settings), args.settings["scale"], CLAIMS)
    means = findings.control_means(measured)
    tables.write(means, args.means, "control_means")
    findings.write(args.out.parent, judged, means, args.settings["setting"])


run(main)
