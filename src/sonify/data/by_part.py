"""A split gone through one stored part at a time, as far as a job has to (`data.kept`)."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from sonify.data.clips import Clips, Part, in_memory
from sonify.data.kept import Kept

Counter = Callable[[int], None]  # called with the number of clips done


def by_part(
    parts: Iterable[Clips | Part], kept: Kept, progress: Counter | None = None
) -> Iterator[tuple[str, Callable[[], Clips], Counter]]:
    """Of all parts of a split those that `kept` owns: a name, what gives the clips, and a counter,
    which counts the clips before as well.
    """
    before = 0
    for number, part in enumerate(parts):
        if not kept.owns(number):
            continue

        def count(done: int, before: int = before) -> None:
            if progress:
                progress(before + done)

        yield f"part-{number:05d}", partial(in_memory, part), count
        before += len(part)
