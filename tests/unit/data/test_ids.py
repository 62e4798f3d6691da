"""Ids among many, against a dict of them, and where hashes agree by chance."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonify.data import ids as module
from sonify.data.ids import Ids

NAMES = st.lists(st.sampled_from(["", "a", "A", "b", "-c", "_d", "é", "ab", "ba"]), max_size=12)


def held(names: list[str], chunk: int) -> Ids:
    """Ids in chunks of so many."""
    chunks = [names[i : i + chunk] for i in range(0, len(names), chunk)]
    return Ids(pa.chunked_array(chunks, pa.large_string()))


@pytest.mark.parametrize("hashed", [hash, len], ids=["hashes", "hashes that agree by chance"])
@given(names=NAMES, chunk=st.integers(1, 5), at_once=st.integers(1, 5))
def test_any_ids_are_found_where_they_stand(hashed, names, chunk, at_once):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "hash", hashed, raising=False)
        patched.setattr(module, "_AT_ONCE", at_once)
        found = held(names, chunk)
        assert len(found) == len(names)
        for wanted in {*names, "other", "x"}:
            assert found.at(wanted) == [i for i, name in enumerate(names) if name == wanted]
        assert list(found.again()) == [
            (i, names.index(name)) for i, name in enumerate(names) if name in names[:i]
        ]
