"""The field's metrics of faithfulness, against their definitions written out with plain numbers.

A slow test compares drop and increase with pytorch-grad-cam, the only package found that has any.
"""

import importlib
import math
import sys
from types import ModuleType

import numpy as np
import pytest
import torch
from packages import installed

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


@pytest.mark.slow
def test_drop_and_increase_are_those_of_pytorch_grad_cam(tmp_path, monkeypatch):
    """It explains by masks, and gives the drop as a difference of probabilities, in float32."""
    folder = installed(tmp_path, "grad-cam==1.5.7", "opencv-python-headless==5.0.0.93")
    monkeypatch.syspath_prepend(folder)
    known = set(sys.modules)
    package = ModuleType("pytorch_grad_cam")  # its own __init__ imports what its metrics do not
    package.__path__ = [str(folder / "pytorch_grad_cam")]
    monkeypatch.setitem(sys.modules, "pytorch_grad_cam", package)
    theirs = importlib.import_module("pytorch_grad_cam.metrics.cam_mult_image")
    targets = importlib.import_module("pytorch_grad_cam.utils.model_targets")
    model = torch.nn.Linear(30, 5).double()
    x, mask = torch.randn(200, 30).double(), torch.rand(200, 30).double()
    with torch.no_grad():
        scores = [model(values).numpy() for values in (x, mask * x, x - mask * x)]
    found = faithfulness(*scores)
    c = [targets.ClassifierOutputSoftmaxTarget(i) for i in scores[0].argmax(axis=1)]
    drop = theirs.DropInConfidence()(x, mask.numpy(), c, model)
    increase = theirs.IncreaseInConfidence()(x, mask.numpy(), c, model)
    of_x = np.array([max(probabilities(list(values))) for values in scores[0]])
    np.testing.assert_allclose(found.average_drop * of_x, drop, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(found.average_increase, increase)
    assert 0 < increase.mean() < 1
    for name in set(sys.modules) - known:
        if name.split(".")[0] in ("cv2", "pytorch_grad_cam"):
            monkeypatch.delitem(sys.modules, name)
