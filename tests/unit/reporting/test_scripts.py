"""The five scripts, run as the workflow runs them, on tables on disk."""

import json
import runpy
import sys
from pathlib import Path

import pytest

from sonify import tables

SCRIPTS = Path(__file__).resolve().parents[3] / "workflow" / "scripts"
SETTINGS = {
    "scale": "mini",
    "setting": "synthesised sounds",
    "listen": {"layers": [1, 4], "per_layer": 2},
}


@pytest.fixture
def script(monkeypatch):
    def call(name, **options):
        words = [sys.executable, "--settings", json.dumps(SETTINGS)]
        for option, value in options.items():
            many = value if isinstance(value, list) else [value]
            words += [f"--{option}", *map(str, many)]
        monkeypatch.setattr(sys, "argv", words)
        runpy.run_path(str(SCRIPTS / f"{name}.py"))

    return call


def test_table(script, metrics, tmp_path):
    tables.write(metrics(), tmp_path / "m.parquet", "metrics")
    out = tmp_path / "reporting" / "table_A4.parquet"
    script("table_a4", metrics=tmp_path / "m.parquet", out=out)
    assert len(tables.read(out, "table_A4")) == 21
    assert out.with_suffix(".csv").read_text("utf-8").startswith("row,architecture,")
    assert "Table A.4" in out.with_suffix(".md").read_text("utf-8")


def test_figures(script, removal, coherence, tmp_path):
    for name, frame, table in (
        ("figure_6", removal(), "removal"),
        ("figure_7", coherence(), "coherence"),
    ):
        tables.write(frame, tmp_path / f"{table}.parquet", table)
        out = tmp_path / "figures" / f"{name}.png"
        script(name, **{table: tmp_path / f"{table}.parquet"}, out=out)
        assert out.read_bytes().startswith(b"\x89PNG")
        assert "<svg" in out.with_suffix(".svg").read_text("utf-8")


@pytest.fixture
def results(tmp_path, clips, attrition, manifest, rejected, top, sonifications, benchmarks):
    """The results that the page reads; the clips lie in two parts."""
    for i, part in enumerate((clips[:3], clips[3:])):
        tables.write(part, tmp_path / f"data/audioset/eval/part-{i:05d}.parquet", "clips")
    tables.write(attrition, tmp_path / "data/audioset/attrition.parquet", "attrition")
    tables.write(manifest, tmp_path / "data/audioset/manifest.parquet", "manifest")
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


def page(script, results, metrics):
    tables.write(metrics(), results / "m.parquet", "metrics")
    script("table_a4", metrics=results / "m.parquet", out=results / "reporting/table_A4.parquet")
    script(
        "page",
        data=results / "data",
        sonification=sorted((results / "sonification").iterdir()),
        figures=results / "figures",
        table=results / "reporting/table_A4.parquet",
        benchmarks=sorted((results / "benchmarks").rglob("*.tsv")),
        out=results / "reporting/index.html",
    )
    return (results / "reporting/index.html").read_text("utf-8")


def test_page(script, results, metrics):
    text = page(script, results, metrics)
    assert text.count("<audio") == 12
    assert "1 min 30 s" in text


def test_page_when_every_filter_is_dead(script, results, metrics, top):
    for model in ("contrastive-s0", "supervised-s0"):
        dead = top[top["model"] == model].assign(dead=True, activation=0.0)
        tables.write(
            dead, results / "sonification" / model / "top_activations.parquet", "top_activations"
        )
    text = page(script, results, metrics)
    assert "<audio" not in text


def test_a_broken_table_is_named(script, results, metrics):
    file = results / "sonification/contrastive-s0/top_activations.parquet"
    file.write_bytes(b"no table")
    with pytest.raises(SystemExit, match=r"top_activations\.parquet.*rerun the stage"):
        page(script, results, metrics)


def test_missing_data_are_named(script, results, metrics):
    (results / "data/audioset/manifest.parquet").unlink()
    with pytest.raises(SystemExit, match="there is no manifest table to read"):
        page(script, results, metrics)


def test_summary(script, results, metrics, removal, coherence, capsys):
    given = {"metrics": metrics(), "removal": removal(), "coherence": coherence()}
    for name, frame in given.items():
        tables.write(frame, results / f"{name}.parquet", name)
    script(
        "summary",
        **{name: results / f"{name}.parquet" for name in given},
        data=results / "data",
        out=results / "reporting/summary.txt",
    )
    assert "6 used, 4 rejected" in (results / "reporting/summary.txt").read_text("utf-8")
    assert capsys.readouterr().out == ""
