"""Claims on resamples of the clips: intervals over clips, against values worked out separately."""

import math

import numpy as np
import pandas as pd
import pytest
from claim_tables import BUILDERS, LAYERS, coherent, evidence, keys, scored, table
from scipy.stats import bootstrap
from scipy.stats import t as student

from sonify.evaluation.metrics.bootstrap import REPLICATES, resamples
from sonify.paper.claims.resampled import BY_CLIP, LEAST, resampled
from sonify.paper.claims.table import CLAIMS
from sonify.runtime.errors import SonifyError

T = student.ppf(0.975, REPLICATES - 1)
FCONLY, FULL = "fsd50k-supervised-fconly", "fsd50k-supervised-full"


def row(number, given):
    every = evidence(given)
    return pd.Series(CLAIMS[number - 1].row(every, "mini", resampled(every)))


def spread_over_clips(frame, shared, own):
    """The frame with replicates whose clips move every row by `shared`, and each by `own` too."""
    random = np.random.default_rng(11)
    alike = shared * random.normal(size=REPLICATES)
    again = [v + alike + own * random.normal(size=REPLICATES) for v in frame["value"]]
    return frame.assign(replicates=again)


def gain(values, shared=0.0, own=0.0):
    """metrics of claim 19: what fc-only has more than full."""
    frame = scored({FULL: [0.3] * len(values), FCONLY: [0.3 + v for v in values]})["metrics"]
    return {"metrics": spread_over_clips(frame, shared, own)}


def test_a_difference_of_scores_by_hand():
    """Seeds that share clips: what moves both sides alike is no part of their difference."""
    given = gain([0.05, 0.06, 0.07], shared=0.05, own=0.004)
    again = given["metrics"].set_index(["run", "seed"])["replicates"]
    differences = [np.subtract(again[FCONLY, s], again[FULL, s]) for s in range(3)]
    found = row(19, given)
    expected = T * np.mean(differences, axis=0).std(ddof=1)
    assert found["ci95_clips"] == pytest.approx(expected, rel=1e-4)  # stored as float32
    seeds = student.ppf(0.975, 2) * 0.01 / 3**0.5
    assert found["ci95_seeds"] == pytest.approx(seeds, rel=0.02)
    assert found["ci95"] == max(found["ci95_seeds"], found["ci95_clips"])
    assert found["verdict"] == "reproduced"


def test_verdicts_are_by_the_wider_interval():
    values = [0.030, 0.031, 0.032]
    assert row(19, gain(values))["verdict"] == "reproduced"
    found = row(19, gain(values, own=0.05))
    assert found["verdict"] == "inconclusive"
    assert found["ci95"] == found["ci95_clips"] > 0.03 > found["ci95_seeds"]
    assert found["p"] > 0.05
    nothing = row(19, gain([0.001, 0.0, -0.001], own=0.05))
    assert nothing["verdict"] == "inconclusive", "nor are differences equivalent by seeds alone"


def test_chance_must_be_cleared_over_clips_too():
    """Scores of 0.3 and 0.35, where chance is 0.06."""
    values = [0.05, 0.051, 0.049]
    assert row(19, gain(values, shared=0.05))["verdict"] == "reproduced"
    assert row(19, gain(values, shared=0.3))["verdict"] == "at chance"


def test_a_single_seed_has_an_interval_over_clips():
    found = row(19, gain([0.05], own=0.01))
    assert found["verdict"] == "inconclusive" and found["ci95_clips"] > 0.01
    assert math.isnan(found["ci95"]) and math.isnan(found["ci95_seeds"])


def clips_of(run, seed, n, slope, random):
    """Coherence of n clips, (clip, layer), falling by `slope` a layer."""
    curve = 0.5 - slope * (np.array(LAYERS) - 6)
    return curve + 0.02 * random.normal(size=(n, len(LAYERS))) + 0.05 * random.normal(size=(n, 1))


def coherence(n):
    """coherence of three seeds that share n clips; those of one are beside one another."""
    random = np.random.default_rng(12)
    ids, rows, arrays = [f"clip {i:02}" for i in range(n)], [], {}
    for run, slope in (("contrastive", 0.01), ("supervised", 0.02)):
        for seed in range(3):
            arrays[run, seed] = values = clips_of(run, seed, n, slope + 0.001 * seed, random)
            rows += [
                {**keys(run, seed), "rule": "max", "layer": layer, "clip_id": clip}
                | {"coherence": values[i, layer - 1]}
                for i, clip in enumerate(ids)
                for layer in LAYERS
            ]
    return ids, arrays, {"coherence": table("coherence", rows).sample(frac=1, random_state=0)}


def slopes(values):
    """Least-squares slope of each curve, (..., layer)."""
    depth = np.array(LAYERS) - 6.0
    return values @ depth / (depth**2).sum()


