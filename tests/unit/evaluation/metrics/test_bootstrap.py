"""Metrics on resamples against scikit-learn with weights, standard errors against SciPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap
from sklearn.metrics import accuracy_score, average_precision_score, roc_auc_score

from sonify.evaluation.metrics.bootstrap import REPLICATES, clip_means, replicates, resamples
from sonify.evaluation.metrics.ranking import accuracy, d_prime, rank

IDS = [f"clip {i}" for i in range(60)]


@settings(deadline=None, max_examples=30)
@given(
    classes=st.integers(1, 4),
    levels=st.integers(2, 200),
    share=st.floats(0.02, 0.9),
    seed=st.integers(0, 10**6),
)
def test_metrics_on_a_resample_are_those_with_its_counts_as_weights(classes, levels, share, seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(4, 60))
    targets = (rng.random((n, classes)) < share).astype(int)
    scores = rng.integers(0, levels, (n, classes)) / levels  # few levels: many ties
    counts = resamples("fsd50k", "eval", IDS[:n])[:, :3]
    found = replicates(targets, scores, counts)
    for b, weights in enumerate(counts.T):
        precisions, areas = [], []
        for truth, of_class in zip(targets.T, scores.T, strict=True):
            positives = (truth * weights).sum()
            if positives:
                precisions.append(average_precision_score(truth, of_class, sample_weight=weights))
            if 0 < positives < n:
                areas.append(roc_auc_score(truth, of_class, sample_weight=weights))
        for name, expected in (("mAP", precisions), ("mAUC", areas)):
            value = np.mean(expected) if expected else np.nan
            assert found[name][b] == pytest.approx(value, abs=1e-12, nan_ok=True)
        if areas:
            assert found["d_prime"][b] == pytest.approx(d_prime(found["mAUC"][b]), nan_ok=True)


def test_metrics_on_all_clips_once_are_those_of_ranking():
    rng = np.random.default_rng(3)
    targets, scores = np.eye(5, dtype=int)[rng.integers(0, 5, 60)], rng.normal(size=(60, 5))
    found = replicates(targets, scores, np.ones((60, 1), np.float32))
    for name, value in rank(targets, scores).metrics.items():
        assert found[name][0] == pytest.approx(value, abs=1e-12)
    assert found["accuracy"][0] == pytest.approx(accuracy(targets, scores))


def test_accuracy_on_a_resample():
    rng = np.random.default_rng(4)
    targets, scores = np.eye(5, dtype=int)[rng.integers(0, 5, 60)], rng.normal(size=(60, 5))
    counts = resamples("speech_commands", "test", IDS)
    found = replicates(targets, scores, counts)["accuracy"]
    for b in (0, 7):
        expected = accuracy_score(targets.argmax(1), scores.argmax(1), sample_weight=counts[:, b])
        assert found[b] == pytest.approx(expected)
    assert "accuracy" not in replicates(np.ones((60, 5), int), scores, counts)


def test_a_resample_draws_as_many_clips_and_follows_their_names():
    counts = resamples("fsd50k", "eval", IDS)
    assert counts.shape == (60, REPLICATES) and (counts.sum(axis=0) == 60).all()
    order = np.random.default_rng(0).permutation(60)
    again = resamples("fsd50k", "eval", [IDS[i] for i in order])
    np.testing.assert_array_equal(again, counts[order])
    # Each clip is drawn once a resample in the mean, by a binomial of variance 1 - 1/n.
    assert counts.mean() == 1 and counts.var() == pytest.approx(59 / 60, rel=0.05)
    for other in (("fsd50k", "val", IDS), ("fsd50k", "eval", [*IDS[:-1], "another"])):
        drawn = resamples(*other)
        assert abs(np.corrcoef(drawn.ravel(), counts.ravel())[0, 1]) < 0.05


def test_the_paired_standard_error_is_scipys():
    """Of a difference of two means over the same clips, far more alike than different."""
    rng = np.random.default_rng(5)
    easy = rng.normal(size=(60, 1))
    scores = easy + 0.1 * rng.normal(size=(60, 2))
    again = clip_means(scores, resamples("fsd50k", "eval", IDS))
    expected = bootstrap(
        (scores[:, 0], scores[:, 1]),
        lambda x, y, axis: x.mean(axis=axis) - y.mean(axis=axis),
        paired=True,
        vectorized=True,
        n_resamples=5000,
        random_state=np.random.default_rng(6),
    ).standard_error
    assert np.std(again[:, 0] - again[:, 1], ddof=1) == pytest.approx(expected, rel=0.15)


def test_what_is_not_known_of_a_clip_is_left_out_of_means():
    values = np.array([[1.0, 5.0], [3.0, np.nan], [np.nan, np.nan]])
    counts = np.array([[1, 0], [2, 1], [0, 2]], np.float32)
    expected = [[7 / 3, 5.0], [3.0, np.nan]]
    np.testing.assert_allclose(clip_means(values, counts), expected)
