"""The results page: table, figures, sounds and accounts in one HTML file."""

from pathlib import Path

from sonify import tables
from sonify.jobs import parser, run
from sonify.reporting import accounting, listening
from sonify.reporting.page import Content, page
from sonify.reporting.sources import read_all, texts


def main() -> None:
    options = parser(__doc__)
    for folder in ("--data", "--figures", "--table", "--out"):
        options.add_argument(folder, type=Path, required=True)
    options.add_argument("--sonification", type=Path, nargs="+", required=True)
    options.add_argument("--benchmarks", type=Path, nargs="*", default=[])
    args = options.parse_args()
    top = read_all([f / "top_activations.parquet" for f in args.sonification], "top_activations")
    chosen = listening.choose(top, **args.settings["listen"])
    parts = [args.data / folder for folder in listening.folders(chosen)]
    sounds = [f / "sonifications.parquet" for f in args.sonification]
    clips = read_all(parts, "clips", listening.clips_chosen(chosen))
    signals = read_all(sounds, "sonifications", listening.filters_chosen(chosen))
    manifests = sorted(args.data.glob("*/manifest.parquet"))
    credits = read_all(manifests, "manifest", listening.clips_chosen(chosen))
    content = Content(
        settings=args.settings,
        table=tables.read(args.table, "table_A4"),
        figures={f.stem: f.read_text("utf-8") for f in args.figures.glob("figure_*.svg")},
        manifest=read_all(manifests, "manifest", columns=accounting.USED_COLUMNS),
        pairs=listening.pairs(chosen, clips, signals, credits),
        activity=listening.activity(top),
        attrition=read_all(sorted(args.data.glob("*/attrition.parquet")), "attrition"),
        rejected=read_all(sorted(args.data.glob("*/rejected.parquet")), "rejected"),
        jobs=accounting.jobs(texts(args.benchmarks)),
    )
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(page(content), encoding="utf-8")


run(main)
