"""Put the tables of single models together into one."""

from pathlib import Path

from sonify.contracts import tables
from sonify.runtime.jobs import parser, run


def main() -> None:
    options = parser(__doc__, settings=None)
    options.add_argument("--table", required=True, help="name of the table's contract")
    options.add_argument("--parts", type=Path, nargs="+", required=True)
    options.add_argument("--out", type=Path, required=True)
    args = options.parse_args()
    tables.gather(args.parts, args.out, args.table)


run(main)
