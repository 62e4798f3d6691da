"""Slopes, bounds and what breaks first, of rehearsals whose numbers are known."""

import csv
import io
import math
import re
from pathlib import Path

import pytest

from sonify.config.__main__ import overlaid
from sonify.config.loading import load
from sonify.rehearsal.growth import NOISE_MB, faults, first_to_break, line, rises, verdict
from sonify.rehearsal.measuring import Cost
from sonify.rehearsal.page import page, table
from sonify.rehearsal.sizes import MINED, PER_PART, full_parts, listed
from sonify.rehearsal.stages import BOUNDS, OVERLAY, Bound

ROOT = Path(__file__).resolve().parents[3]


def costs(per_clip: float, stage: str = "list", fixed_mb: float = 100.0):
    """Rehearsals in which a stage takes so many bytes a clip, and a second for 1,000 clips."""
    count = BOUNDS[stage].clips
    return {
        n: {stage: Cost(n / 1000, n / 1000, fixed_mb + count(n) * per_clip / 1e6, 3.0)}
        for n in (20_000, 200_000, 2_000_000)
    }


def test_a_rise_is_that_over_the_clips_that_count():
    first, second = rises(costs(500), "list")
    assert first.per_clip == pytest.approx(500) == second.per_clip
    assert (first.few, first.many, second.many) == (20_000, 200_000, 2_000_000)
    assert second.allowed_mb == pytest.approx(1_800_000 * BOUNDS["list"].per_clip / 1e6)
    found = line(costs(500), "list")
    assert found.megabytes(10**6) == pytest.approx(600) and found.s_per_clip == 0.001
    assert found.full_at(1_100) == pytest.approx(2_000_000)
    assert line(costs(500, "score"), "score").megabytes(10**6) == pytest.approx(
        100 + listed(10**6).eval * 500 / 1e6
    )
    shrinking = line(costs(-10), "list")
    assert shrinking.megabytes(10**9) == shrinking.peak_mb and math.isinf(shrinking.full_at(1e9))


def test_small_rehearsals_do_not_count():
    few = {2_000: costs(500)[20_000], 20_000: costs(500)[20_000]}
    assert rises(few, "list") == [] and line(few, "list") is None and faults(few) == []
    assert [full_parts(n) for n in (2_000, 20_000)] == [0, 7]
    assert load(overlaid([OVERLAY])).data.clips_per_part == PER_PART


def test_met_is_by_the_rises_alone_or_within_the_noise():
    bound = BOUNDS["mine"].per_clip
    assert verdict(costs(bound - 1, "mine"), "mine") == "yes"
    over = bound + 0.9 * NOISE_MB * 1e6 / 180_000
    assert verdict(costs(over, "mine"), "mine") == "within the noise"
    assert faults(costs(over, "mine")) == []
    assert verdict(costs(bound + 1.1 * NOISE_MB * 1e6 / 180_000, "mine"), "mine") == "no"
    assert verdict({}, "mine") == "—"
    more = costs(0, "mine") | {10_000_000: {}}
    assert verdict(more, "mine") == "yes, so far"


def test_a_bound_counts_the_clips_that_it_is_about():
    assert Bound(100, 50).megabytes(2_000_000) == 200
    assert Bound(100, 50, "eval").megabytes(2_000_000) == 110
    mined = Bound(100, 1_000, "mined")
    assert mined.megabytes(20_000) == 102 and mined.clips(200_000) == mined.clips(10**7) == MINED
    config = load(overlaid([OVERLAY]))
    assert config.sonification.top * sum(config.models["CNN12"].layout.filters) == MINED


def test_where_no_more_clips_count_a_rise_is_noise_or_a_fault():
    def rendered(mb):
        return {n: {"render": Cost(1, 1, 1_000.0 + more, 0)} for n, more in mb.items()}

    noise, fault = rendered({200_000: 0, 2_000_000: 19}), rendered({200_000: 0, 2_000_000: 21})
    assert [rise.per_clip for rise in rises(noise, "render")] == [0.0] and faults(noise) == []
    assert math.isinf(line(noise, "render").full_at(1e9))
    (sentence,) = faults(fault)
    assert sentence.startswith("render grew by 21 MB from 200,000 to 2,000,000 clips, more than")


