"""The page of findings says what its tables say, and the figures of `beyond` draw them."""

from collections import defaultdict

import numpy as np
import pandas as pd
import pytest
from beyond_tables import (
    coherence_controls,
    filters,
    removal_controls,
    rivals,
    rivals_removal,
    stems,
    stimulation,
)
from drawn import texts

from sonify.contracts import tables
from sonify.paper.claims.beyond import CLAIMS
from sonify.plan.registry import BEYOND_FIGURES, BEYOND_TABLES
from sonify.reporting import rival_values
from sonify.reporting.control_values import (
    METRICS,
    SOURCES,
    curves,
    label_values,
    removal_values,
    specificity_values,
    stimulation_values,
)
from sonify.reporting.drawing.coherence_controls import figure_coherence_controls
from sonify.reporting.drawing.removal_controls import figure_removal_controls
from sonify.reporting.drawing.sounds import in_order
from sonify.reporting.drawing.stems import figure_stems
from sonify.reporting.drawing.stimulation import figure_stimulation
from sonify.reporting.findings import DRAWN, control_means, page, write


def value(regime, selection, sound, layer, seed):
    base = {"sonification": 0.9, "phase": 0.6, "noise": 0.3}.get(sound, 0.5)
    return base + layer / 100 + seed / 50 - (0.1 if selection == "random" else 0.0)


def verdicts(**changes) -> pd.DataFrame:
    row = {"claim": 101, "statement": "A", "section": "4.1", "measure": "Number", "delta": 0.02}
    row |= {"criterion": "above", "mean": 0.3, "ci95": 0.1, "ci95_seeds": 0.1, "ci95_clips": 0.05}
    row |= {"n_runs": 3, "verdict": "reproduced", "p": 0.01, "remark": "r.", "scale": "mini"}
    return pd.DataFrame([row | changes])


def test_means_are_over_clips_and_intervals_over_seeds():
    table = stimulation(value)
    means = control_means({"stimulation": table})
    found = tables.checked(means, "control_means").to_pandas()
    assert set(found["metric"]) == {"response", "leads", "leads_random"}
    responses = defaultdict(list)
    for r in table.itertuples():
        if r.selection == "most_active":
            responses[r.run, r.sound, r.layer, r.seed].append(r.response)
    for row in found[found["metric"] == "response"].itertuples():
        runs = [np.mean(responses[row.run, row.sound, row.layer, seed]) for seed in (0, 1, 2)]
        assert row.mean == pytest.approx(np.mean(runs)) and row.n_runs == 3
        assert row.ci95 == pytest.approx(4.302653 * np.std(runs, ddof=1) / 3**0.5)


def test_dead_filters_lower_no_mean():
    table = stimulation(value)
    dead = (table["layer"] == 11) & (table["clip_id"].str.endswith("-3"))
    table.loc[dead, ["response", "leads", "filter_rank"]] = np.nan
    values = curves(stimulation_values(table))
    at = values[(values["metric"] == "response") & (values["sound"] == "noise")]
    expected = 0.3 + 0.11 + 0.02 + 0.01 / 24
    assert at[at["layer"] == 11]["mean"].tolist() == pytest.approx([expected] * 2, abs=1e-9)


def test_what_does_not_hold_leads():
    both = pd.concat([
        verdicts(),
        verdicts(claim=102, statement="B", verdict="contradicted", mean=-0.2),
        verdicts(claim=103, statement="C", verdict="equivalent", mean=0.001),
    ])  # fmt: skip
    text = page(both, control_means({"stimulation": stimulation(value)}), "sounds; nets")
    places = [
        text.index("**Claim 102:** *B.* The opposite is shown: -0.200"),
        text.index("**Claim 103:** *C.* The difference is smaller than 0.02 either way"),
        text.index("**Claim 101:** *A.* This is shown: 0.300 ± 0.100"),
    ]
    assert places == sorted(places)
    assert "Scale: miniature (sounds; nets)." in text
    assert "Number (figure_stimulation). r." in text
    cells = "0.330 ± 0.050 | 0.380 ± 0.050 | 0.430 ± 0.050 | 0.380"
    assert f"| contrastive | white noise | {cells} |" in text


def test_every_claim_names_a_figure_of_beyond_that_is_drawn_from_its_table():
    assert set(DRAWN) == {claim.number for claim in CLAIMS}
    for number, table in {101: "stimulation", 103: "removal_controls", 107: "rivals"}.items():
        assert table in BEYOND_FIGURES[DRAWN[number]].tables
    assert set(DRAWN.values()) == set(BEYOND_FIGURES)


