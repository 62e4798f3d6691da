"""The gallery: every filter to see and hear, a page that needs no server."""

from pathlib import Path

from sonify.reporting.gallery.build import build
from sonify.runtime.jobs import parser, run


def main() -> None:
    options = parser(__doc__)
    for paths in ("--sonification", "--data"):
        options.add_argument(paths, type=Path, nargs="+", required=True)
    for path in ("--filters", "--evolution", "--out"):
        options.add_argument(path, type=Path, required=True)
    options.add_argument("--specificity", type=Path, help="its table, if that has been measured")
    build(**vars(options.parse_args()))


run(main)
