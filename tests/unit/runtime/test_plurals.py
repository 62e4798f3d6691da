import pytest

from sonify.runtime.plurals import counted


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "0 more mismatches"), (1, "1 more mismatch"), (2, "2 more mismatches")],
)
def test_one_thing_is_no_several(number, words):
    assert counted(number, "more mismatch", "more mismatches") == words
    assert counted(number, "thread") == f"{number} thread{'' if number == 1 else 's'}"