def test_the_page_is_made_from_the_tables_beside_it(tmp_path):
    means = control_means({"stimulation": stimulation(value)})
    write(tmp_path, verdicts(), means, "sounds")
    expected = page(verdicts(), means, "sounds")
    assert (tmp_path / "findings.md").read_text(encoding="utf-8") == expected


def test_the_figure_draws_every_sound_with_its_interval():
    figure = figure_stimulation(stimulation(value), "mini")
    assert len(figure.axes) == 6
    left = figure.axes[0]
    assert left.get_title("left").startswith("contrastive") and "25 clips" in left.get_title("left")
    bars = {bar.get_label(): bar for bar in left.containers}
    assert list(bars) == [
        "sonification", "of another filter", "random phases", "white noise", "clip without it",
    ]  # fmt: skip
    line, _, (spread,) = bars["sonification"].lines
    assert line.get_ydata().tolist() == pytest.approx([0.93, 0.98, 1.03])
    low, high = spread.get_segments()[0][:, 1]
    assert high - low == pytest.approx(2 * 4.302653 * 0.02 / 3**0.5, rel=1e-4)
    assert figure.axes[1].get_title("right") == "miniature"
    assert all(text.get_fontsize() >= 8 for text, _ in texts(figure))
    with pytest.raises(ValueError, match="no rows"):
        figure_stimulation(stimulation(value).iloc[:0], "mini")


def every() -> dict[str, pd.DataFrame]:
    """All tables of `beyond`; the sonification is at 0.5 + layer / 100 + seed / 50."""

    def by_layer(regime, sound, layer, seed):
        return (0.5 if sound == "sonification" else 0.2) + layer / 100 + seed / 50

    def left(finetune, sound, fraction, layer, seed):
        return 0.5 - by_layer("", sound, layer, seed) / 2 - fraction / 10

    return {
        "stimulation": stimulation(value),
        "removal_controls": removal_controls(left),
        "coherence_controls": coherence_controls(by_layer),
        "stems": stems(by_layer),
        "specificity": filters(
            {
                "sonification": {"response": 0.4, "filter_rank": 1.0, "best_share": 0.5},
                "phase": {"response": 0.2, "filter_rank": 2.0, "best_share": 0.25},
            }
        ),
        "label_controls": filters(
            {
                "sonification": {"label_purity": 1.0, "chance_purity": 0.6},
                "untrained": {"label_purity": 0.7, "chance_purity": 0.6},
            }
        ),
    }


def test_every_metric_has_words_and_every_sound_a_look():
    assert set(every()) == set(SOURCES) == set(BEYOND_TABLES) - set(rival_values.SOURCES)
    values = pd.concat([SOURCES[name](table) for name, table in every().items()])
    assert set(values["metric"]) - {"fall_at_fraction"} == set(METRICS)
    assert sorted(in_order(values["sound"])) == sorted(set(values["sound"]))
    means = tables.checked(control_means(every()), "control_means").to_pandas()
    assert len(page(verdicts(), means, "").split("### ")) == 1 + len(METRICS)


def test_falls_are_from_the_untouched_clips_of_the_same_seed():
    drawn = curves(removal_values(every()["removal_controls"]))
    drawn = drawn[drawn["run"] == "fsd50k-contrastive-full"]
    fall = drawn[(drawn["metric"] == "fall") & (drawn["sound"] == "sonification")]
    assert fall["mean"].tolist() == pytest.approx([(0.52 + n / 100) / 2 for n in (1, 6, 11)])
    swept = drawn[(drawn["metric"] == "fall_at_fraction") & (drawn["sound"] == "noise")]
    assert swept["layer"].tolist() == [0.1, 0.8]
    assert swept["mean"].tolist() == pytest.approx([(0.22 + 0.06) / 2 + f / 10 for f in (0.1, 0.8)])


@pytest.mark.parametrize(
    ("draw", "name", "rows", "first"),
    [
        (figure_removal_controls, "removal_controls", 2, (0.52 + 0.01) / 2),
        (figure_coherence_controls, "coherence_controls", 4, 0.53),
        (figure_stems, "stems", 4, 0.53),
    ],
)
def test_figures_of_controls(draw, name, rows, first):
    table = every()[name]
    figure = draw(table, "mini")
    assert len(figure.axes) == 2 * rows
    bars = {bar.get_label(): bar for bar in figure.axes[0].containers}
    line, _, (spread,) = bars["sonification"].lines
    assert line.get_ydata()[0] == pytest.approx(first)
    low, high = spread.get_segments()[0][:, 1]
    scale = 0.5 if name == "removal_controls" else 1.0
    assert high - low == pytest.approx(2 * 4.302653 * 0.02 * scale / 3**0.5, rel=1e-4)
    legend = figure.legends[0].get_window_extent()
    assert not any(legend.overlaps(axes.get_window_extent()) for axes in figure.axes)
    assert figure.axes[1].get_title("right") == "miniature"
    with pytest.raises(ValueError, match="no rows"):
        draw(table.iloc[:0], "mini")


