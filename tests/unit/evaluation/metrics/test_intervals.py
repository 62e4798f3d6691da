import math

import pandas as pd
import pytest

from sonify.evaluation.metrics.intervals import plus_minus, t_interval, t_intervals


def test_two_runs_by_hand():
    mean, ci95, n = t_interval([0.30, 0.34])
    assert (mean, n) == (pytest.approx(0.32), 2)
    # sd = 0.04/√2, so that sd/√2 = 0.02, times t(0.975, 1) = 12.706
    assert ci95 == pytest.approx(12.706 * 0.02, rel=1e-4)


def test_three_runs_by_hand():
    # sd 1, √3, t(0.975, 2) = 4.3027
    assert t_interval([1, 2, 3]).ci95 == pytest.approx(4.3027 / math.sqrt(3), rel=1e-4)


def test_one_run_has_no_interval():
    mean, ci95, n = t_interval([0.4])
    assert mean == 0.4 and math.isnan(ci95) and n == 1


def test_no_runs_have_no_mean():
    mean, ci95, n = t_interval([])
    assert math.isnan(mean) and math.isnan(ci95) and n == 0


@pytest.mark.parametrize("value", [0.1, 1 / 3, 1e9])
def test_equal_runs_have_width_zero_exactly(value):
    assert t_interval([value] * 7) == (value, 0.0, 7)


def test_nan_is_refused():
    with pytest.raises(ValueError, match="1 of 2 values are NaN"):
        t_interval([0.1, math.nan])


def test_infinite_values_stay_visible():
    mean, ci95, n = t_interval([math.inf, 2.0])
    assert mean == math.inf and math.isnan(ci95) and n == 2
    assert math.isnan(t_interval([math.inf, -math.inf]).mean)


def test_groups():
    frame = pd.DataFrame({"layer": [2, 1, 1], "x": [5.0, 1.0, 3.0]})
    found = t_intervals(frame, ["layer"], "x")
    assert found["layer"].tolist() == [1, 2]
    assert found["mean"].tolist() == [2.0, 5.0]
    assert found["n"].tolist() == [2, 1]
    assert t_intervals(frame[:0], ["layer"], "x").columns.tolist() == ["layer", "mean", "ci95", "n"]


def test_in_words():
    assert plus_minus(0.3621, 0.0062) == "0.362 ± 0.006"
    assert plus_minus(0.3621, math.nan) == "0.362"
    assert plus_minus(math.inf, math.nan) == "∞"
    assert plus_minus(-math.inf, math.nan) == "−∞"
    assert plus_minus(math.nan, math.nan) == "undefined"
    assert plus_minus(-0.3621, 0.0062, 1) == "-0.4 ± 0.0"
