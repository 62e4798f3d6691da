import math

import pytest

from sonify.training.schedule import learning_rate


def test_it_warms_up_in_a_line_then_decays_on_a_cosine():
    rates = [learning_rate(step, 100, 10, 1.0) for step in range(100)]
    assert rates[0] == pytest.approx(1 / 11) and rates[10] == 1.0 == max(rates)
    steps = [b - a for a, b in zip(rates[:10], rates[1:11], strict=True)]
    assert max(steps) - min(steps) < 1e-12
    assert rates[55] == pytest.approx(0.5)
    assert rates[99] < 0.001 and all(a > b for a, b in zip(rates[10:], rates[11:], strict=False))


def test_it_is_the_authors_schedule_but_for_a_step_of_the_warm_up():
    """Theirs rises from 0, so that its first step moves nothing, to the peak at the same step."""
    total, warmup = 60, 7
    for step in range(total):
        rate = learning_rate(step, total, warmup, 1.0)
        theirs = step / warmup
        if step >= warmup:
            theirs = 0.5 * (1 + math.cos(math.pi * (step - warmup) / (total - warmup)))
        assert rate == pytest.approx(theirs, abs=1e-12 if step >= warmup else 1 / (warmup + 1))
        assert rate > 0


def test_no_warm_up_starts_at_the_peak():
    assert learning_rate(0, 10, 0, 3e-4) == 3e-4


def test_a_warm_up_longer_than_training_is_refused():
    with pytest.raises(ValueError, match="warm-up of 10 steps does not fit into 10"):
        learning_rate(0, 10, 10, 1.0)