def test_a_stage_within_its_bound_is_not_named():
    assert faults(costs(BOUNDS["list"].per_clip - 1)) == []


def test_a_stage_that_holds_more_than_its_bound_is_named():
    (sentence,) = faults({2_000: costs(0, fixed_mb=5_000)[20_000]})
    assert sentence.startswith(
        "list held 5,000 MB with 2,000 clips, more than the 302 MB that its bound ("
    )


def test_a_stage_that_grows_faster_than_its_bound_is_named_although_it_holds_less():
    grown = {n: c for n, c in costs(BOUNDS["list"].per_clip * 2, fixed_mb=0).items() if n < 10**6}
    (sentence,) = faults(grown)
    assert sentence.startswith(
        "list grew by 288 MB from 20,000 to 200,000 clips, more than the 144 MB"
    )


def test_what_breaks_first_is_what_fills_the_memory_with_the_fewest_clips():
    every = {
        n: {stage: cost for stage in BOUNDS for cost in costs(0)[n].values()} for n in costs(0)
    }
    both = {n: every[n] | costs(500)[n] | costs(9_000, "score")[n] for n in every}
    words = first_to_break(both, memory_mb=16_000)
    assert words.startswith(
        "Of all 14 stages, each run with 2,000,000 clips, score would take most"
    )
    full = "score would be the first to fill this machine's 16 GB, with 17.7 million clips"
    assert f"18.1 GB; {full}" in words
    assert "5.6 processor hours" in words


def test_nothing_is_said_of_what_breaks_first_before_all_stages_have_been_run():
    words = first_to_break(costs(500), 16_000)
    assert "before all 14 stages" in words and "corpus, prepare" in words and "list" not in words
    assert "list" in first_to_break({}, 1)


def test_the_page_and_the_table_have_every_number():
    found = costs(500)
    text = page(found, {"date": "today", "commit": "abc", "machine": "one"}, 16_000)
    assert "| list | listed | 300 | 800 | 500 | 500 | yes |" in text
    assert "7 with 20,000; 76 with 200,000; 765 with 2,000,000" in text
    assert "| list | 200.0 | 200.0 | 200 | 460 | 3.0 |" in text.split("## 200,000 listed")[1]
    assert "Not run: corpus, prepare" in text
    rows = list(csv.DictReader(io.StringIO(table(found))))
    assert rows[1] == {
        "clips": "200000", "stage": "list", "wall_s": "200.00", "cpu_s": "200.00",
        "peak_mb": "200.00", "disk_mb": "3.00",
    }  # fmt: skip


def test_the_page_of_the_rehearsal_has_the_present_words_and_bounds_and_these_are_met():
    text = (ROOT / "docs" / "rehearsal.md").read_text(encoding="utf-8")
    written = re.search(r"Written on (.*), commit (\S+), (.*, (\d+) GB)\.", text)
    assert written is not None
    date, commit, machine, memory_gb = written.groups()
    found: dict[int, dict[str, Cost]] = {}
    for n, of in re.findall(r"^## ([\d,]+) listed clips\n(.*?)(?=^## |\Z)", text, re.M | re.S):
        rows = [row.split(" | ") for row in re.findall(r"^\| (\w+ \|.* [\d,.]+) \|$", of, re.M)]
        found[number(n)] = {
            stage: Cost(number(wall), number(cpu), number(peak), number(disk))
            for stage, wall, cpu, peak, _, disk in rows
        }
    assert list(found) == [2_000, 20_000, 200_000, 2_084_320]
    assert all(list(of) == list(BOUNDS) for of in found.values())
    assert faults(found) == []
    made = {"date": date, "commit": commit, "machine": machine}
    # Its numbers are rounded, and with them slopes and what breaks first.
    assert plain(page(found, made, float(memory_gb) * 1_000)) == plain(text)


def number(text: str) -> float:
    return float(text.replace(",", "")) if "." in text else int(text.replace(",", ""))


def plain(text: str) -> list[str]:
    """The lines of a page but for what it works out."""
    first, rest = text.split("## What breaks first")
    slopes = re.sub(r"( \| -?[\d,]+){2}( \| [a-z ]+) \|$", r"\2", first, flags=re.M)
    return (slopes + rest.partition("## ")[2]).splitlines()
