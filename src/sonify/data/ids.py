"""Find ids among millions of them, at 20 bytes for each besides the ids as Arrow holds them.

As keys of a dict they would take 200. What is compared are their hashes; where these agree, the
ids themselves.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

_AT_ONCE = 65_536  # ids as Python's objects


class Ids:
    """Ids by their positions, the same one perhaps at several: `ids` are large strings of Arrow."""

    def __init__(self, ids: pa.ChunkedArray) -> None:
        self.ids = ids.combine_chunks()
        hashes = np.empty(len(ids), np.int64)
        for first in range(0, len(ids), _AT_ONCE):
            some = self.ids.slice(first, _AT_ONCE).to_pylist()
            hashes[first : first + len(some)] = [hash(each) for each in some]
        self._order = np.argsort(hashes, kind="stable").astype(np.int32)
        self._hashes = hashes[self._order]

    def __len__(self) -> int:
        """The number of positions."""
        return len(self._order)

    def at(self, wanted: str) -> list[int]:
        """Return the positions of an id, in order; none for an unknown one."""
        sought, found = hash(wanted), []
        place = int(self._hashes.searchsorted(sought))
        while place < len(self) and self._hashes[place] == sought:
            position = int(self._order[place])
            if self.ids[position].as_py() == wanted:
                found.append(position)
            place += 1
        return found

    def again(self) -> Iterator[tuple[int, int]]:
        """Yield every position whose id stands at an earlier one, and the first of these."""
        like_before = np.flatnonzero(self._hashes[1:] == self._hashes[:-1]) + 1
        for position in np.sort(self._order[like_before]).tolist():
            first = self.at(self.ids[position].as_py())[0]
            if first < position:
                yield position, first