def side_by_side(finetune, method, sound, layer, seed):
    if sound != "sonification":
        return 0.2 + (0.1 if sound == "untrained" else 0.0)
    own = {"deconvnet": 0.6, "gradient_times_input": 0.4}.get(method, 0.3)
    return own + layer / 100 + seed / 50


def test_methods_stand_side_by_side_less_their_controls():
    def left(*where):
        return 0.5 - side_by_side(*where) / 2

    both = {"rivals": rivals(side_by_side), "rivals_removal": rivals_removal(left)}
    found = tables.checked(control_means(both), "control_means").to_pandas()
    assert set(found["metric"]) == set(rival_values.METRICS)
    at = found.set_index(["metric", "run", "sound", "layer"])
    run = "fsd50k-contrastive-full"
    for metric, expected in {
        "rival_response": 0.6 + 0.06 + 0.02 - 0.2,
        "rival_coherence": 0.6 + 0.06 + 0.02 - 0.3,
        "rival_removal": (0.6 + 0.06 + 0.02 - 0.2) / 2,
        "rival_cost": 0.6 + 0.06 + 0.02,
        "rival_fidelity": 0.6 + 0.06 + 0.02,
    }.items():
        row = at.loc[metric, run, "deconvnet", 6]
        assert row["mean"] == pytest.approx(expected), metric
        half = 0.5 if metric == "rival_removal" else 1
        assert row["ci95"] == pytest.approx(4.302653 * 0.02 * half / 3**0.5)
    text = page(verdicts(), found, "")
    assert "layers 1, 6, 11; figure_rivals" in text and "| AD ↓ | AI ↑ |" in text
    assert text.count("| deconvnet |") == text.count("| random signal |") == 4
    means = [(0.6 + 0.06 + 0.02 - 0.2) / 2, 0.48, 0.38, 0.48, 0.68, 0.68, 0.68]
    assert f"| deconvnet | {' | '.join(f'{value:.3f}' for value in means)} |" in text
    assert text.index("## The numbers") < text.index("## Methods side by side")


def test_what_is_empty_leaves_pairs_out():
    table = rivals(side_by_side)
    silent = (table["clip_id"] == "s0-3") & (table["sound"] == "phase")
    table.loc[silent, "best_share"] = np.nan
    table["best_share"] = table["best_share"].where(table["method"] != "random_signal")
    values = rival_values.rivals_values(table)
    of = values[values["metric"] == "rival_share"]
    assert set(of["sound"]) == {"deconvnet", "gradient_times_input"}
    first = of[(of["sound"] == "deconvnet") & (of["layer"] == 1) & (of["seed"] == 0)]
    assert first["value"].tolist() == pytest.approx([0.41, 0.41])


def test_filters_and_labels_are_means_over_filters():
    keys = {
        "run": "contrastive",
        "regime": "contrastive",
        "finetune": "none",
        "layer": 3,
        "seed": 0,
    }
    rows = [
        {**keys, "sound": sound, "response": r, "filter_rank": rank, "best_share": s, "dead": dead}
        for sound, r, rank, s, dead in (
            ("sonification", 0.4, 1.0, 0.5, False),
            ("sonification", 0.8, 3.0, np.nan, False),  # its clip has no stems
            ("sonification", np.nan, np.nan, np.nan, True),
            ("phase", 0.2, 2.0, 0.25, False),
        )
    ]
    found = specificity_values(pd.DataFrame(rows)).set_index(["metric", "sound"])["value"]
    assert found["filter_response", "sonification"] == pytest.approx(0.6)
    assert found["filter_leads", "sonification"] == 0.5 and found["filter_leads", "phase"] == 0
    assert found["filter_best_share", "sonification"] == 0.5
    labelled = [
        {**keys, "sound": sound, "label_purity": purity, "chance_purity": chance}
        for sound, purity, chance in (
            ("sonification", 1.0, 0.4),
            ("sonification", 0.5, 0.6),
            ("sonification", np.nan, np.nan),  # active on fewer than two of its clips
            ("untrained", 0.7, 0.5),
        )
    ]
    means = label_values(pd.DataFrame(labelled)).set_index("sound")["value"]
    assert means.to_dict() == pytest.approx({"sonification": 0.75, "untrained": 0.7, "drawn": 0.5})
