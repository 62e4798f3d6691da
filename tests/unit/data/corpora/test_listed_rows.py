"""Rows of a listing as columns, against the same rows as Python's objects."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonify.data.corpora.listed_rows import ListedRows
from sonify.data.corpora.listing import Provenance, Row

NAMES = ["Bell", "Dog", "Tone"]
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["train", "eval"]),
        st.sampled_from(["a", "A", "b", "-c", "#REF!"]),
        st.lists(st.integers(0, 2), max_size=3, unique=True).map(sorted),
        st.sampled_from(["x/a.wav", "é.wav", None]),
        st.sampled_from(["", "ann", "bob"]),
        st.sampled_from([None, ("silent", "x."), ("bad_id", "y.")]),
    ),
    max_size=12,
)


@given(ROWS, st.integers(1, 5))
def test_any_rows_are_clips_or_problems(given_rows, at_once):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ListedRows, "AT_ONCE", at_once)
        held = ListedRows(NAMES)
        clips, problems, first = [], [], {}
        for line, (split, clip_id, labels, path, uploader, problem) in enumerate(given_rows, 1):
            source = f"{split}.csv"
            row = Row(split, clip_id, (), path, "", source, line, Provenance("url", uploader, ""))
            held.add(row, labels, problem)
            words = [NAMES[i] for i in labels]
            earlier = first.setdefault(clip_id, (source, line))
            if earlier != (source, line) and (problem or ("",))[0] != "bad_id":
                problem = (
                    "duplicate_id",
                    (
                        f"{source}, line {line}: id {clip_id!r} is listed already in {earlier[0]}, "
                        f"line {earlier[1]}."
                    ),
                )
            if problem:
                problems.append((split, clip_id, words, path or "", *problem))
            else:
                clips.append((split, clip_id, words, path or "", "url", uploader, ""))
        tables = held.tables()
    for table, expected in zip(tables, (clips, problems), strict=True):
        assert list(table.itertuples(index=False, name=None)) == expected
    assert list(tables[0].columns) == ["split", "clip_id", "labels", "path", *Provenance._fields]
    for name in ("split", "uploader", "licence"):
        assert set(tables[0][name].cat.categories) == set(tables[0][name])
