"""Our own claims, on tables from which their numbers are known beforehand."""

import pandas as pd
import pytest
from beyond_tables import coherence_controls, removal_controls, rivals, stems, stimulation
from claim_tables import RUNS

from sonify.contracts import tables
from sonify.paper.claims.beyond import CLAIMS
from sonify.paper.claims.evidence import Evidence
from sonify.paper.claims.table import CLAIMS as PAPERS
from sonify.paper.claims.table import claims

SPREAD = {0: -0.02, 1: 0.0, 2: 0.02}
T_3 = 4.302653


def judged(**given) -> pd.DataFrame:
    known = {"runs": RUNS, "probes": {}, "rule": "mean", "rescaled": False, "strided": None}
    table = claims(Evidence(given, **known), "mini", CLAIMS)
    return tables.checked(table, "claims").to_pandas().set_index("claim")


def test_numbers_do_not_meet_those_of_the_papers_claims():
    assert not {claim.number for claim in CLAIMS} & {claim.number for claim in PAPERS}
    assert [claim.number for claim in CLAIMS] == sorted({claim.number for claim in CLAIMS})


def test_what_was_not_measured_is_not_run():
    assert set(judged()["verdict"]) == {"not run"}


@pytest.mark.parametrize(("effect", "verdict"), [(0.3, "reproduced"), (-0.3, "contradicted")])
def test_the_response_is_compared_with_that_to_random_phases(effect, verdict):
    def value(regime, selection, sound, layer, seed):
        if selection == "random":
            return 0.4
        more = 0.1 if regime == "supervised" else 0.0
        own = {"sonification": effect + more + SPREAD[seed]}
        return 0.4 + layer / 100 + own.get(sound, 0.0)

    row = judged(stimulation=stimulation(value)).loc[101]
    assert row["verdict"] == verdict and row["mean"] == pytest.approx(effect)
    assert row["ci95_seeds"] >= T_3 * 0.02 / 3**0.5 * 0.999
    assert row["n_runs"] == 3 and row["ci95_clips"] >= 0


def test_leading_is_counted_for_filters_drawn_at_random():
    def value(regime, selection, sound, layer, seed):
        led = selection == "random" and sound == "sonification" and (layer < 11 or seed < 2)
        return 0.9 if led else 0.1

    row = judged(stimulation=stimulation(value)).loc[102]
    assert row["verdict"] == "reproduced" and row["mean"] == pytest.approx((1 + 1 + 2 / 3) / 3)


@pytest.mark.parametrize(
    ("effect", "verdict"), [(0.1, "reproduced"), (-0.1, "contradicted"), (0.001, "equivalent")]
)
def test_removal_is_held_against_the_worst_of_its_rivals(effect, verdict):
    def value(finetune, sound, fraction, layer, seed):
        if fraction:
            return 0.01 * seed  # must not count
        left = 0.3 + layer / 1000 + SPREAD[seed]
        if sound == "sonification":
            return left + SPREAD[seed] / 50
        return left + effect + (0.0 if (finetune, sound) == ("full", "rolled") else 0.02)

    row = judged(removal_controls=removal_controls(value)).loc[103]
    assert row["verdict"] == verdict and row["mean"] == pytest.approx(effect, abs=1e-9)
    assert "full rolled" in row["remark"] and row["n_runs"] == 3


@pytest.mark.parametrize(("claim", "control"), [(104, "untrained"), (105, "phase")])
def test_coherence_is_held_against_its_control(claim, control):
    def value(regime, sound, layer, seed):
        other = {control: 0.2}.get(sound, 0.9)
        more = 0.1 if regime == "contrastive" else 0.0
        return 0.5 + more + SPREAD[seed] if sound == "sonification" else other

    row = judged(coherence_controls=coherence_controls(value)).loc[claim]
    assert row["verdict"] == "reproduced" and row["mean"] == pytest.approx(0.3)
    assert row["ci95_seeds"] >= T_3 * 0.02 / 3**0.5 * 0.999


def test_one_source_is_held_against_the_clip_its_bands_and_chance():
    def value(regime, sound, layer, seed):
        lesser = {"clip": 0.6, "phase": 0.7, "untrained": 0.5}
        return lesser.get(sound, 0.65 + SPREAD[seed] / 10)

    row = judged(stems=stems(value)).loc[106]
    assert row["verdict"] == "contradicted" and row["mean"] == pytest.approx(-0.05)


@pytest.mark.parametrize("effect, verdict", [(0.2, "reproduced"), (-0.2, "contradicted")])
def test_the_deconvnet_is_held_against_the_most_exciting_of_its_rivals(effect, verdict):
    def value(finetune, method, sound, layer, seed):
        if finetune == "fconly" or sound != "sonification":
            return 0.9  # must not count
        known = {"deconvnet": 0.5, "gradient_times_input": 0.5 - effect + SPREAD[seed]}
        return known.get(method, 0.1 + SPREAD[seed])

    row = judged(rivals=rivals(value)).loc[107]
    assert row["verdict"] == verdict and row["mean"] == pytest.approx(effect)
    assert row["ci95_seeds"] >= T_3 * 0.02 / 3**0.5 * 0.999 and row["ci95_clips"] >= 0
    assert "gradient times input 0.500 vs" in row["remark"] and row["n_runs"] == 3
