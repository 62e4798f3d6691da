"""The job of every figure's script: tables in, the same drawing out as PNG and SVG."""

from pathlib import Path

from sonify.reporting.drawing.style import image
from sonify.reporting.figure import FigureSpec
from sonify.reporting.sources import read_all
from sonify.runtime.jobs import parser, run


def draw_figure(figure: FigureSpec) -> None:
    """Run a figure's script: each table is the rows of all files given with its option; the PNG
    goes to --out, the SVG beside it.
    """

    def main() -> None:
        options = parser(f"Draw {figure.title}.")
        for name in figure.tables:
            options.add_argument(f"--{name}", type=Path, nargs="+", required=True)
        options.add_argument("--out", type=Path, required=True, help="the PNG file")
        args = options.parse_args()
        frames = {name: read_all(getattr(args, name), name) for name in figure.tables}
        drawn = figure.draw(**frames, **args.settings)
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_bytes(image(drawn, "png"))
        args.out.with_suffix(".svg").write_bytes(image(drawn, "svg"))

    run(main)
