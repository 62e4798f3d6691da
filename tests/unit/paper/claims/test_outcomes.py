"""What became of the claims, in words."""

import math

import pandas as pd
import pytest

from sonify.paper.claims.outcomes import (
    MEANS_FAIL,
    UNPUBLISHED,
    authors_words,
    decided,
    intervals,
    outcomes,
    p_words,
    survivors,
    undecided,
    why_open,
)

VERDICTS = (
    *("inconclusive", "reproduced", "at chance", "equivalent", "not run", "reproduced"),
    "contradicted",
)


@pytest.fixture
def claims():
    frame = pd.DataFrame({"claim": range(1, 8), "verdict": VERDICTS, "n_runs": [3] * 4 + [0, 5, 3]})
    frame["ci95"] = frame["ci95_seeds"] = [0.1] * 4 + [math.nan, 0.1, 0.1]
    frame["ci95_clips"] = [0.05, math.nan] * 3 + [0.05]
    frame["p"] = [0.2, 0.001, math.nan, 0.04, math.nan, 0.002, 0.01]
    frame["p_holm"] = [0.2, 0.005, math.nan, 0.08, math.nan, 0.008, 0.03]
    return frame.assign(remark="Missing: metrics of x.")


def test_what_was_decided_leads(claims):
    assert [(o.verdict, o.claims) for o in outcomes(claims)] == [
        ("reproduced", [2, 6]),
        ("contradicted", [7]),
        ("equivalent", [4]),
        ("inconclusive", [1]),
        ("at chance", [3]),
        ("not run", [5]),
    ]
    found = {outcome.verdict: str(outcome) for outcome in outcomes(claims)}
    assert found["reproduced"] == "2, 6 (the effect is shown)"
    assert found["inconclusive"] == "1 (the intervals of 3 seeds leave it open)"
    more = claims.assign(verdict="inconclusive", n_runs=[1, 2, 3, 3, 5, 0, 5])
    assert str(next(outcomes(more))) == "1–7 (the intervals of 1 to 5 seeds leave it open)"
    wider = more.assign(ci95_clips=[0.2, 0.2, 0.1] + [math.nan] * 4)
    assert str(next(outcomes(wider))).endswith(
        "leave it open; of 1, 2 that over clips is the wider)"
    )
    for n, words in ((1, "1 seed leave"), (2, "2 seeds leave"), (0, "0 seeds leave")):
        assert f"the intervals of {words}" in str(next(outcomes(more.assign(n_runs=n))))
    some = more.assign(claim=[1, 2, 4, 5, 6, 8, 11])
    assert str(next(outcomes(some))).startswith("1, 2, 4–6, 8, 11 (")


def test_counts(claims):
    assert decided(claims) == "4 of 7 claims decided: 2 reproduced, 1 contradicted, 1 equivalent"
    assert undecided(claims) == "1 inconclusive, 1 at chance, 1 not run"
    assert decided(claims.assign(verdict="not run")) == "none of 7 claims decided"
    assert decided(claims[:0]) == "none judged" and undecided(claims[:0]) == ""


def test_which_would_stand_as_one_family(claims):
    family = "Taken as one family of 5 tests (Holm's correction), "
    assert survivors(claims) == family + "3 of the 4 decided claims stay decided: 2, 6, 7."
    assert survivors(claims.assign(p_holm=0.01)) == family + "all decided claims stay decided."
    none = family + "none of the decided claims would stay decided."
    assert survivors(claims.assign(p_holm=0.06)) == none
    assert survivors(claims.assign(p_holm=0.05)) == none
    assert survivors(claims.assign(verdict="not run")) == ""


def test_why_a_claim_is_open(claims):
    rows = list(claims.itertuples())
    assert why_open(rows[0]) == "the intervals of 3 seeds leave it open"
    assert why_open(rows[1]) == ""
    assert why_open(rows[2]) == "neither side recognises more than chance"
    assert why_open(rows[4]) == "runs or measurements are missing"
    alike = claims.assign(ci95_clips=claims["ci95_seeds"])
    assert why_open(next(alike.itertuples())) == "the intervals of 3 seeds leave it open"
    clips = claims.assign(ci95_clips=0.2)
    assert why_open(next(clips.itertuples())) == "the interval over clips leaves it open"
    single = claims.assign(n_runs=1).itertuples()
    assert why_open(next(single)) == "a single seed has no interval"
    equal = claims.assign(ci95=math.nan)
    assert why_open(next(equal.itertuples())) == "its seeds give no interval"
    assert why_open(next(equal.assign(n_runs=0).itertuples())) == "undefined in every seed"


def test_both_intervals_in_words(claims):
    rows = list(claims.itertuples())
    assert intervals(rows[0]) == "± 0.100 over seeds, ± 0.050 over clips"
    assert intervals(rows[1]) == "", "over seeds alone, which the number has beside it"
    assert intervals(rows[4]) == "– over seeds, ± 0.050 over clips"


def test_p_in_words():
    assert [p_words(p) for p in (0.0004, 0.001, 0.0123, 1.0, math.nan)] == [
        "< 0.001",
        "0.001",
        "0.012",
        "1.000",
        "–",
    ]


def test_the_authors_numbers_in_words():
    row = pd.Series(
        {"authors_verdict": "contradicted", "authors_remark": "of Table A.1"}, dtype=object
    )
    row["authors_mean"], row["authors_ci95"] = -0.0123, 0.004
    assert authors_words(row) == "contradicted: -0.012 ± 0.004"
    row["authors_remark"], row["authors_ci95"] = f"means {MEANS_FAIL}", math.nan
    means_only = "contradicted (means only, which do not meet it): -0.012"
    assert authors_words(row) == means_only
    row["authors_verdict"] = UNPUBLISHED
    assert authors_words(row) == "none published"
