"""The page on runs that share no seed."""

import pytest

from sonify.reporting.reproducibility import SeedSet, page

MADE = {"commit": "abc", "machine": "2 × some CPU", "configuration": "config.yaml", "seconds": 90.0}


@pytest.fixture
def two(claims):
    """Sets of which claim 1 and 2 have the given verdicts in the second; the others are equal."""

    def make(one="inconclusive", two="reproduced", **changed):
        other = claims.copy()
        other.loc[other["claim"] <= 2, "verdict"] = [one, two]
        first = SeedSet((0, 1, 2, 3, 4), claims, MADE)
        return [first, SeedSet(**{"seeds": (5, 6, 7), "claims": other, "made": {}} | changed)]

    return make


def lines(text):
    table = text.partition("## Verdicts")[2]
    return [line.split(" | ") for line in table.splitlines() if line.startswith("|")]


def test_sets_that_agree(two):
    text = page(two())
    assert "**No claim is reproduced in one set and contradicted in another.**" in text
    assert "6 of 6 claims have the same verdict in all 2 sets; 3 of these are decided (2–4)" in text
    assert "open in others: none." in text and "miniature, 2 sets of seeds" in text
    assert "| seeds 0–4 | 3 of 6 claims decided: " in text
    assert "| abc | config.yaml | 2 × some CPU | 2 min |" in text
    assert "| seeds 5–7 | " in text and "| unknown | unknown | unknown | unknown |" in text
    head, _, *rows = lines(text)
    assert head[:4] == ["| claim", "what the paper says", "seeds 0–4", "seeds 5–7"]
    assert len(rows) == 6 and {row[-1] for row in rows} == {"the same |"}
    assert rows[1][2:4] == ["reproduced 0.250 ± 0.125"] * 2 and rows[5][2] == "not run"


def test_opposite_verdicts_are_said_first_and_in_bold(two):
    text = page(two(two="contradicted"))
    assert "**Claims 2 are reproduced in one set and contradicted in another" in text
    assert [row[-1] for row in lines(text)[2:]] == ["the same |", "disagree |", *["the same |"] * 4]


def test_what_one_set_leaves_open_is_no_disagreement(two):
    text = page(two(one="reproduced", two="equivalent"))
    assert "**No claim is reproduced" in text and "open in others: 1." in text
    assert "4 of 6 claims have the same verdict" in text
    assert [row[-1] for row in lines(text)[2:4]] == ["open in some |", "decided differently |"]


def test_further_runs_stand_beside(two, claims):
    text = page(two(), {"recorded sounds": claims[claims["claim"] != 3]})
    head, _, *rows = lines(text)
    assert head[4] == "recorded sounds" and rows[0][4] == "inconclusive 0.100"
    assert rows[2][4] == "–"


def test_sets_that_cannot_be_compared_are_refused(two, claims):
    with pytest.raises(ValueError, match="seeds 3–7 and another set share 3, 4, so"):
        page(two(seeds=(3, 4, 5, 6, 7)))
    with pytest.raises(ValueError, match="differ in scale: make all"):
        page(two(claims=claims.assign(scale="paper")))
    with pytest.raises(ValueError, match="seed 9 and of seeds 0–4 differ in claim"):
        page(two(seeds=(9,), claims=claims[:5]))


def test_nothing_run_yet():
    assert page([]).endswith("No set has been run yet: `make reproducibility`.\n")
