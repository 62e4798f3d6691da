"""Two copies of a corpus are told apart by their sounds and labels, and by nothing else."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonify.contracts import tables
from sonify.data.fingerprint import fingerprint, fingerprints
from sonify.runtime.errors import SonifyError

CLIPS = [("a", "11", ["Dog", "Bell"]), ("b", "22", [])]


def test_the_order_does_not_matter_and_every_clip_does():
    same = [("b", "22", []), ("a", "11", ["Bell", "Dog"])]
    assert fingerprint(same) == fingerprint(CLIPS)
    others = [
        CLIPS[:1],
        [("a", "11", ["Dog"]), CLIPS[1]],
        [("a", "12", ["Dog", "Bell"]), CLIPS[1]],
        [("c", "11", ["Dog", "Bell"]), CLIPS[1]],
        [("a", "11", ["Dog", "Bell", "b"]), ("22", "", [])],
    ]
    assert len({fingerprint(clips) for clips in [CLIPS, *others]}) == len(others) + 1


def test_a_corpus_has_one_for_each_split_wherever_it_lies(tmp_path):
    base = {"dataset": "d", "source_rate": 1, "source_samples": 1, "channels": 1, "n_samples": 1}
    base |= {"gain": 1.0, "source_url": "", "uploader": "", "licence": ""}
    found = []
    for corpus, path in (("d", "x/{}.wav"), ("e", "y/{}.flac")):
        rows = [
            {**base, "corpus": corpus, "split": split, "clip_id": i, "labels": own, "digest": d}
            | {"path": path.format(i), "part": f"{corpus}/0"}
            for split in ("train", "eval")
            for i, d, own in CLIPS[: 1 if split == "eval" else 2]
        ]
        file = tmp_path / corpus / "manifest.parquet"
        tables.write(pd.DataFrame(rows), file, "manifest")
        found.append(fingerprints(file))
    assert found[0] == found[1]
    assert found[0] == {
        "eval": {"clips": 1, "fingerprint": fingerprint(CLIPS[:1])},
        "train": {"clips": 2, "fingerprint": fingerprint(CLIPS)},
    }
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(SonifyError, match=r"manifest\.parquet: "):
        fingerprints(file)


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs", "Cc"])),
        st.tuples(st.sampled_from(["11", "22"]), st.lists(st.text(max_size=3), max_size=3)),
        min_size=1,
        max_size=9,
    )
)
def test_a_manifest_s_is_that_of_its_clips_in_any_script(tmp_path_factory, clips):
    rows = [
        {"dataset": "d", "corpus": "d", "split": "train", "clip_id": i, "labels": own, "digest": d}
        | {"source_rate": 1, "source_samples": 1, "channels": 1, "n_samples": 1, "gain": 1.0}
        | {"path": i, "part": "0", "source_url": "", "uploader": "", "licence": ""}
        for i, (d, own) in clips.items()
    ]
    file = tmp_path_factory.mktemp("corpus") / "manifest.parquet"
    tables.write(pd.DataFrame(rows), file, "manifest")
    known = fingerprint((i, d, own) for i, (d, own) in clips.items())
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("sonify.data.fingerprint._AT_ONCE", 2)
        assert fingerprints(file) == {"train": {"clips": len(clips), "fingerprint": known}}
