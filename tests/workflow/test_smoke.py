"""The whole workflow on tiny synthetic corpora, and what reruns when something changes."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import codedeps
import duckdb
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from browsers import violations
from checkouts import Workflow, digests
from sklearn.metrics import average_precision_score
from worked_examples import extended, results, with_overlay

from sonify.contracts import tables
from sonify.data.corpora.registry import DATASETS
from sonify.models import checkpoint
from sonify.plan.files import TABLES
from sonify.plan.registry import BEYOND_TABLES, EVALUATION_TABLES, FIGURES
from sonify.reporting.reference import queries

SYNTHETIC = [name for name, d in DATASETS.items() if "synthetic" in d.sources]
AGGREGATES = {"claims": 1, "cards": 1, "page": 1, "summary": 1, "all": 1}
COHERENCE = {"coherence": 3, "figure_7": 1, "figure_sensitivity_7": 1, "figure_strided": 1}
FILTERS = {"filters": 2, "gallery": 1}
CATEGORIES = ("Claims", "Tables", "Figures", "Listening", "Runs")
LEFT = {"logs": ".log", "benchmarks": ".tsv"}
VIEW = "iframe, .grow img"
DECODE = """async (player) => {
  const file = await (await fetch(player.src)).arrayBuffer();
  const sound = await new OfflineAudioContext(1, 1, 8000).decodeAudioData(file);
  return [sound.duration, Math.max(...sound.getChannelData(0).map(Math.abs))];
}"""


def test_it_makes_every_table_figure_and_page(finished):
    results = finished.folder / "results"
    models = sorted(f.name for f in (results / "models").iterdir())
    assert len(models) == 38, "the whole matrix, one seed"
    for model in models:
        by_epoch = tables.read(results / "models" / model / "history.parquet", "history")
        by_step = tables.read(results / "models" / model / "step_history.parquet", "step_history")
        assert by_epoch["step"].max() == len(by_step) and by_epoch["chosen"].sum() == 1
        card = json.loads((results / "models" / model / "model.json").read_text())
        assert card["recipe"]["epochs"] == 2
        kept = checkpoint.kept(results / "models" / model)
        assert kept == ([0, 1, 2] if model == "contrastive-s0" else [])
    for name in EVALUATION_TABLES:
        frame = tables.read(results / "evaluation" / f"{name}.parquet", name)
        assert set(frame["seed"]) == {0}
    removal = tables.read(results / "evaluation" / "removal.parquet", "removal")
    assert set(removal["layer"]) == set(range(12)) and removal["model"].nunique() == 4
    probes = tables.read(results / "evaluation" / "layer_importance.parquet", "layer_importance")
    assert set(probes["layer"]) == set(range(1, 13)) and probes["model"].nunique() == 8
    reporting = results / "reporting"
    for figure in FIGURES:
        for kind in ("png", "svg"):
            assert (reporting / "figures" / f"{figure}.{kind}").stat().st_size > 5_000
    for name in TABLES:
        table = tables.read(reporting / "tables" / f"table_{name}.parquet", "table")
        assert table.loc[table["source"] == "ours", "n_runs"].eq(1).all(), "every line was run"
    claims = tables.read(reporting / "claims.parquet", "claims")
    assert claims["claim"].tolist() == list(range(1, 27))
    assert set(claims["verdict"]) == {"inconclusive"}, "one seed decides nothing"
    page = (reporting / "index.html").read_text(encoding="utf-8")
    assert page.count("<audio") >= 8 and "miniature" in page.lower()
    assert (reporting / "gallery" / "index.html").is_file()
    assert (reporting / "summary.txt").read_text().count("\n") <= 25


def test_every_listed_clip_is_used_or_rejected_with_a_reason(finished):
    for dataset in SYNTHETIC:
        folder = finished.folder / "results" / "data" / f"{dataset}-s0"
        used = tables.read(folder / "manifest.parquet", "manifest")
        rejected = tables.read(folder / "rejected.parquet", "rejected")
        assert set(used["corpus"]) == {folder.name} and set(used["dataset"]) == {dataset}
        assert not set(used["clip_id"]) & set(rejected["clip_id"])
        assert (rejected["reason"] == "missing_file").all()
        assert len(rejected) == (3 if dataset == "audioset" else 0)
        for split in DATASETS[dataset].splits:
            parts = (folder / split).glob("part-*.parquet")
            stored = sum(pq.read_metadata(part).num_rows for part in parts)
            assert stored == (used["split"] == split).sum() > 0


def test_metrics_follow_from_the_scores_and_labels_that_are_stored(finished):
    """By scikit-learn, from the Parquet files alone."""
    results = finished.folder / "results"
    metrics = pd.read_parquet(results / "evaluation" / "metrics.parquet")
    files = sorted((results / "evaluation" / "scores").glob("*.parquet"))
    assert [file.stem for file in files] == sorted(metrics["model"].unique())
    for file in files:
        scores = tables.read(file, "scores")
        (dataset,), (split,) = scores["dataset"].unique(), scores["split"].unique()
        folder = results / "data" / f"{dataset}-s0"
        labels = pd.read_parquet(folder / "vocabulary.parquet")["label"]
        manifest = pd.read_parquet(folder / "manifest.parquet")
        manifest = manifest[manifest["split"] == split].set_index("clip_id")["labels"]
        assert sorted(manifest.index) == scores["clip_id"].tolist()
        truth = np.array([[c in set(manifest[i]) for c in labels] for i in scores["clip_id"]])
        given, kept = np.stack(scores["class_scores"]), truth.any(axis=0)
        found = metrics[metrics["model"] == file.stem].set_index("metric")
        expected = average_precision_score(truth[:, kept], given[:, kept])
        assert found.loc["mAP", "value"] == pytest.approx(expected, abs=1e-9)
        if dataset == "speech_commands":
            expected = (given.argmax(axis=1) == truth.argmax(axis=1)).mean()
            assert found.loc["accuracy", "value"] == pytest.approx(expected)
        assert (found["replicates"].map(len) == 200).all()


def test_every_filter_of_every_layer_is_mined_and_sonified(finished):
    for run in ("contrastive", "supervised"):
        folder = finished.folder / "results" / "sonification" / f"{run}-s0"
        top = tables.read(folder / "top_activations.parquet", "top_activations")
        made = tables.read(folder / "sonifications.parquet", "sonifications")
        key = ["layer", "filter", "rank", "clip_id", "n_samples"]
        pd.testing.assert_frame_equal(top[key], made[key])
        assert made.loc[top["dead"], "dead"].all(), "zero before the pool, zero after it"
        assert (top["dead"] == made["dead"]).mean() > 0.95  # the pool drops the last frames
        assert len(top) == 3 * sum((4, 4, 8, 8, 16, 16, 32, 32, 64, 64, 128))
        assert (made["pcm"].str.len() == 2 * made["n_samples"]).all()


def test_a_second_run_does_nothing(finished):
    assert "Nothing to be done" in finished()


def test_the_console_tells_progress_and_where_to_look(finished):
    printed = finished.printed
    assert "100%" in printed and "done" in printed
    assert "in results/reporting: index.html, gallery/index.html" in printed
    assert "Traceback" not in printed and "Warning" not in printed


def test_every_job_has_left_its_log_and_its_cost(finished):
    folders = {suffix: finished.folder / "results" / n for n, suffix in LEFT.items()}
    left = [
        {file.relative_to(folder).with_suffix("") for file in folder.rglob(f"*{suffix}")}
        for suffix, folder in folders.items()
    ]
    assert left[0] == left[1] and len(left[0]) > 100
    costs = [pd.read_csv(file, sep="\t") for file in folders[".tsv"].rglob("*.tsv")]
    assert (pd.concat(costs)[["s", "cpu_s", "peak_mb"]] > 0).all(axis=None)


# --- Snakemake's report: made without a network, opened without one ----------------------------


@pytest.fixture(scope="module")
def report(finished_run, tmp_path_factory) -> Path:
    """The report, unzipped."""
    folder = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            patch.setenv(name, "http://127.0.0.1:9")  # nobody listens there
        finished_run("--report", str(folder / "report.zip"))
    with zipfile.ZipFile(folder / "report.zip") as file:
        file.extractall(folder)
    return folder / "report" / "report.html"


@pytest.fixture(scope="module")
def listed(report) -> dict[str, dict]:
    """What the report lists, by path of the result."""
    found = re.search(r"var results = (\{.*\});", report.read_text(encoding="utf-8"))
    return json.loads(found[1])


@pytest.fixture(scope="module")
def layers() -> list[str]:
    config = yaml.safe_load((codedeps.ROOT / "config.yaml").read_text(encoding="utf-8"))
    return [f"{layer:02d}" for layer in config["reporting"]["listen"]["layers"]]


def test_the_report_holds_every_table_figure_claim_account_and_sound(report, listed, layers):
    wanted = [f"figures/{name}.svg" for name in FIGURES]
    wanted += [f"{folder}/table_{n}" for n in TABLES for folder in ("tables", "cards/tables")]
    wanted += ["claims.md", "cards/claims.html", "cards/clips.html", "cards/time.html"]
    models = ("contrastive-s0", "supervised-s0")
    wanted += [f"cards/listening/{m}/layer_{n}.html" for m in models for n in layers]
    suffix = {"tables": ".csv", "cards/tables": ".html"}
    wanted = [path + suffix.get(path.rpartition("/")[0], "") for path in wanted]
    assert sorted(listed) == sorted(f"results/reporting/{path}" for path in wanted)
    for entry in listed.values():
        assert (report.parent / entry["data_uri"]).stat().st_size > 100
        assert entry["labels"] and len(entry["caption"]) > 60


def test_the_reports_figures_are_explained_by_the_words_of_the_results_page(listed):
    for name in FIGURES:
        caption = re.sub(
            r"<[^>]+>|\s+", " ", listed[f"results/reporting/figures/{name}.svg"]["caption"]
        )
        for words in (FIGURES[name].read, FIGURES[name].paper):
            assert words.replace("'", "’") in caption.replace("'", "’"), name


@pytest.mark.slow
def test_the_report_opens_in_a_browser_without_a_network(browser, report, listed, layers):
    troubles, seen = [], set()
    # The policy of the pages forbids the fetching that the test decodes sounds by.
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, offline=True, bypass_csp=True
    )
    page = context.new_page()
    page.on("console", lambda message: message.type == "error" and troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("requestfailed", lambda request: troubles.append(request.url))

    def shown(control):
        """Where what `control` shows lies, once it is there."""
        control.click()
        change = "seen => ![undefined, ...seen].includes(document.querySelector('%s')?.src)"
        page.wait_for_function(change % VIEW, arg=sorted(seen))
        seen.add(page.locator(VIEW).evaluate("view => view.src"))
        view = page.locator(VIEW)
        if view.evaluate("view => view.tagName") == "IMG":
            assert view.evaluate("async view => { await view.decode(); return view.naturalWidth }")
            return
        page.frame_locator(VIEW).locator("h1").wait_for()
        for player in page.frame_locator(VIEW).locator("audio").all():
            seconds, peak = player.evaluate(DECODE)
            assert seconds == 2.5 and peak > 0.01

    for category in CATEGORIES:
        page.goto(report.as_uri())
        page.locator(".prose").get_by_role("link", name=category, exact=True).click()
        page.locator("tbody tr").first.wait_for()
        for row in page.locator("tbody tr").all():
            shown(row.locator("a").first)  # the eye
        if category == "Listening":  # the last layer by the other regime
            shown(page.get_by_text("supervised-s0", exact=True))
    context.close()
    assert not troubles
    assert len(seen) == len(FIGURES) + len(TABLES) + 1 + 2 + len(layers) + 1


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
def test_everybody_can_use_the_results_page(browser, finished, scheme):
    context = browser.new_context(color_scheme=scheme, offline=True, bypass_csp=True)
    page = context.new_page()
    page.goto((finished.folder / "results/reporting/index.html").as_uri())
    found = violations(page)
    context.close()
    assert found == []


# --- what reruns ----------------------------------------------------------------------------------


def test_editing_the_coherence_module_reruns_what_uses_it_and_what_follows(finished):
    module = "src/sonify/evaluation/metrics/coherence.py"
    finished.edit(module, "FLOOR_NOISES = 16", "FLOOR_NOISES = 17")
    assert finished.planned() == COHERENCE | FILTERS | AGGREGATES | {"gather": 2}


def test_editing_a_comment_or_docstring_reruns_nothing(finished):
    module = "src/sonify/evaluation/metrics/coherence.py"
    finished.edit(module, "FLOOR_NOISES = 16", "FLOOR_NOISES = 16  # enough")
    finished.edit(module, '"""Mean top-k', '"""The mean top-k')
    assert "Nothing to be done" in finished("--dry-run")


def test_changing_one_value_reruns_the_stages_that_use_it(finished):
    finished.edit("config.yaml", "    top_k: 5", "    top_k: 6")
    assert finished.planned() == COHERENCE | FILTERS | AGGREGATES | {"gather": 2}
    finished.edit("config.yaml", "    top_k: 6", "    top_k: 5")
    finished.edit("config.yaml", "    layers: [1, 4, 8, 11]", "    layers: [1, 4, 8]")
    assert set(finished.planned()) == {"cards", "page", "summary", "all"}
    finished.edit("config.yaml", "    shown_shift: 8645", "    shown_shift: 512")
    jobs = finished.planned()
    assert jobs["invariance"] == 3 and jobs["gather"] == 3 and "coherence" not in jobs


def answer(workflow, monkeypatch, question, fails=False) -> list[str]:
    """What `make verify` or `make why` prints."""
    with monkeypatch.context() as asking:
        asking.setenv("SONIFY_ASKED", question)
        printed = workflow("--dry-run", "--logger", "sonify", fails=fails).splitlines()
    return [line for line in printed if not line.startswith("Using workflow specific profile")]


def test_results_say_themselves_what_made_them(finished, monkeypatch):
    intact = answer(finished, monkeypatch, "verify")[-1]
    assert re.fullmatch(r"\d{3} intact, 0 stale, 0 missing, 0 foreign, 0 damaged", intact)
    assert answer(finished, monkeypatch, "why") == ["Nothing to be done"]
    records = finished.folder / ".snakemake"
    records.rename(finished.folder / "lost")
    try:
        assert "Nothing to be done" in finished("--dry-run")
        finished.edit("config.yaml", "    top_k: 5", "    top_k: 6")
        assert finished.planned() == COHERENCE | FILTERS | AGGREGATES | {"gather": 2}
        why = answer(finished, monkeypatch, "why")
        assert why[0] == "coherence ×3: configuration: evaluation.coherence.top_k is 6, was 5"
        stale = answer(finished, monkeypatch, "verify", fails=True)
        table = "results/evaluation/coherence.parquet"
        assert any(line.startswith(f"stale: {table}: made from") for line in stale)
        finished.edit("config.yaml", "    top_k: 6", "    top_k: 5")
        module = "src/sonify/evaluation/metrics/coherence.py"
        finished.edit(module, "FLOOR_NOISES = 16", "FLOOR_NOISES = 17")
        assert finished.planned() == COHERENCE | FILTERS | AGGREGATES | {"gather": 2}
        why = answer(finished, monkeypatch, "why")
        assert "coherence ×3: evaluation/metrics/coherence.py changed" in why
    finally:
        shutil.rmtree(records, ignore_errors=True)
        (finished.folder / "lost").rename(records)


def test_an_older_gathered_table_put_back_with_its_date_is_made_anew(finished):
    file = finished.folder / "results" / "evaluation" / "coherence.parquet"
    part = file.with_suffix("") / "contrastive-s0.parquet"
    kept, dates = part.read_bytes(), part.stat()
    frame = tables.read(part, "coherence")
    try:  # as if the part had been made since, and Snakemake knew it
        tables.write(frame.assign(coherence=0.5), part, "coherence")
        os.utime(part, ns=(dates.st_atime_ns, dates.st_mtime_ns))
        assert finished.planned()["gather"] == 1
    finally:
        part.write_bytes(kept)
        os.utime(part, ns=(dates.st_atime_ns, dates.st_mtime_ns))
    assert "Nothing to be done" in finished("--dry-run")


def test_swapping_two_values_is_noticed_and_reordering_keys_is_not(finished):
    recipe = finished.checkout / "workflow" / "configs" / "smoke.yaml"
    before = "contrastive: {epochs: 2, warmup_epochs: 1"
    assert before in recipe.read_text()
    other = "contrastive: {warmup_epochs: 1, epochs: 2"
    finished.edit("workflow/configs/smoke.yaml", before, other)
    assert "Nothing to be done" in finished("--dry-run"), "the order of keys is no change"
    rates = '"default" of Adam\n      weight_decay: 1.0e-5'
    old = f"learning_rate: 1.0e-3  # the {rates}"
    finished.edit(
        "config.yaml", old, old.replace("e-3", "e-9").replace("e-5", "e-3").replace("e-9", "e-5")
    )
    jobs = finished.planned()
    assert jobs["train"] == 31, "the nine recipes it is the base of, and what starts there"


@pytest.mark.slow
def test_shares_give_the_bytes_of_one_job_and_leave_nothing(finished, tmp_path):
    before = digests(finished.folder)
    for part in ("results", ".snakemake"):
        shutil.copytree(finished.folder / part, tmp_path / part)
    own = Workflow(tmp_path, finished.checkout, finished.snakemake)
    finished.edit("config.yaml", "{measuring: 1,", "{measuring: 3,")
    of = "contrastive-s0"
    made = ["sonification/{}/top_activations", "sonification/{}/sonifications"]
    targets = [f"results/{name.format(of)}.parquet" for name in made]
    targets.append("results/evaluation/metrics/fsd50k-contrastive-full-s0.parquet")
    rules = ("mine", "render", "score")
    assert own.planned("--", *targets) == dict.fromkeys(rules, 1) | {f"{r}_share": 3 for r in rules}
    own("--", *targets)
    assert digests(tmp_path) == before
    assert not [file for file in tmp_path.glob("results/unfinished/**/*") if file.is_file()]
    assert "Nothing to be done" in own("--dry-run", "--", *targets)
    records = (tmp_path / "results/benchmarks/render_share").glob("*.tsv")
    assert sorted(file.stem for file in records) == [f"{of}-{i}-of-3" for i in (1, 2, 3)]
    finished.edit("config.yaml", "preparing: 1}", "preparing: 3}")
    prepared = "results/data/fsd50k-s0/manifest.parquet"
    rules = {"prepare_fsd50k": 1, "prepare_fsd50k_share": 3}
    assert own.planned("--", prepared) == rules
    own("--", prepared)
    assert digests(tmp_path) == before


def test_adding_a_seed_runs_that_seed_and_the_aggregates(finished):
    finished.edit("workflow/configs/smoke.yaml", "seeds: [0]", "seeds: [0, 1]")
    of_one_seed = {"synthesise": 3, **{f"prepare_{dataset}": 1 for dataset in SYNTHETIC}}
    of_one_seed |= {"train": 38, "score": 30, "removal": 4, "coherence": 3, "filters": 2}
    of_one_seed |= {
        "mine": 2,
        "render": 2,
        "coherence_by_filter": 2,
        "invariance": 3,
        "evolution": 1,
        "layer_importance": 8,
    }
    figures = dict.fromkeys(set(FIGURES) - {"figure_1", "figure_2", "figure_3"}, 1)
    gathered = {"gather": len(EVALUATION_TABLES), "table": len(TABLES), "gallery": 1}
    gathered |= {"database": 1}  # there are more files
    assert finished.planned() == of_one_seed | figures | gathered | AGGREGATES


def planned_without(finished, file):
    """The jobs planned while a file is lost; it is back afterwards."""
    lost = finished.folder / file
    kept = lost.read_bytes()
    lost.unlink()
    try:
        return finished.planned()
    finally:
        lost.write_bytes(kept)
        finished("--touch")


def test_a_lost_corpus_is_prepared_again_and_what_shows_its_clips_follows(finished):
    jobs = planned_without(finished, "results/data/speech_commands-s0/rejected.parquet")
    assert jobs["prepare_speech_commands"] == 1
    assert not {"synthesise", "prepare_audioset", "prepare_fsd50k", "mine", "pairs"} & set(jobs)


def test_a_lost_table_of_one_seed_is_made_again_and_nothing_else(finished):
    jobs = planned_without(finished, "results/evaluation/coherence/contrastive-s0.parquet")
    assert jobs == COHERENCE | AGGREGATES | {"coherence": 1, "gather": 1}


def test_lost_scores_are_computed_again_and_no_network_is_trained(finished):
    jobs = planned_without(finished, "results/evaluation/scores/fsd50k-scratch-s0.parquet")
    measured = {"train", "layer_importance", "removal", "coherence", "invariance", "mine"}
    assert jobs["score"] == 1 and not measured & set(jobs)


def test_the_queries_of_the_reference_work_on_results(finished, monkeypatch):
    monkeypatch.chdir(finished.folder)
    elsewhere = {"downloads", "harvest", "control_means", *BEYOND_TABLES}
    made = {n: query for n, query in queries().items() if n not in elsewhere}
    rows = {name: len(duckdb.sql(query).df()) for name, query in made.items()}
    # Synthetic clips are of no class called Speech, and all of them are mined.
    empty = ("rejected", "top_activations", "left_out")
    assert all(n for name, n in rows.items() if name not in empty), rows


def test_the_queries_of_the_readme_work(finished):
    readme = (codedeps.ROOT / "README.md").read_text(encoding="utf-8")
    queries = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert len(queries) >= 4
    sound = next((finished.folder / "results/data/raw/audioset-s0/audio").glob("*.wav"))
    shutil.copy(sound, finished.folder / "recording.wav")
    for query in queries:
        done = subprocess.run(
            [sys.executable, "-c", query],
            cwd=finished.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, query + done.stderr
        assert done.stdout.strip() or "parquet" not in query


def test_the_database_answers_the_questions_of_the_readme(finished):
    readme = (codedeps.ROOT / "README.md").read_text(encoding="utf-8")
    questions = re.findall(r"```sql\n(.*?)```", readme, re.DOTALL)
    file = finished.folder / "results" / "results.duckdb"
    with duckdb.connect(str(file), read_only=True) as results:
        fall, coherence, purity = (results.sql(question).df() for question in questions)
        held = results.sql("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
        rows = {name: len(results.sql(f'FROM "{name}"')) for (name,) in held}
    assert fall.shape == (11, 5) and fall.notna().all(axis=None)
    assert coherence.shape == (11, 4) and coherence.notna().all(axis=None)
    assert purity["layer"].tolist() == [8, 9, 10, 11] and (purity["filters"] > 0).all()
    # Nothing was downloaded, and every clip of the mined split is mined.
    empty = {"claims_beside", "downloads", "left_out", "control_means", *BEYOND_TABLES}
    assert {name for name, n in rows.items() if not n} == empty


def test_a_lost_database_is_made_again_and_so_it_is_when_a_description_changes(finished):
    file = finished.folder / "results" / "results.duckdb"
    kept = file.read_bytes()
    file.unlink()
    try:
        assert finished.planned() == {"database": 1, "all": 1}
    finally:
        file.write_bytes(kept)
        finished("--touch")
    columns = "src/sonify/contracts/schemas/tables/columns.yaml"
    finished.edit(columns, "id of the recording in the dataset", "id of the recording")
    assert finished.planned() == {"database": 1, "all": 1}


@pytest.mark.slow
def test_local_copies_of_the_corpora_give_the_same_tables(finished, workflow, tmp_path):
    """The readers serve the public layouts: the synthetic corpora, read as a user's own."""
    corpora = tmp_path / "my corpora"
    shutil.copytree(finished.folder / "results" / "data" / "raw", corpora)
    local = {d: {"source": "local", "path": str(corpora / f"{d}-s0")} for d in SYNTHETIC}
    workflow.overlay({"data": local})
    workflow("data")
    for dataset in SYNTHETIC:
        for table in ("vocabulary", "manifest", "rejected"):
            made, again = (
                tables.read(w.folder / "results/data" / corpus / f"{table}.parquet", table)
                for w, corpus in ((finished, f"{dataset}-s0"), (workflow, dataset))
            )
            own = {"corpus": dataset} if "corpus" in made else {}
            pd.testing.assert_frame_equal(made.assign(**own), again)
    assert "Nothing to be done" in workflow("data")
    sound = next((corpora / "audioset-s0" / "audio").glob("*.wav"))
    sound.rename(tmp_path / sound.name)
    assert workflow.planned("data")["prepare_audioset"] == 1
    workflow("data")
    folder = workflow.folder / "results" / "data" / "audioset"
    assert len(tables.read(folder / "rejected.parquet", "rejected")) == 4


