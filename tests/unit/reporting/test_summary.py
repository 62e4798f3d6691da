from dataclasses import replace

import pandas as pd
import pytest

from sonify.paper.claims.beside import laid_beside
from sonify.reporting.summary import COLUMNS, LINES, summary


@pytest.fixture
def words(metrics, removal, coherence, claims, manifest, rejected, facts):
    """The summary of the tables above, where the test does not give others."""

    def make(**changed):
        given = {
            "metrics": metrics(),
            "removal": removal(),
            "coherence": coherence(),
            "claims": claims,
            "claims_beside": laid_beside({}),
            "history": history("fine"),
            "manifest": manifest,
            "rejected": rejected,
            "scale": "mini",
            "setting": "made sounds",
            "runs": facts,
            "rule": "mean",
            "rescaled": False,
        }
        return summary(**given | changed)

    return make


def history(*collapsing):
    """Two epochs of each model; those that collapse end with the loss of equal projections."""
    rows = [
        {
            "model": m,
            "epoch": e,
            "loss": 3.4339 if m != "fine" else 3.4339 - e,
            "constant_loss": 3.434,
        }
        for m in collapsing
        for e in (1, 2)
    ]
    return pd.DataFrame(rows)


def fits(text):
    lines = text.splitlines()
    return len(lines) <= LINES and all(len(line) <= COLUMNS for line in lines)


def test_fits_the_console(words):
    assert fits(words()) and words().endswith("\n")


def test_fits_with_all_that_there_can_be(words, metrics, removal, claims, facts, rejected):
    long = [(f"run-with-a-long-name-{i}", "contrastive", "full", 0.1 * i) for i in range(1, 10)]
    runs = {n: replace(facts["fsd50k-contrastive-full"], architecture=n) for n, *_ in long}
    found = words(
        metrics=metrics(long),
        removal=removal(long),
        rejected=rejected.assign(reason="r" * 99),
        setting="some words " * 40,
        claims_beside=laid_beside({f"run {i}": claims for i in range(4)}),
        runs=facts | runs,
        history=history(*(f"a-run-with-a-long-name-s{i}" for i in range(5))),
    )
    assert fits(found) and len(found.splitlines()) == LINES
    assert "and 3 more: see tables/table_A4.md" in found and "and 6 more: see figure_6" in found
    assert "  run 0: 3 of 6 claims decided" in found and "and 3 more: see claims.md" in found


def test_names_what_collapsed(words):
    assert "Collapsed" not in words()
    text = words(history=history("one-s0", "fine", "two-s1"))
    assert (
        "Collapsed: one-s0, two-s1 (loss as of projections that are all alike: figure_training)"
        in text
    )


def test_says_what_was_found(words):
    text = words()
    for wanted in (
        "miniature",
        "made sounds",
        "  CNN12 supervised, fc-only      0.410 ± 0.127",
        "2.9 × chance",
        "paper 0.463 ± 0.002",
        "0.030 (layer 1) to 0.330 (layer 11) of 0.610",
        "layer 1 0.855",
        "layer 11 0.255",
        "noise floor 0.020",
        "The paper's claims: 3 of 6 claims decided: 1 reproduced, 1 contradicted, 1 equivalent",
        "  reproduced    2 (the effect is shown)",
        "  inconclusive  1 (the intervals of 1 seed leave it open)",
        "6 used, 4 rejected (2 missing file, 1 silent, 1 too short)",
        "  On the authors' numbers: 1 of 6 claims decided: 1 reproduced",
        "index.html, gallery/index.html, claims.md",
        "make sql",
    ):
        assert wanted in text, wanted


def test_a_model_with_fewer_runs_says_so(words, metrics):
    frame = metrics(seeds=(0, 1, 2))
    few = frame[(frame["run"] != "fsd50k-supervised-fconly") | (frame["seed"] == 1)]
    lines = {line.strip().partition("  ")[0]: line for line in words(metrics=few).splitlines()}
    assert lines["CNN12 supervised, fc-only"].endswith("   1 of 3 runs")
    assert "of 3 runs" not in lines["CNN12 supervised, full"]


def test_strided_encoders_have_no_line(words, coherence):
    frame = coherence()
    strided = frame[frame["run"] == "contrastive"].assign(run="contrastive_strided", coherence=0.5)
    assert words(coherence=pd.concat([frame, strided])) == words()


def test_tells_the_condition_that_is_configured(words, removal, coherence):
    """Tables hold the other conditions too, or, by the configuration's own choice, no default."""
    left, found = removal(), coherence()
    other = {
        "removal": left.assign(rule="max", rescaled=True),
        "coherence": found.assign(rule="max"),
    }
    assert words(**other, rule="max", rescaled=True) == words()
    both = {
        "removal": pd.concat([left.assign(value=left["value"] / 2), other["removal"]]),
        "coherence": pd.concat([found.assign(coherence=0.0), other["coherence"]]),
    }
    assert words(**both, rule="max", rescaled=True) == words()


def test_nothing_run(words, metrics, removal, coherence, claims, rejected):
    empty = {"metrics": metrics()[:0], "removal": removal()[:0], "coherence": coherence()[:0]}
    found = words(**empty, claims=claims[:0], rejected=rejected[:0], scale="paper")
    assert fits(found) and found.count("not run") == 3
    assert "0 rejected\n" in found and "The paper's claims: none judged" in found


def test_a_rise_shows_as_a_negative_fall(words, removal):
    frame = removal(seeds=(0,))
    frame.loc[frame["layer"] == 5, "value"] = 0.9
    assert "-0.300 (layer 5)" in words(removal=frame)
