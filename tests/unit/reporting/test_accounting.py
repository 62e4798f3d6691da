from pathlib import PurePosixPath

import pandas as pd
import pytest

from sonify.reporting.accounting import clip_accounts, corpora, jobs, rule_of, runtime


def test_every_listed_clip_is_used_or_rejected(attrition, manifest, rejected):
    found = clip_accounts(attrition, manifest, rejected)
    assert found["listed"].sum() == len(manifest) + len(rejected)
    assert (found["listed"] == found["used"] + found["rejected"]).all()
    row = found.iloc[0]
    assert (row["obtained"], row["used"], row["rejected"], row["lost_classes"]) == (7, 6, 3, 1)
    assert row["reasons"] == "2 missing file, 1 silent"
    assert row["minutes"] == pytest.approx(6 * 0.5 / 60)


def test_a_split_without_a_usable_clip_is_listed(attrition, manifest, rejected):
    found = clip_accounts(attrition, manifest, rejected).set_index(["dataset", "split"])
    assert found.loc[("fsd50k", "val")].tolist() == [1, 1, 1, 0, 1, 0.0, 1, "1 too short"]


def test_nothing_rejected(attrition, manifest, rejected):
    whole = attrition[:1].assign(listed=6, obtained=6, rejected=0)
    found = clip_accounts(whole, manifest, rejected[:0])
    assert found["rejected"].tolist() == [0] and found["reasons"].tolist() == [""]
    assert found["lost_classes"].tolist() == [0]


def test_corpora_of_several_seeds_are_counted_together(attrition, manifest, rejected):
    own = [f.assign(corpus=f["dataset"] + "-s0") for f in (attrition, manifest, rejected)]
    other = [f.assign(corpus=f["dataset"] + "-s1") for f in own]
    found = clip_accounts(*(pd.concat(pair) for pair in zip(own, other, strict=True)))
    once = clip_accounts(attrition, manifest, rejected)
    assert found["corpora"].tolist() == [2, 2] and once["corpora"].tolist() == [1, 1]
    counts = ["listed", "obtained", "used", "rejected", "minutes"]
    pd.testing.assert_frame_equal(found[counts], 2 * once[counts])
    assert found["lost_classes"].tolist() == once["lost_classes"].tolist() == [1, 1]
    assert found["reasons"][0] == "4 missing file, 2 silent"


def test_corpora_are_told_in_words():
    def told(**names):
        rows = [(dataset, corpus) for dataset, own in names.items() for corpus in own]
        return corpora(pd.DataFrame(rows, columns=["dataset", "corpus"]))

    assert told(audioset=["audioset"], fsd50k=["fsd50k"]) == ""
    both = told(audioset=["a-s0", "a-s1", "a-s1"], fsd50k=["f-s0", "f-s1"])
    assert both == "2 synthesised corpora of each dataset, one per seed"
    one = told(audioset=["a-s0", "a-s1"], fsd50k=["fsd50k"])
    assert one == "2 synthesised corpora of AudioSet, one per seed"


def test_runtime_adds_up(benchmarks):
    table = jobs({PurePosixPath(p): t for p, t in benchmarks.items()})
    found = runtime(table).set_index("rule")
    assert found.index.tolist() == ["train", "prepare"]
    train = found.loc["train"]
    assert (train["jobs"], train["total_s"], train["longest_s"]) == (2, 90.0, 60.0)
    assert (train["cpu_s"], train["peak_mb"]) == (88.0, 700.5)
    assert found["fraction"].tolist() == [0.9, 0.1]
    assert found.loc["prepare", ["cpu_s", "peak_mb"]].tolist() == [12.0, 90.0]


def test_no_benchmarks():
    assert runtime(jobs({})).empty


def test_rule_by_path():
    assert rule_of(PurePosixPath("train/contrastive-s0.tsv")) == "train"
    assert rule_of(PurePosixPath("train.tsv")) == "train"
