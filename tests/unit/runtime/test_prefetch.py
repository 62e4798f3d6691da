import threading

import pytest

from sonify.runtime.prefetch import AHEAD, in_order


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_results_come_in_order_and_the_reader_is_never_far_behind(workers):
    asked = []
    items = (asked.append(n) or n for n in range(1, 41))
    for got, result in enumerate(in_order(lambda n: n * n, items, workers), 1):
        assert result == got * got
        assert len(asked) <= got + AHEAD * workers
    assert len(asked) == 40


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_is_raised_when_its_result_is_due(workers):
    results = in_order(lambda n: 6 // n, [3, 2, 0, 1], workers)
    assert [next(results), next(results)] == [2, 3]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_a_reader_that_gives_up_leaves_no_thread():
    before = threading.active_count()
    results = in_order(abs, range(1_000), 2)
    next(results)
    assert threading.active_count() > before
    results.close()
    assert threading.active_count() == before
