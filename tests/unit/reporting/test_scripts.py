"""The scripts, run as the workflow runs them, on tables on disk."""

import json
import runpy
import sys
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import pytest

from sonify.contracts import tables
from sonify.paper.claims.beside import laid_beside
from sonify.plan.registry import FIGURES

SCRIPTS = Path(__file__).resolve().parents[3] / "workflow" / "scripts"
LABEL = {"scale": "mini", "setting": "synthesised sounds"}
LISTEN = {"layers": [1, 4], "per_layer": 2}
SHOWN = {"listen": LISTEN, "captions": {"figure_6": FIGURES["figure_6"].caption}}


@pytest.fixture
def script(monkeypatch):
    def call(name, settings, **options):
        words = [sys.executable, "--settings", json.dumps(settings)]
        for option, value in options.items():
            many = value if isinstance(value, list) else [value]
            words += [f"--{option}", *map(str, many)]
        monkeypatch.setattr(sys, "argv", words)
        runpy.run_path(str(SCRIPTS / f"{name}.py"))

    return call


def _as_json(facts):
    return {run: asdict(own) for run, own in facts.items()}


@pytest.fixture
def table(script, metrics, facts, tmp_path):
    """Make one of the paper's tables and give its path."""

    def make(name):
        tables.write(metrics(), tmp_path / "m.parquet", "metrics")
        out = tmp_path / "reporting" / "tables" / f"table_{name}.parquet"
        settings = {**LABEL, "runs": _as_json(facts)}
        script("table", settings, table=name, metrics=tmp_path / "m.parquet", out=out)
        return out

    return make


def test_table(table):
    out = table("A4")
    assert len(tables.read(out, "table")) == 21
    assert out.with_suffix(".csv").read_text("utf-8").startswith("table,row,system,")
    assert "Table A.4" in out.with_suffix(".md").read_text("utf-8")


def test_an_unknown_table_is_named(table):
    with pytest.raises(SystemExit, match="'A9' is not in the paper"):
        table("A9")


def test_figures(script, removal, coherence, by_filter, tmp_path):
    for name, given in (
        ("figure_6", {"removal": removal()}),
        ("figure_7", {"coherence": coherence(), "coherence_by_filter": by_filter()}),
    ):
        files = {table: tmp_path / f"{table}.parquet" for table in given}
        for table, frame in given.items():
            tables.write(frame, files[table], table)
        out = tmp_path / "figures" / f"{name}.png"
        numbers = tmp_path / "tables" / f"{name}.parquet"
        script(name, {"scale": "mini"}, **files, out=out, numbers=numbers)
        assert out.read_bytes().startswith(b"\x89PNG")
        assert "<svg" in out.with_suffix(".svg").read_text("utf-8")
        assert set(tables.read(numbers, "curves")["figure"]) == {name}
        assert numbers.with_suffix(".csv").read_text("utf-8").startswith("figure,dataset,split,")
        assert FIGURES[name].numbers.remark in numbers.with_suffix(".md").read_text("utf-8")


@pytest.fixture
def results(tmp_path, clips, attrition, manifest, rejected, top, sonifications, benchmarks):
    """The results that the page reads; the clips lie in two parts."""
    for i, part in enumerate((clips[:3], clips[3:])):
        tables.write(part, tmp_path / f"data/audioset/eval/part-{i:05d}.parquet", "clips")
    tables.write(attrition, tmp_path / "data/audioset/attrition.parquet", "attrition")
    tables.write(manifest, tmp_path / "data/audioset/manifest.parquet", "manifest")
    classes = pd.DataFrame({"dataset": "audioset", "index": [0], "label": ["tone"], "mid": [""]})
    tables.write(classes, tmp_path / "data/audioset/vocabulary.parquet", "vocabulary")
    tables.write(rejected, tmp_path / "data/audioset/rejected.parquet", "rejected")
    for model in ("contrastive-s0", "supervised-s0"):
        folder = tmp_path / "sonification" / model
        for frame, name in ((top, "top_activations"), (sonifications, "sonifications")):
            tables.write(frame[frame["model"] == model], folder / f"{name}.parquet", name)
    for path, text in benchmarks.items():
        file = tmp_path / "benchmarks" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


