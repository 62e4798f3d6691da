"""What the scripts of all figures share: tables in, the same drawing out as PNG and SVG."""

from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure

from sonify.reporting.figures.style import image
from sonify.reporting.sources import read_all
from sonify.runtime.jobs import parser, run


def figure_job(description: str | None, draw: Callable[..., Figure], *names: str) -> None:
    """Run a figure's script: `draw` is called with the named tables, each the rows of all files its
    option is given, and with the settings as keywords; the PNG goes to --out, the SVG beside it.
    """

    def main() -> None:
        options = parser(description)
        for name in names:
            options.add_argument(f"--{name}", type=Path, nargs="+", required=True)
        options.add_argument("--out", type=Path, required=True, help="the PNG file")
        args = options.parse_args()
        frames = {name: read_all(getattr(args, name), name) for name in names}
        figure = draw(**frames, **args.settings)
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_bytes(image(figure, "png"))
        args.out.with_suffix(".svg").write_bytes(image(figure, "svg"))

    run(main)
