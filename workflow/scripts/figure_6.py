"""Draw Figure 6 from the removal table, as PNG and as SVG beside it."""

from pathlib import Path

from sonify import tables
from sonify.jobs import parser, run
from sonify.reporting.figures.figure_6 import figure_6
from sonify.reporting.figures.style import image


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--removal", type=Path, required=True)
    options.add_argument("--out", type=Path, required=True, help="figure_6.png")
    args = options.parse_args()
    figure = figure_6(tables.read(args.removal, "removal"), args.settings["scale"])
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_bytes(image(figure, "png"))
    args.out.with_suffix(".svg").write_bytes(image(figure, "svg"))


run(main)