# --- the worked examples of docs/extending.md that need a finished run ---------------------------


def test_an_evaluation_stage(finished_run, tmp_path):
    workflow = extended(finished_run, tmp_path, "An evaluation stage", most=4)
    with_overlay(workflow, "results/evaluation/energy.parquet")
    table = pd.read_parquet(results(workflow) / "evaluation/energy.parquet")
    assert list(table["layer"]) == list(range(1, 12))
    assert (table["value"] > 0).any() and table["run"].unique() == ["contrastive"]


@pytest.mark.slow
def test_a_figure(finished_run, tmp_path):
    workflow = extended(finished_run, tmp_path, "A figure", most=2)
    workflow("results/reporting/figures/figure_dead.png")
    assert (results(workflow) / "reporting/figures/figure_dead.svg").stat().st_size > 1_000
    assert "figure_dead" in workflow("--list-rules") and workflow.planned()["page"] == 1


@pytest.mark.slow
def test_a_claim(finished_run, tmp_path):
    workflow = extended(finished_run, tmp_path, "A claim", most=1)
    workflow("results/reporting/claims.parquet")
    claims = pd.read_parquet(results(workflow) / "reporting/claims.parquet").set_index("claim")
    assert claims.loc[99, "statement"] == "More than half of the contrastive filters are alive"
    assert len(claims) == 27


@pytest.mark.slow
def test_an_explanation_method(finished_run, tmp_path):
    workflow = extended(finished_run, tmp_path, "An explanation method", most=3)
    before = pd.read_parquet(results(workflow) / "sonification/supervised-s0/sonifications.parquet")
    with_overlay(workflow, "results/sonification/supervised-s0/sonifications.parquet")
    after = pd.read_parquet(results(workflow) / "sonification/supervised-s0/sonifications.parquet")
    pd.testing.assert_series_equal(before["dead"], after["dead"])
    alive = ~after["dead"]
    assert (before.loc[alive, "pcm"] != after.loc[alive, "pcm"]).mean() > 0.9
    assert (after.loc[alive, "scale_factor"] > 0).all()