@pytest.fixture
def page(script, results, table, claims):
    def make():
        tables.write(claims, results / "reporting/claims.parquet", "claims")
        others = laid_beside({"recorded <sounds>": claims})
        tables.write(others, results / "reporting/claims_beside.parquet", "claims_beside")
        figures = results / "reporting/figures"
        figures.mkdir(exist_ok=True, parents=True)
        (figures / "figure_6.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
        script(
            "page",
            {**LABEL, **SHOWN},
            data=[results / "data/audioset"],
            sonification=sorted((results / "sonification").iterdir()),
            figures=figures,
            tables=[table("A6"), table("A4")],
            claims=results / "reporting/claims.parquet",
            beside=results / "reporting/claims_beside.parquet",
            benchmarks=sorted((results / "benchmarks").rglob("*.tsv")),
            out=results / "reporting/index.html",
        )
        return (results / "reporting/index.html").read_text("utf-8")

    return make


def test_page(page):
    text = page()
    assert text.count("<audio") == 12
    assert "1 min 30 s" in text and "image/svg+xml" in text
    assert text.index('id="table_A4"') < text.index('id="table_A6"')


@pytest.fixture
def cards(script, results, table, claims):
    def make():
        tables.write(claims, results / "reporting/claims.parquet", "claims")
        others = laid_beside({"recorded <sounds>": claims})
        tables.write(others, results / "reporting/claims_beside.parquet", "claims_beside")
        script(
            "cards",
            {**LABEL, **SHOWN},
            data=[results / "data/audioset"],
            sonification=sorted((results / "sonification").iterdir()),
            tables=[table("A6"), table("A4")],
            claims=results / "reporting/claims.parquet",
            beside=results / "reporting/claims_beside.parquet",
            benchmarks=sorted((results / "benchmarks").rglob("*.tsv")),
            out=results / "reporting/cards",
        )
        return results / "reporting/cards"

    return make


def test_cards(cards):
    made = cards()
    assert len(list(made.rglob("*.html"))) == 2 + 3 + 4
    assert "Table A.4" in (made / "tables/table_A4.html").read_text("utf-8")
    assert (made / "listening/contrastive-s0/layer_01.html").read_text("utf-8").count("<audio") == 6


def test_page_and_cards_when_every_filter_is_dead(page, cards, results, top):
    for model in ("contrastive-s0", "supervised-s0"):
        dead = top[top["model"] == model].assign(dead=True, activation=0.0)
        tables.write(
            dead, results / "sonification" / model / "top_activations.parquet", "top_activations"
        )
    assert "<audio" not in page()
    assert list((cards() / "listening").iterdir()) == []


def test_a_broken_table_is_named(page, results):
    file = results / "sonification/contrastive-s0/top_activations.parquet"
    file.write_bytes(b"no table")
    with pytest.raises(SystemExit, match=r"top_activations\.parquet.*rerun the stage"):
        page()


def test_missing_data_are_named(page, results):
    (results / "data/audioset/manifest.parquet").unlink()
    with pytest.raises(SystemExit, match=r"there is no .*audioset/manifest\.parquet: run"):
        page()


def test_summary(script, results, metrics, removal, coherence, claims, facts, capsys):
    given = {"metrics": metrics(), "removal": removal(), "coherence": coherence()}
    given |= {"claims": claims, "claims_beside": laid_beside({"other": claims})}
    for name, frame in given.items():
        tables.write(frame, results / f"{name}.parquet", name)
    history = results / "models/one-s0/history.parquet"
    history.parent.mkdir(parents=True)
    rows = {"model": ["one-s0"], "epoch": [1], "loss": [3.434], "constant_loss": [3.434]}
    pd.DataFrame(rows).to_parquet(history)
    script(
        "summary",
        {**LABEL, "runs": _as_json(facts), "rule": "mean", "rescaled": False},
        **{name: results / f"{name}.parquet" for name in given},
        history=[history],
        data=[results / "data/audioset"],
        out=results / "reporting/summary.txt",
    )
    text = (results / "reporting/summary.txt").read_text("utf-8")
    assert "6 used, 4 rejected" in text and "other: 3 of 6 claims decided" in text
    assert "Collapsed: one-s0" in text
    assert capsys.readouterr().out == ""
