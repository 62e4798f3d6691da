"""The field's metrics of faithfulness, against their definitions written out with plain numbers."""

import math

import numpy as np
import pytest

from sonify.evaluation.metrics.faithfulness import faithfulness


def probabilities(scores: list[float]) -> list[float]:
    total = sum(math.exp(s) for s in scores)
    return [math.exp(s) / total for s in scores]


def test_metrics_are_their_definitions(rng):
    whole, alone, left = rng.normal(0, 2, (3, 40, 5))
    found = faithfulness(whole, alone, left)
    seen = set()
    for i in range(40):
        x, s, rest = (list(map(float, scores[i])) for scores in (whole, alone, left))
        c = x.index(max(x))
        p, q, r = (probabilities(scores)[c] for scores in (x, s, rest))
        expected = {
            "faithfulness": p - r,
            "faithfulness_logit": x[c] - rest[c],
            "average_drop": (p - q) / p if q < p else 0.0,
            "average_increase": 1.0 if q > p else 0.0,
            "average_increase_logit": 1.0 if s[c] > x[c] else 0.0,
            "average_gain": (q - p) / (1 - p) if q > p else 0.0,
            "fidelity": 1.0 if s.index(max(s)) == c else 0.0,
        }
        for name, value in expected.items():
            assert getattr(found, name)[i] == pytest.approx(value, abs=1e-12), name
        seen |= {(n, expected[n]) for n in ("average_increase", "fidelity")}
    assert len(seen) == 4, "rises and falls, hits and misses"


def test_the_clip_itself_explains_all_and_silence_nothing():
    scores = np.array([[2.0, 0.0, -1.0]])
    whole = faithfulness(scores, scores, np.zeros((1, 3)))
    assert whole.average_drop == whole.average_gain == whole.average_increase == 0
    assert whole.average_increase_logit == 0, "nor does the score rise"
    assert whole.fidelity == 1 and whole.faithfulness_logit == 2
    silence = faithfulness(scores, np.array([[0.0, 1.0, 0.0]]), scores)
    assert silence.faithfulness == silence.faithfulness_logit == silence.fidelity == 0


def test_a_certain_class_has_no_room_for_gain():
    sure = np.array([[800.0, 0.0]])
    found = faithfulness(sure, sure + 1, -sure)
    assert found.average_gain == 0 and found.faithfulness == 1
    assert all(np.isfinite(values).all() for values in found)
