"""The job of every figure's script: tables in, the drawing out as PNG and SVG, and its numbers."""

from pathlib import Path

import pandas as pd

from sonify.contracts import tables
from sonify.reporting.drawing.style import image
from sonify.reporting.figure import FigureSpec
from sonify.reporting.sources import read_all
from sonify.reporting.tables.curves_display import to_markdown
from sonify.reporting.tables.display import to_csv
from sonify.runtime.folders import write_whole
from sonify.runtime.jobs import parser, run


def draw_figure(figure: FigureSpec) -> None:
    """Run a figure's script: each table is the rows of all files given with its option; the PNG
    goes to --out, the SVG beside it; the numbers, if the figure has any, to --numbers as Parquet,
    with CSV and Markdown beside them.
    """

    def main() -> None:
        options = parser(f"Draw {figure.title}.")
        for name in figure.tables:
            options.add_argument(f"--{name}", type=Path, nargs="+", required=True)
        options.add_argument("--out", type=Path, required=True, help="the PNG file")
        if figure.numbers:
            options.add_argument("--numbers", type=Path, required=True, help="a Parquet file")
        args = options.parse_args()
        frames = {name: _rows(figure, name, getattr(args, name)) for name in figure.tables}
        drawn = figure.draw(**frames, **args.settings)
        args.out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(args.out, image(drawn, "png"))
        write_whole(args.out.with_suffix(".svg"), image(drawn, "svg"))
        if figure.numbers:
            numbers = figure.numbers.rows(**frames, **args.settings)
            tables.write(numbers, args.numbers, "curves")
            write_whole(args.numbers.with_suffix(".csv"), to_csv(numbers).encode())
            words = to_markdown(numbers, figure.title, figure.numbers.remark)
            write_whole(args.numbers.with_suffix(".md"), words.encode())

    run(main)


def _rows(figure: FigureSpec, table: str, files: list[Path]) -> pd.DataFrame:
    if table not in figure.reading:
        return read_all(files, table)
    return pd.concat([figure.reading[table](file) for file in files], ignore_index=True)
