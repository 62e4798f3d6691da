import pandas as pd
import pytest

from sonify.reporting.summary import COLUMNS, LINES, summary


@pytest.fixture
def text(metrics, removal, coherence, manifest, rejected):
    return summary(metrics(), removal(), coherence(), manifest, rejected, "mini")


def fits(text):
    lines = text.splitlines()
    return len(lines) <= LINES and all(len(line) <= COLUMNS for line in lines)


def test_fits_the_console(text):
    assert fits(text) and text.endswith("\n")


def test_says_what_was_found(text):
    for wanted in (
        "miniature",
        "0.410 ± 0.127",
        "3.3 × chance",
        "paper 0.463 ± 0.002",
        "0.030 (layer 1) to 0.330 (layer 11) of 0.610",
        "layer 1 0.855",
        "layer 11 0.255",
        "noise floor 0.020",
        "6 used, 4 rejected (2 missing file, 1 silent, 1 too short)",
        "results/reporting/index.html",
    ):
        assert wanted in text, wanted


def test_more_models_than_lines_are_said_to_be_left_out(
    metrics, removal, coherence, manifest, rejected
):
    many = [(f"run-with-a-long-name-{i}", "contrastive", "full", 0.1 * i) for i in range(1, 10)]
    results = pd.concat([metrics([m]).assign(architecture=f"{'long' * 20}{m[0]}") for m in many])
    found = summary(
        results, removal(many), coherence(), manifest, rejected.assign(reason="r" * 99), "mini"
    )
    assert fits(found)
    assert "and 3 more: see table_A4.md" in found and "and 6 more: see figure_6" in found


def test_nothing_run(metrics, removal, coherence, manifest, rejected):
    found = summary(metrics()[:0], removal()[:0], coherence()[:0], manifest, rejected[:0], "paper")
    assert fits(found) and found.count("not run") == 3
    assert "0 rejected\n" in found


def test_a_rise_shows_as_a_negative_fall(metrics, removal, coherence, manifest, rejected):
    frame = removal(seeds=(0,))
    frame.loc[frame["layer"] == 5, "value"] = 0.9
    found = summary(metrics(), frame, coherence(), manifest, rejected, "mini")
    assert "-0.300 (layer 5)" in found
