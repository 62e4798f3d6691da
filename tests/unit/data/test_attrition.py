"""The account of attrition, against one kept clip by clip."""

from collections import Counter

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sonify.contracts import tables
from sonify.data.attrition import COUNTS, attrition, write
from sonify.data.corpora.listing import Row, listing, vocabulary

CLASSES = [("0", "Bell", ""), ("1", "Dog", ""), ("2", "Tone", "")]
# What happens to a line of a list: (listed path, reason of a rejection in preparation).
FATES = {
    "used": ("a.wav", None),
    "gone": (None, None),
    "silent": ("a.wav", "silent"),
    "vanished": ("a.wav", "missing_file"),
}
LINES = st.lists(
    st.tuples(
        st.sampled_from(["train", "eval"]),
        st.sampled_from(["a", "A", "b", "-c", "_d", "e"]),
        st.lists(st.sampled_from(["Bell", "Dog", "Tone", "Cat"]), max_size=3),
        st.sampled_from(sorted(FATES)),
    ),
    max_size=12,
)
COLUMNS = ["split", "clip_id", "reason"]


def accounts(lines):
    """The listing of `lines` and what preparation would say of it."""
    classes = vocabulary("fsd50k", CLASSES, source="x")
    rows = [
        Row(split, clip_id, labels, FATES[fate][0], "a.wav", "list", n)
        for n, (split, clip_id, labels, fate) in enumerate(lines)
    ]
    found = listing(classes, rows, key="label", vocabulary_file="x")
    first = {}
    for split, clip_id, _, fate in lines:
        first.setdefault(clip_id, (split, FATES[fate][1]))
    used, lost = [], [tuple(row) for row in found.problems[COLUMNS].itertuples(index=False)]
    for clip_id in found.clips["clip_id"]:
        split, reason = first[clip_id]
        (lost if reason else used).append((split, clip_id, reason))
    return found, pd.DataFrame(used, columns=COLUMNS), pd.DataFrame(lost, columns=COLUMNS)


@settings(max_examples=30)  # a third of a second each
@given(LINES, st.sampled_from([1, 2, 5, 65_536]))
def test_any_corpus_however_many_clips_are_counted_at_once(lines, at_once):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("sonify.data.attrition._AT_ONCE", at_once)
        patched.setattr("sonify.data.corpora.listed_rows.ListedRows.AT_ONCE", at_once)
        found, manifest, rejected = accounts(lines)
        table = attrition(found, manifest, rejected, "fsd50k")
    expected, seen = Counter(), set()
    for split, clip_id, labels, fate in lines:
        fine = clip_id not in seen and labels and "Cat" not in labels and fate == "used"
        # A line that is refused unheard (a second one, a wrong label) still names a file.
        heard = clip_id not in seen and labels and "Cat" not in labels
        obtained = fate in ("used", "silent") or (fate == "vanished" and not heard)
        seen.add(clip_id)
        for label in {"", *labels} - {"Cat"}:
            expected[split, label, "listed"] += 1
            expected[split, label, "obtained"] += bool(obtained)
            expected[split, label, "used"] += bool(fine)
            expected[split, label, "rejected"] += not fine
    got = {
        (row.split, row.label, count): getattr(row, count)
        for row in table.itertuples()
        for count in COUNTS
    }
    assert got == expected
    assert len(tables.checked(table, "attrition")) == len(table)


def test_written_beside_the_manifest(tmp_path):
    lines = [("train", "a", ["Dog", "Bell"], "used"), ("train", "b", ["Dog"], "silent")]
    found, *_ = accounts(lines)
    clip = {"dataset": "fsd50k", "corpus": "fsd50k-s3", "split": "train", "path": "a.wav"}
    used = {"clip_id": "a", "labels": ["Bell", "Dog"], "source_rate": 8000, "source_samples": 9,
            "channels": 1, "n_samples": 9, "gain": 1.0, "digest": "", "part": "x", "source_url": "",
            "uploader": "", "licence": ""}  # fmt: skip
    lost = {"clip_id": "b", "reason": "silent", "detail": "x"}
    tables.write(pd.DataFrame([clip | used]), tmp_path / "manifest.parquet", "manifest")
    tables.write(pd.DataFrame([clip | lost]), tmp_path / "rejected.parquet", "rejected")
    write(found, tmp_path)
    table = tables.read(tmp_path / "attrition.parquet", "attrition").set_index("label")
    assert set(table["corpus"]) == {tmp_path.name}
    assert table[COUNTS].to_dict("index") == {
        "": {"listed": 2, "obtained": 2, "used": 1, "rejected": 1},
        "Bell": {"listed": 1, "obtained": 1, "used": 1, "rejected": 0},
        "Dog": {"listed": 2, "obtained": 2, "used": 1, "rejected": 1},
    }
