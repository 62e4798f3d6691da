"""Reading the content of the results page from the files of a finished run."""

from collections.abc import Iterable
from pathlib import Path

from sonify.contracts import tables
from sonify.reporting import accounting, listening
from sonify.reporting.page.build import Content
from sonify.reporting.page.figures import drawings
from sonify.reporting.sources import check_vocabularies, parts_of, read_all, texts


def gathered(
    settings: dict,
    *,
    data: list[Path],
    sonification: list[Path],
    paper_tables: Iterable[Path],
    claims: Path,
    beside: Path,
    benchmarks: Iterable[Path],
    curves: Iterable[Path] = (),
    figures: Path | None = None,
) -> Content:
    """Read the content of the page; `figures`, if given, is the folder of drawn figures.

    `data` are the folders of prepared corpora, `sonification` those of the models. Of clips and
    sonifications only those that the page plays are read. Raises SonifyError naming a file that
    breaks its contract or is missing, and for corpora of a dataset that differ in classes.
    """
    check_vocabularies(data)
    top = read_all([f / "top_activations.parquet" for f in sonification], "top_activations")
    chosen = listening.choose(top, **settings["listen"])
    clips = listening.clips_chosen(chosen)
    manifests = [folder / "manifest.parquet" for folder in data]
    shown = read_all(manifests, "manifest", clips)
    used = read_all(manifests, "manifest", columns=accounting.USED_COLUMNS)
    return Content(
        settings=settings,
        paper_tables=[tables.read(file, "table") for file in sorted(paper_tables)],
        curves=[tables.read(file, "curves") for file in curves],
        claims=tables.read(claims, "claims"),
        beside=tables.read(beside, "claims_beside"),
        figures=drawings(
            figures.iterdir() if figures and figures.is_dir() else (), settings["captions"]
        ),
        pairs=listening.pairs(
            chosen,
            read_all(parts_of(shown, data), "clips", clips),
            read_all(
                [f / "sonifications.parquet" for f in sonification],
                "sonifications",
                listening.filters_chosen(chosen),
            ),
            shown,
        ),
        activity=listening.activity(top),
        manifest=used,
        attrition=read_all([folder / "attrition.parquet" for folder in data], "attrition"),
        rejected=read_all([folder / "rejected.parquet" for folder in data], "rejected"),
        jobs=accounting.jobs(texts(benchmarks)),
    )
