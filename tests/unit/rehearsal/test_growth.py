"""Slopes, bounds and what breaks first, of rehearsals whose numbers are known."""

import csv
import io

import pytest

from sonify.rehearsal.growth import faults, first_to_break, growth
from sonify.rehearsal.measuring import Cost
from sonify.rehearsal.page import page, table
from sonify.rehearsal.sizes import listed
from sonify.rehearsal.stages import BOUNDS, Bound


def costs(per_clip: float, stage: str = "list", fixed_mb: float = 100.0):
    """Rehearsals in which a stage takes so many bytes a clip, and a second for 1,000 clips."""
    count = BOUNDS[stage].clips
    return {
        n: {stage: Cost(n / 1000, n / 1000, fixed_mb + count(n) * per_clip / 1e6, 3.0)}
        for n in (20_000, 200_000, 2_000_000)
    }


def test_the_slope_is_that_of_the_line_over_the_clips_that_count():
    assert growth(costs(500))["list"].per_clip == pytest.approx(500)
    assert growth(costs(500))["list"].fixed_mb == pytest.approx(100)
    scored = growth(costs(500, "score"))["score"]
    assert scored.per_clip == pytest.approx(500)
    assert scored.megabytes(1_000_000) == pytest.approx(100 + listed(1_000_000).eval * 500 / 1e6)
    assert growth({2_000: costs(500)[20_000]}) == {}


def test_a_bound_counts_the_clips_that_it_is_about():
    assert Bound(100, 50).megabytes(2_000_000) == 200
    assert Bound(100, 50, "eval").megabytes(2_000_000) == 110


def test_a_stage_within_its_bound_is_not_named():
    assert faults(costs(BOUNDS["list"].per_clip - 1)) == []


def test_a_stage_that_holds_more_than_its_bound_is_named():
    (sentence,) = faults({2_000: costs(0, fixed_mb=5_000)[20_000]})
    assert sentence.startswith("list held 5,000 MB with 2,000 clips, of 302 that its bound (300 MB")


def test_a_stage_that_grows_faster_than_its_bound_is_named_although_it_holds_less():
    grown = {n: c for n, c in costs(BOUNDS["list"].per_clip * 2, fixed_mb=0).items() if n < 10**6}
    (sentence,) = faults(grown)
    assert sentence.startswith("list grew by 288 MB from 20,000 to 200,000 clips, of 144")


def test_what_breaks_first_is_what_fills_the_memory_with_the_fewest_clips():
    both = {n: costs(500)[n] | costs(9_000, "score")[n] for n in costs(0)}
    words = first_to_break(both, memory_mb=16_000)
    assert "20,000,000, the stage score would hold most, 18.1 GB" in words
    assert "16 GB are full first in the stage score, with 17.7 million clips" in words
    assert "5.6 hours" in words
    assert "before two numbers of clips from 20,000 on" in first_to_break({}, 1)


def test_the_page_and_the_table_have_every_number():
    found = costs(500)
    text = page(found, {"date": "today", "commit": "abc", "machine": "one"}, 16_000)
    assert "| list | listed | 300 | 800 | 500 |" in text
    assert "| list | 200.0 | 200.0 | 200 | 460 | 3.0 |" in text.split("## 200,000 listed")[1]
    assert "Not run: corpus, prepare" in text
    rows = list(csv.DictReader(io.StringIO(table(found))))
    assert rows[1] == {
        "clips": "200000", "stage": "list", "wall_s": "200.00", "cpu_s": "200.00",
        "peak_mb": "200.00", "disk_mb": "3.00",
    }  # fmt: skip
