"""The pairs of input and sonification that Figures 1 to 3 show, with their signals."""

from pathlib import Path

from sonify.contracts import tables
from sonify.reporting.listening import clips_chosen, filters_chosen
from sonify.reporting.pairs import pairs_table, select
from sonify.reporting.sources import parts_of, read_all
from sonify.runtime.jobs import parser, run


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--sonification", type=Path, nargs="+", required=True)
    options.add_argument("--data", type=Path, nargs="+", required=True, help="prepared corpora")
    options.add_argument("--out", type=Path, required=True, help="table to write")
    args = options.parse_args()
    top = read_all([f / "top_activations.parquet" for f in args.sonification], "top_activations")
    selected = select(top, args.settings["figures"], args.settings["chosen"])
    chosen = clips_chosen(selected)
    manifest = read_all([f / "manifest.parquet" for f in args.data], "manifest", chosen)
    sounds = [f / "sonifications.parquet" for f in args.sonification]
    clips = read_all(parts_of(manifest, args.data), "clips", chosen)
    signals = read_all(sounds, "sonifications", filters_chosen(selected))
    tables.write(pairs_table(selected, clips, signals), args.out, "pairs")


run(main)
