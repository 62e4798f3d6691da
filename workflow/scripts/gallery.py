"""The gallery: every filter to see and hear, a page that needs no server."""

from pathlib import Path

from sonify.reporting.gallery.build import build
from sonify.runtime.jobs import parser, run


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--sonification", type=Path, nargs="+", required=True)
    for path in ("--data", "--filters", "--evolution", "--out"):
        options.add_argument(path, type=Path, required=True)
    build(**vars(options.parse_args()))


run(main)
