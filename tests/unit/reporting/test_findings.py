"""The page of findings says what its tables say, and the figures of `beyond` draw them."""

import numpy as np
import pandas as pd
import pytest
from beyond_tables import stimulation
from drawn import texts

from sonify.contracts import tables
from sonify.reporting.control_values import METRICS, SOURCES, curves, stimulation_values
from sonify.reporting.drawing.sounds import LOOKS
from sonify.reporting.drawing.stimulation import figure_stimulation
from sonify.reporting.findings import control_means, page, write


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
    for row in found[found["metric"] == "response"].itertuples():
        runs = [
            np.mean([
                r.response
                for r in table.itertuples()
                if (r.run, r.sound, r.layer, r.seed) == (row.run, row.sound, row.layer, seed)
                and r.selection == "most_active"
            ])
            for seed in (0, 1, 2)
        ]  # fmt: skip
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
    assert text.index("**102. B?** The opposite is shown: -0.200") < text.index("**103. C?**")
    assert text.index("**103. C?**") < text.index("**101. A?** This is shown: 0.300 ± 0.100")
    assert "miniature: sounds; nets" in text and "smaller than 0.02 either way" in text
    cells = "0.330 ± 0.050 | 0.380 ± 0.050 | 0.430 ± 0.050 | 0.380"
    assert f"| contrastive | white noise | {cells} |" in text


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


def test_every_metric_has_words_and_every_sound_a_look():
    values = pd.concat([SOURCES["stimulation"](stimulation(value))])
    assert set(values["metric"]) <= set(METRICS)
    assert set(values["sound"]) <= {*LOOKS, "clip"}
