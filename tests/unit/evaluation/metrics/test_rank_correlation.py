"""Ranks and their correlation, against SciPy."""

import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr

from sonify.evaluation.metrics.rank_correlation import rank_correlation, ranks


def test_ranks_and_their_correlation_are_scipys(rng):
    for values in (rng.standard_normal((2, 200)), rng.integers(0, 5, (2, 200))):
        one, other = values
        np.testing.assert_allclose(ranks(one), rankdata(one))
        assert rank_correlation(one, other) == pytest.approx(spearmanr(one, other).statistic)


def test_only_the_order_counts():
    x = np.arange(12.0).reshape(3, 4)
    assert rank_correlation(x, np.exp(x)) == pytest.approx(1)
    assert rank_correlation(x, -x) == pytest.approx(-1)
    assert rank_correlation(x[0, :2], x[1, :2]) == pytest.approx(1)
    assert np.isnan(rank_correlation(x, np.zeros((3, 4))))
