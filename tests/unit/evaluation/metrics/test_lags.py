"""Cross-correlation and its largest lag, against SciPy's direct sums."""

import numpy as np
import pytest
from scipy import signal

from sonify.evaluation.metrics.lags import best_lag, cross_correlation


@pytest.mark.parametrize(("n", "m"), [(200, 200), (150, 90), (90, 151), (1, 4)])
def test_it_is_scipys_full_cross_correlation(rng, n, m):
    x, s = rng.standard_normal(n), rng.standard_normal(m)
    lags, values = cross_correlation(x, s)
    assert np.array_equal(lags, signal.correlation_lags(n, m, mode="full"))
    np.testing.assert_allclose(values, signal.correlate(x, s, method="direct"), atol=1e-12)


@pytest.mark.parametrize("delay", [0, 1, 37, 90])
def test_a_delayed_copy_matches_best_at_minus_its_delay(rng, delay):
    x = rng.standard_normal(200)
    s = np.concatenate([np.zeros(delay), x[: 200 - delay]])
    assert best_lag(x, s) == -delay and best_lag(s, x) == delay
    assert best_lag(x, -s) != -delay, "the largest, not the largest in magnitude"


def test_silence_matches_nowhere(rng):
    x = rng.standard_normal(20)
    assert np.isnan(best_lag(x, np.zeros(20))) and np.isnan(best_lag(np.zeros(20), x))
