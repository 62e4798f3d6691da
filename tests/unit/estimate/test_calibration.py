"""Timing this machine: what a call takes, and what is taken for what is not timed."""

import pytest
import torch

from sonify.estimate.calibration import ASSUMED, UNTIMED, Timer, _slower
from sonify.estimate.devices import named


class Clock(Timer):
    """A timer whose calls have taken given seconds, in turn."""

    def once(self, call):
        return call()


@pytest.mark.parametrize(
    ("took", "later", "more"),
    [([3.0, 0.5, 0.25, 0.5], 0.25, 2.75), ([0.25, 0.9, 0.5, 0.5], 0.5, 0.0)],
)
def test_what_the_first_call_takes_beyond_later_ones(took, later, more):
    """The first is left out of the least, and so is the next, which warms up. Less is nothing."""
    calls = iter(took + [took[-1]] * 1000)
    assert Clock(torch.device("cpu")).apart(lambda: next(calls)) == (later, more)


def test_a_machine_is_as_slow_as_the_median_of_what_is_timed_beside_networks():
    assumed = dict(named(ASSUMED).rates)
    assert _slower(assumed, assumed) == 1
    untimed = {unit: 100 * assumed[unit] for unit in UNTIMED}
    assert _slower({unit: 3 * rate for unit, rate in assumed.items()} | untimed, assumed) == 3
    networks = {u: 50 * r for u, r in assumed.items() if u.endswith(("_call", "_flop", "_value"))}
    assert _slower(assumed | networks, assumed) == 1
