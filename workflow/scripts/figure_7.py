"""Draw Figure 7 from the coherence table, as PNG and as SVG beside it."""

from pathlib import Path

from sonify import tables
from sonify.jobs import parser, run
from sonify.reporting.figures.figure_7 import figure_7
from sonify.reporting.figures.style import image


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--coherence", type=Path, required=True)
    options.add_argument("--out", type=Path, required=True, help="figure_7.png")
    args = options.parse_args()
    figure = figure_7(tables.read(args.coherence, "coherence"), args.settings["scale"])
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_bytes(image(figure, "png"))
    args.out.with_suffix(".svg").write_bytes(image(figure, "svg"))


run(main)
