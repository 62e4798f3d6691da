import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import average_precision_by_counting
from scipy.special import ndtri
from scipy.stats import rankdata
from sklearn.metrics import accuracy_score, average_precision_score, roc_auc_score

from sonify.evaluation.metrics.ranking import (
    accuracy,
    average_ranks,
    d_prime,
    mean_auc,
    mean_average_precision,
    rank,
    selection_score,
)


@settings(deadline=None)
@given(
    n=st.integers(4, 60),
    classes=st.integers(1, 6),
    levels=st.integers(2, 50),
    seed=st.integers(0, 10**6),
)
def test_map_and_auc_equal_scikit_learn_ties_included(n, classes, levels, seed):
    rng = np.random.default_rng(seed)
    targets = (rng.random((n, classes)) < 0.4).astype(int)
    targets[0], targets[1] = 1, 0
    scores = rng.integers(0, levels, (n, classes)) / levels  # few levels: many ties
    ours = rank(targets, scores)
    assert ours.mean_average_precision == pytest.approx(
        average_precision_score(targets, scores, average="macro"), abs=1e-12
    )
    assert ours.mean_auc == pytest.approx(
        roc_auc_score(targets, scores, average="macro"), abs=1e-12
    )
    counted = [
        average_precision_by_counting(targets[:, c].tolist(), scores[:, c].tolist())
        for c in range(classes)
    ]
    assert ours.mean_average_precision == pytest.approx(np.mean(counted), abs=1e-12)


@settings(deadline=None)
@given(
    n=st.integers(1, 40), classes=st.integers(1, 5), levels=st.integers(1, 60), seed=st.integers(0)
)
def test_average_ranks_and_normal_quantiles_equal_scipy(n, classes, levels, seed):
    rng = np.random.default_rng(seed)
    scores = (rng.integers(0, levels, (n, classes)) / levels - 0.5).astype(np.float32)
    np.testing.assert_array_equal(average_ranks(scores), rankdata(scores, axis=0))
    auc = rng.random()
    assert d_prime(auc) == pytest.approx(np.sqrt(2) * ndtri(auc), rel=1e-12)


def test_perfect_and_reversed_rankings():
    targets = np.array([[1, 0], [1, 0], [0, 1], [0, 1]])
    scores = targets + 0.1
    assert mean_average_precision(targets, scores) == mean_auc(targets, scores) == 1
    assert rank(targets, scores).d_prime == math.inf
    assert mean_auc(targets, -scores) == 0 and d_prime(0) == -math.inf


def test_random_scores_rank_at_the_prevalence(rng):
    targets = (rng.random((4_000, 8)) < 0.15).astype(int)
    ours = rank(targets, rng.random((4_000, 8)))
    assert ours.mean_average_precision == pytest.approx(ours.prevalence, abs=0.01)
    assert ours.prevalence == pytest.approx(0.15, abs=0.01)
    assert abs(ours.d_prime) < 0.1


def test_classes_that_cannot_be_ranked_are_counted_not_scored():
    targets = np.array([[1, 0, 1], [0, 0, 1], [1, 0, 1]])
    scores = np.array([[0.9, 0.1, 0.2], [0.1, 0.2, 0.3], [0.8, 0.3, 0.1]])
    ours = rank(targets, scores)
    assert (ours.n_classes, ours.n_dropped, ours.n_clips) == (2, 1, 3)
    assert ours.mean_average_precision == ours.mean_auc == 1
    assert ours.prevalence == pytest.approx((2 / 3 + 1) / 2)


@pytest.mark.parametrize(("auc", "d"), [(0.954, 2.383), (0.918, 1.968), (0.909, 1.888)])
def test_d_prime_reproduces_the_papers_tables(auc, d):
    assert d_prime(auc) == pytest.approx(d, abs=0.01)
    assert d_prime(0.5) == 0


def test_accuracy_equals_scikit_learn(rng):
    targets, scores = np.eye(5, dtype=int)[rng.integers(0, 5, 40)], rng.random((40, 5))
    expected = accuracy_score(targets.argmax(1), scores.argmax(1))
    assert accuracy(targets, scores) == pytest.approx(expected)
    with pytest.raises(ValueError, match="exactly one class per clip"):
        accuracy(targets * 0, scores)


@pytest.mark.parametrize(
    ("targets", "scores", "message"),
    [
        (np.zeros((2, 2)), np.zeros((2, 3)), r"must be \(clip, class\)"),
        (np.full((2, 1), 0.5), np.zeros((2, 1)), "targets must be 0 or 1"),
        (np.array([[0], [1]]), np.array([[0.1], [np.nan]]), "score of clip 1 is not finite"),
        (np.zeros((2, 1)), np.zeros((2, 1)), "nothing to average"),
    ],
)
def test_bad_input_is_named(targets, scores, message):
    with pytest.raises(ValueError, match=message):
        mean_average_precision(targets, scores)
    with pytest.raises(ValueError, match=message):
        mean_auc(targets, scores)


def test_auc_beyond_one_has_no_d_prime():
    with pytest.raises(ValueError, match="AUC is 1.1"):
        d_prime(1.1)


@pytest.mark.parametrize("shape", [(4,), (2, 2, 2), (0, 3), (3, 0)])
def test_scores_that_are_no_table_are_named(shape):
    with pytest.raises(ValueError, match="not empty"):
        mean_average_precision(np.ones(shape, int), np.ones(shape))


def test_the_first_clip_whose_score_is_not_finite_is_named():
    scores = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, np.inf], [np.nan, 0.1]])
    with pytest.raises(ValueError, match="score of clip 2 is not finite"):
        rank(np.eye(2, dtype=int)[[0, 1, 0, 1]], scores)


def test_models_are_selected_by_accuracy_where_clips_have_one_class_else_by_map(rng):
    scores = rng.random((40, 5))
    single = np.eye(5, dtype=int)[rng.integers(0, 5, 40)]
    expected = accuracy_score(single.argmax(1), scores.argmax(1))
    assert selection_score(single, scores) == pytest.approx(expected)
    several = single.copy()
    several[0] = [1, 1, 0, 0, 0]
    several[:, 4] = 0  # a class without a positive clip is left out
    expected = average_precision_score(several[:, :4], scores[:, :4], average="macro")
    assert selection_score(several, scores) == pytest.approx(expected)


def test_results_have_the_names_of_the_tables(rng):
    targets = np.eye(3, dtype=int)[rng.integers(0, 3, 30)]
    scores = rng.random((30, 3))
    found = rank(targets, scores).metrics
    auc = roc_auc_score(targets, scores, average="macro")
    assert found == {
        "mAP": pytest.approx(average_precision_score(targets, scores, average="macro")),
        "mAUC": pytest.approx(auc),
        "d_prime": pytest.approx(np.sqrt(2) * ndtri(auc)),
    }