def test_curves_are_resampled_from_their_clips():
    ids, arrays, given = coherence(40)
    found = row(5, given)
    counts = resamples("audioset", "eval", ids)
    steeper = np.mean(
        [
            slopes(counts.T @ arrays["contrastive", s] / 40)
            - slopes(counts.T @ arrays["supervised", s] / 40)
            for s in range(3)
        ],
        axis=0,
    )
    assert found["ci95_clips"] == pytest.approx(T * steeper.std(ddof=1), rel=1e-6)
    # and by SciPy, from other draws
    of_clip = np.mean(
        [slopes(arrays["contrastive", s]) - slopes(arrays["supervised", s]) for s in range(3)],
        axis=0,
    )
    known = bootstrap((of_clip,), np.mean, n_resamples=5000, random_state=1).standard_error
    assert found["ci95_clips"] == pytest.approx(T * known, rel=0.15)
    assert row(4, given)["ci95_clips"] >= 0


def test_a_handful_of_clips_has_no_interval():
    *_, few = coherence(LEAST - 1)
    assert math.isnan(row(5, few)["ci95_clips"]) and row(5, few)["n_runs"] == 3
    few = gain([0.05, 0.06], own=0.01)
    few["metrics"]["n_clips"] = LEAST - 1
    assert math.isnan(row(19, few)["ci95_clips"])
    few["metrics"]["n_clips"] = LEAST
    assert row(19, few)["ci95_clips"] > 0.01


def test_what_is_not_over_enough_clips_has_no_rows():
    *_, few = coherence(LEAST - 1)
    assert resampled(evidence(few)).tables["coherence"].empty
    given = {name: frame for build in BUILDERS.values() for name, frame in build([0.02]).items()}
    given = {name: frame for name, frame in given.items() if "replicates" not in frame}
    again = resampled(evidence(given)).tables
    fixed = set(given) - set(BY_CLIP)
    assert fixed and all(again[name].empty for name in fixed)


def test_other_rules_are_left_out():
    *_, given = coherence(LEAST)
    alone = resampled(evidence(given)).tables["coherence"]
    assert len(alone) == 6 * len(LAYERS) * REPLICATES
    other = given["coherence"].assign(rule="energy", coherence=0.9)
    both = {"coherence": pd.concat([given["coherence"], other])}
    pd.testing.assert_frame_equal(resampled(evidence(both)).tables["coherence"], alone)


OVER_CLIPS = {1, 2, 3, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19}


@pytest.mark.parametrize("number", sorted(BUILDERS))
def test_which_claims_are_over_clips(number):
    """Those on scores are, with replicates that say clips make no difference; coherence of two
    clips is not, nor what filters are, nor sonifications over training."""
    given = BUILDERS[number]([0.02, 0.03, 0.04])
    found, alone = row(number, given), CLAIMS[number - 1].row(evidence(given), "mini")
    assert math.isnan(alone["ci95_clips"])
    if number in OVER_CLIPS:
        assert found["ci95_clips"] == pytest.approx(0, abs=1e-6)
    else:
        assert math.isnan(found["ci95_clips"])
    assert found["ci95"] == pytest.approx(alone["ci95"], rel=1e-3, nan_ok=True)
    assert found["verdict"] == alone["verdict"]


def test_delays_are_resampled_clip_by_clip():
    """Claim 20, on 30 clips of which some have no correlation."""
    random = np.random.default_rng(13)
    values = 0.97 + 0.02 * random.random((30, 2))
    values[3] = np.nan
    rows = [
        {**keys("contrastive", seed), "clip_id": f"clip {i:02}", "layer": 9, "shift": shift}
        | {"on_stride": False, "correlation": values[i, seed] - 0.02 * (shift == 3)}
        for seed in (0, 1)
        for i in range(30)
        for shift in (1, 3)
    ]
    found = row(20, {"invariance": table("invariance", rows)})
    known = np.delete(values.mean(axis=1), 3)
    expected = T * known.std() / 29**0.5
    assert found["ci95_clips"] == pytest.approx(expected, rel=0.2)


def test_tables_of_another_number_of_replicates_are_refused():
    given = gain([0.05, 0.06])
    given["metrics"]["replicates"] = given["metrics"]["replicates"].map(lambda each: each[:10])
    with pytest.raises(SonifyError, match="table metrics has 10 replicates a row instead of 200"):
        resampled(evidence(given))


def test_seeds_of_their_own_clips_are_resampled_apart():
    """Two clips a seed, named after it: no two rows share their draws."""
    frame = coherent(2, ["contrastive"], lambda run, layer, seed: (0.5, 0.5))["coherence"]
    many = pd.concat([frame.assign(clip_id=frame["clip_id"] + str(i)) for i in range(LEAST)])
    own = many.assign(clip_id=many["clip_id"] + many["seed"].astype(str))
    for each, alike in ((many, True), (own, False)):
        again = resampled(evidence({"coherence": each})).tables["coherence"]
        first = again[again["layer"] == 1].sort_values("seed")["coherence"].to_numpy()
        one, other = first.reshape(2, REPLICATES)
        assert np.allclose(one, other) == alike
