"""Ordered prefetching: threads work ahead of the consumer, and results keep the input order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 4  # items queued per worker: enough to smooth out uneven ones


def in_order(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[Result]:
    """Map `function` over `items` on `workers` threads, yielding results in input order.

    At most AHEAD items per worker are taken ahead of the consumer. With 0 workers, items are
    processed on demand in the consumer's thread, where `items` is always iterated. An exception
    raised by `function` is re-raised when its result is due.
    """
    if workers == 0:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > AHEAD * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for left in waiting:  # the consumer stopped early
                left.cancel()
