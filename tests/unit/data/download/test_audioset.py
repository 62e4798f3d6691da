"""AudioSet from a local server: lists, shards in their true schema, and every way to be broken."""

import base64
import hashlib
import io
import json
from collections import Counter
from dataclasses import replace

import hub
import numpy as np
import pyarrow.parquet as pq
import pytest
import requests
import servers
import soundfile

from sonify.contracts import tables
from sonify.data.attrition import attrition
from sonify.data.audio.samples import Limits
from sonify.data.corpora.registry import read
from sonify.data.download import audioset as audioset_lists
from sonify.data.download import catalogue, harvest, huggingface
from sonify.data.download import fetch as fetching
from sonify.data.download.audioset import obtain_audioset
from sonify.data.download.fetch import DownloadError
from sonify.data.download.obtain import obtain
from sonify.data.prepare import prepare

EVAL = ["-aaaaaaaaaa", "_bbbbbbbbbb", "AbCdEfGhIjK", "abcdefghijk", "spoilt_____", "in_no_shard"]
EXTRA = "not_listed_"
TRAIN = ["trn00000000", "trn00000001"]


@pytest.fixture(autouse=True)
def _miniature(monkeypatch, tmp_path):
    monkeypatch.setattr(catalogue, "CATALOGUE", hub.catalogue(catalogue.CATALOGUE, tmp_path))
    monkeypatch.setattr(fetching, "BACKOFF_S", 0.0)


@pytest.fixture
def sounds() -> dict[str, bytes]:
    """Id -> published audio file; one is broken."""
    formats = {"_bbbbbbbbbb": {"rate": 44100, "channels": 1}, "abcdefghijk": {"channels": 1}}
    found = {
        clip_id: hub.flac(i, **formats.get(clip_id, {}))
        for i, clip_id in enumerate([*EVAL[:5], EXTRA, *TRAIN])
    }
    found["spoilt_____"] = found["spoilt_____"][:40]
    return found


@pytest.fixture
def served(tmp_path, sounds):
    """A server with three shards of eval and one of balanced_train."""
    folder = tmp_path / "served"
    hub.publish_lists(folder, {"eval": EVAL, "balanced_train": TRAIN})
    cut = [EVAL[:2], [*EVAL[2:4], EXTRA], EVAL[4:5]]
    hub.publish(folder, "eval", [hub.shard([(i, sounds[i]) for i in ids]) for ids in cut])
    hub.publish(folder, "balanced_train", [hub.shard([(i, sounds[i]) for i in TRAIN])])
    with servers.Server(folder) as server:
        yield server


@pytest.fixture
def get(served, tmp_path):
    """Obtain splits into a corpus root, and return it."""

    def get(splits=("eval",), **options):
        root = tmp_path / "corpus"
        told = {"backend": "huggingface", "revision": hub.REVISION, "workers": 2}
        places = {"base_url": served.url, "hub_url": served.url}
        obtain_audioset(root, splits, **told | places | options)
        return root

    return get


def prepared(root, out):
    """Prepare the corpus at `root`: clips by id, and the three accounts."""
    listing = read("audioset", root)
    prepare(listing, root, out, min_samples=512, max_s=60, clips_per_part=4)
    parts = [tables.read(part, "clips") for part in sorted(out.glob("*/part-*.parquet"))]
    clips = {row["clip_id"]: row for part in parts for row in part.to_dict("records")}
    manifest = tables.read(out / "manifest.parquet", "manifest")
    rejected = tables.read(out / "rejected.parquet", "rejected")
    return clips, manifest, rejected, attrition(listing, manifest, rejected, out.name)


def test_only_the_splits_in_use_are_fetched(get, served):
    root = get()
    asked = {request.name for request in served.requests}
    assert asked == {
        "class_labels_indices.csv",
        "eval_segments.csv",
        hub.tree("eval"),
        *(hub.name("eval", i) for i in range(3)),
    }
    files = {p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()}
    assert files == {
        "class_labels_indices.csv",
        "eval_segments.csv",
        ".downloads.json",
        "harvest/eval/shards.json",
        *(f"harvest/eval/0{i}.parquet" for i in range(3)),
    }  # no shard is left
    assert set(read("audioset", root).clips["split"]) == {"eval"}


def test_every_row_is_counted(get, tmp_path, sounds):
    root = get()
    rows = [
        row
        for file in sorted((root / "harvest/eval").glob("*.parquet"))
        for row in pq.read_table(file, partitioning=None).to_pylist()
    ]
    assert [row["clip_id"] for row in rows] == [*EVAL[:4], EXTRA, "spoilt_____"]
    assert [bool(row["reason"]) for row in rows] == [False] * 5 + [True]
    clips, manifest, rejected, account = prepared(root, tmp_path / "out")
    assert set(clips) == set(EVAL[:4])
    why = dict(zip(rejected["clip_id"], rejected["reason"], strict=True))
    assert why == {"spoilt_____": "unreadable", "in_no_shard": "missing_file"}
    assert "and no shard of eval has the id" in " ".join(rejected["detail"])
    assert dict(zip(manifest["clip_id"], manifest["path"], strict=True)) == {
        "-aaaaaaaaaa": "harvest/eval/00.parquet#0",
        "_bbbbbbbbbb": "harvest/eval/00.parquet#1",
        "AbCdEfGhIjK": "harvest/eval/01.parquet#0",
        "abcdefghijk": "harvest/eval/01.parquet#1",
    }
    whole = account[account["label"] == ""].iloc[0]
    assert (whole["listed"], whole["obtained"], whole["used"], whole["rejected"]) == (6, 5, 4, 2)


def test_recordings_are_prepared_in_the_order_they_are_stored_in(get):
    listing = read("audioset", get())
    assert listing.own_order
    assert list(listing.clips["clip_id"]) == EVAL[:5]


def test_the_same_clips_as_from_files(get, tmp_path, sounds):
    """Not within a quantisation step: the very same samples, since FLAC is lossless."""
    harvested, *_ = prepared(get(), tmp_path / "a")
    local = tmp_path / "local"
    hub.publish_lists(local, {"eval": EVAL})
    for clip_id, content in sounds.items():
        (local / f"Y{clip_id}.flac").write_bytes(content)
    from_files, manifest, *_ = prepared(local, tmp_path / "b")
    assert set(harvested) == set(from_files) == set(EVAL[:4])
    for clip_id, row in harvested.items():
        other = from_files[clip_id]
        assert row["pcm"] == other["pcm"] and row["gain"] == other["gain"]
        assert row["source_rate"] == other["source_rate"]
        assert list(row["labels"]) == list(other["labels"])
    described = manifest.set_index("clip_id")
    assert described.loc["-aaaaaaaaaa", ["source_samples", "channels"]].tolist() == [4800, 2]
    assert described.loc["_bbbbbbbbbb", ["source_rate", "channels"]].tolist() == [44100, 1]


def test_a_local_file_wins(get, tmp_path, sounds):
    root = get()
    (root / "audio").mkdir()
    (root / "audio" / "Y-aaaaaaaaaa.flac").write_bytes(sounds["AbCdEfGhIjK"])
    clips, manifest, *_ = prepared(root, tmp_path / "out")
    paths = dict(zip(manifest["clip_id"], manifest["path"], strict=True))
    assert paths["-aaaaaaaaaa"] == "audio/Y-aaaaaaaaaa.flac"
    assert paths["_bbbbbbbbbb"].startswith("harvest/")
    assert clips["-aaaaaaaaaa"]["pcm"] == clips["AbCdEfGhIjK"]["pcm"]


@pytest.mark.parametrize(
    "fault", [servers.drop(700), servers.truncate(700), servers.status(503), servers.ignore_range()]
)
def test_passing_faults_do_no_harm(get, served, fault):
    served.faults[hub.name("eval", 1)] = [servers.drop(100), fault]
    assert len(harvest.places(get(), "eval")) == 6


@pytest.mark.parametrize("change", ["byte", "cut", "long"])
def test_a_shard_that_is_not_the_published_one(get, served, tmp_path, change):
    file = served.folder / hub.name("eval", 1)
    content = bytearray(file.read_bytes())
    content[500] ^= 255
    changed = {"byte": content, "cut": content[:-9], "long": content + b"x"}[change]
    file.write_bytes(changed)
    with pytest.raises(DownloadError, match=r"01\.parquet.*choose another source"):
        get()
    files = sorted(p.name for p in (tmp_path / "corpus/harvest/eval").glob("*.parquet"))
    assert files == ["00.parquet"]
    assert not catalogue.receipt(tmp_path / "corpus")  # and it is not taken for whole


def test_what_was_interrupted_goes_on(get, served, tmp_path):
    served.faults[hub.name("eval", 2)] = [servers.status(404)]
    with pytest.raises(DownloadError, match=r"02\.parquet: the server answers 404"):
        get()
    before = len(served.requests)
    root = get()
    again = [request.name for request in served.requests[before:]]
    assert again == [hub.name("eval", 2)]
    get()
    assert len(served.requests) == before + 1
    assert len(harvest.places(root, "eval")) == 6


def test_interrupted_while_harvesting(get, served, monkeypatch, tmp_path):
    real = huggingface.harvest_shard

    def fail(file, target, workers):
        if target.name == "01.parquet":
            raise KeyboardInterrupt
        real(file, target, workers)

    monkeypatch.setattr(huggingface, "harvest_shard", fail)
    with pytest.raises(KeyboardInterrupt):
        get()
    monkeypatch.setattr(huggingface, "harvest_shard", real)
    root = get()
    whole = Counter(request.name for request in served.requests if request.status == 200)
    assert whole[hub.name("eval", 0)] == whole[hub.name("eval", 1)] == 1
    assert len(harvest.places(root, "eval")) == 6 and not (root / ".shards").exists()


def test_a_harvest_is_whole_or_not_there(tmp_path, sounds, monkeypatch):
    (tmp_path / "shard").write_bytes(hub.shard([(i, sounds[i]) for i in TRAIN * 20]))
    count = iter(range(30))

    def fails_late(*arguments):
        if next(count) == 29:
            raise RuntimeError("the power went out")
        return real(*arguments)

    real = harvest.row
    monkeypatch.setattr(harvest, "row", fails_late)
    with pytest.raises(RuntimeError):
        huggingface.harvest_shard(tmp_path / "shard", tmp_path / "00.parquet")
    assert not (tmp_path / "00.parquet").exists()


def test_another_revision_is_not_mixed_in(get):
    get()
    with pytest.raises(ValueError, match=f"harvest/eval holds revision {hub.REVISION} where f00"):
        get(revision="f00")


@pytest.mark.parametrize(
    ("key", "value"), [("rate_hz", 16_000), ("soxr", "0.0.1"), ("harvest_version", 0)]
)
def test_what_was_harvested_in_another_way_is_not_mixed_in(get, monkeypatch, key, value):
    now = harvest.provenance()
    monkeypatch.setattr(harvest, "provenance", lambda: now | {key: value})
    get()
    monkeypatch.setattr(harvest, "provenance", lambda: now)
    with pytest.raises(
        ValueError, match=f"holds {key} {value} where {now[key]} is required: delete"
    ):
        get()


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([{"path": "data/eval/00.parquet", "size": 9}], "without size or sha256"),
        ([{"path": "data/eval/README.md", "size": 9}], "lists no Parquet file"),
        ([], "lists no Parquet file"),
        (None, "404 Client Error"),
        ("<html>", "eval: Expecting value: line 1 column 1 .*: check the network"),
        ({"error": "no such revision"}, "answers .*no such revision.* where a list of files is"),
        (["00.parquet"], "where a list of files is expected"),
    ],
)
def test_a_list_of_shards_that_is_none(get, served, entries, message):
    file = served.folder / hub.tree("eval")
    file.unlink()
    if entries is not None:
        file.write_text(entries if isinstance(entries, str) else json.dumps(entries))
    with pytest.raises(DownloadError, match=message):
        get()


def test_the_list_of_shards_is_asked_for_again_when_the_connection_breaks(get, served):
    served.faults[hub.tree("eval")] = [servers.drop(9), servers.drop(0)]
    assert len(harvest.places(get(), "eval")) == 6
    assert len(served.asked(hub.tree("eval"))) == 3


def test_a_list_of_shards_that_is_not_to_be_had_is_said_in_words(get, tmp_path):
    with servers.Server(tmp_path) as gone:
        url = gone.url
    with pytest.raises(DownloadError) as found:
        get(hub_url=url)
    assert "Connection refused: check the network" in str(found.value)
    assert "object at 0x" not in str(found.value)


def test_a_long_list_of_shards_comes_in_pages():
    """The next page is asked for at our own address, by the query that the server names."""
    asked = []

    class Session:
        def get(self, url, params, timeout):
            asked.append((url, params))
            number = len(asked) - 1
            answer = requests.Response()
            answer.status_code = 200
            lfs = {"oid": f"{number:064x}", "size": 5}
            entry = {"path": f"data/unbal_train/{number:02d}.parquet", "size": 5, "lfs": lfs}
            answer._content = json.dumps([entry]).encode()
            if number < 2:
                following = f"https://elsewhere/api?expand=false&cursor=a%3D{number}"
                answer.headers["Link"] = f'<{following}>; rel="next"'
            return answer

    found = huggingface.shards("unbalanced_train", hub.REVISION, "https://mirror", Session())
    assert [shard.path[-10:] for shard in found] == ["00.parquet", "01.parquet", "02.parquet"]
    assert [params for _, params in asked] == [
        [], [("expand", "false"), ("cursor", "a=0")], [("expand", "false"), ("cursor", "a=1")],
    ]  # fmt: skip
    assert {url.partition("/api/")[0] for url, _ in asked} == {"https://mirror"}


def test_a_verified_file_that_is_no_shard(get, served):
    hub.publish(served.folder, "eval", [b"plainly not Parquet" * 9])
    with pytest.raises(DownloadError, match=r"00\.parquet: .*not a Parquet file with video_id"):
        get()


def test_rows_without_id_or_audio(tmp_path, sounds):
    shard = hub.shard([(None, sounds[TRAIN[0]]), ("a", None), ("b", b""), ("a", sounds[TRAIN[1]])])
    (tmp_path / "shard").write_bytes(shard)
    huggingface.harvest_shard(tmp_path / "shard", tmp_path / "harvest/eval/00.parquet")
    rows = pq.read_table(tmp_path / "harvest/eval/00.parquet", partitioning=None).to_pylist()
    assert [(row["clip_id"], row["reason"]) for row in rows] == [
        ("", ""), ("a", "empty"), ("b", "empty"), ("a", ""),
    ]  # fmt: skip
    assert harvest.places(tmp_path, "eval")["a"] == "harvest/eval/00.parquet#3"  # the usable one


def test_the_disk_is_checked_first(get, served, monkeypatch):
    full = type("Usage", (), {"free": 10})
    monkeypatch.setattr(huggingface.shutil, "disk_usage", lambda path: full)
    with pytest.raises(ValueError, match=r"corpus has 0\.01 kB free where .* are needed"):
        get()
    assert not any("resolve" in request.name for request in served.requests)


SEGMENTS, CLASSES = "eval_segments.csv", "class_labels_indices.csv"


@pytest.mark.parametrize("name", [SEGMENTS, CLASSES])
def test_a_list_cut_short_anywhere_is_fetched_again(served, tmp_path, name):
    """The connection ends well and states no length: nothing but the list itself tells."""
    whole = (served.folder / name).read_bytes()
    bare = whole.rstrip()  # without its last line break, it says the same
    for kept in [*range(1, len(bare), 37), *range(len(bare) - 40, len(bare))]:
        root = tmp_path / f"cut at {kept}"
        served.faults[name] = [servers.truncate(kept)]
        with pytest.raises(DownloadError, match=rf"{name}: the list .*, so it was deleted: run"):
            lists(root, served)
        assert not (root / name).exists()
    lists(root, served)
    assert (root / name).read_bytes() == whole


def lists(root, served):
    audioset_lists._list(root, CLASSES, served.url, session := requests.Session())
    audioset_lists._list(root, SEGMENTS, served.url, session)
    session.close()


@pytest.mark.parametrize("kept", [3, 5])
def test_a_list_with_fewer_segments_than_it_states(get, served, kept, tmp_path):
    file = served.folder / SEGMENTS
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:kept]))
    with pytest.raises(DownloadError, match=rf"has {kept - 3} segments and states 6, so it was"):
        get()
    assert not (tmp_path / "corpus" / SEGMENTS).exists()


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        (SEGMENTS, "num_positive_labels=12", "num_positive_labels=13", "12 labels and states 13"),
        (SEGMENTS, "num_segs", "num_rows", "has 6 segments and states no number"),
        (SEGMENTS, '"\n', "\n", "has labels without a closing quote"),
        (CLASSES, "mid,", "id,", "has columns other than index, mid and display_name"),
        (CLASSES, "2,/m", "3,/m", "does not hold the 3 published classes"),
        (CLASSES, '"Dog"', '"Dog', "is not a complete table"),
    ],
)
def test_a_list_that_is_not_the_published_one(get, served, name, old, new, message):
    file = served.folder / name
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(DownloadError, match=message):
        get()


def test_a_wrong_byte_in_a_list_is_told_by_the_hash_of_the_storage(get, served):
    content = (served.folder / SEGMENTS).read_bytes()
    digest = base64.b64encode(hashlib.md5(content).digest()).decode()
    headers = {"x-goog-hash": f"crc32c=AAAAAA==,md5={digest}"}
    at = content.index(b"AbCdEfGhIjK")
    good = servers.Fault(headers=headers)
    served.faults[SEGMENTS] = [replace(servers.wrong_byte(at), headers=headers), good]
    with pytest.raises(DownloadError, match="its md5 is .* is expected, so it was deleted: run"):
        get()
    assert (get() / SEGMENTS).read_bytes() == content


def test_through_the_dispatch(served, tmp_path):
    seen = []
    settings = {"splits": ["balanced_train", "eval"], "backend": "huggingface", "limit": None}
    settings |= {"revision": hub.REVISION, "base_url": served.url, "hub_url": served.url}
    root = tmp_path / "corpus"
    assert catalogue.pending_bytes("audioset", root, settings["splits"]) == 49_800_000_000
    table = obtain(
        "audioset", root, settings, progress=lambda done, note: seen.append((done, note))
    )
    tables.checked(table, "downloads")
    shards = {hub.name("eval", i): served.folder / hub.name("eval", i) for i in range(3)}
    rows = table.set_index("file")
    for path, file in shards.items():
        row = rows.loc[path.partition(f"{hub.REVISION}/")[2]]
        assert row["url"] == f"{served.url}/{path}" and row["n_bytes"] == file.stat().st_size
        assert row["checksum"] == f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
    assert "eval_segments.csv" in rows.index and len(rows) == 3 + 4
    done = [n for n, _ in seen]
    assert done == sorted(done) and done[-1] == rows["n_bytes"].filter(like="parquet").sum()
    assert seen[-1][1] == "data/eval/02.parquet, 4 of 4"
    assert catalogue.pending_bytes("audioset", root, settings["splits"]) == 0


def test_another_backend_keeps_the_shards_in_the_account(get, monkeypatch):
    """Their recordings are still used; what is harvested in part is pending in part."""
    get()
    before = catalogue.receipt(get())["eval"]
    asked = []

    def obtain_videos(root, splits, **options):
        asked.extend(splits)
        return dict.fromkeys(splits, 0)

    monkeypatch.setattr(audioset_lists, "obtain_videos", obtain_videos)
    root = get(backend="youtube")
    assert asked == ["eval"] and catalogue.receipt(root)["eval"] == before and len(before) == 4
    (root / "harvest/eval/01.parquet").unlink()
    pending = catalogue.pending_bytes("audioset", root, ["eval"], "huggingface")
    assert pending == before[2]["n_bytes"] and before[2]["name"] == "data/eval/01.parquet"


def test_a_mirror_may_be_given_with_a_slash(get, served):
    root = get(base_url=f"{served.url}/", hub_url=f"{served.url}/")
    urls = [row["url"] for rows in catalogue.receipt(root).values() for row in rows]
    assert len(urls) == 5 and not any("//" in url.partition("://")[2] for url in urls)


def test_the_disk_holds_a_harvest_before_its_shard_goes(get, monkeypatch, tmp_path):
    root, seen = tmp_path / "corpus", []

    def sync():
        shards = {file.name for file in (root / ".shards").glob("*.parquet")}
        seen.append(
            (len(list(root.glob("harvest/eval/*.parquet"))), shards, catalogue.receipt(root))
        )

    monkeypatch.setattr(huggingface.os, "sync", sync)
    get()
    for number, (harvests, shards, receipt) in enumerate(seen[:3]):
        assert harvests == number + 1 and f"data-eval-0{number}.parquet" in shards
        assert not receipt
    assert "eval" not in seen[3][2] and "eval" not in seen[4][2] and len(seen) == 5


def test_a_shard_as_one_row_group_is_harvested_in_small_ones(tmp_path):
    rows = [(f"id{i:09d}", hub.flac(i, 16000, 0.2, 1)) for i in range(40)]
    (tmp_path / "shard").write_bytes(hub.shard(rows, row_group_size=40))
    target = tmp_path / "harvest/eval/00.parquet"
    huggingface.harvest_shard(tmp_path / "shard", target, workers=2)
    assert pq.ParquetFile(target).num_row_groups == 3
    for i in (0, 15, 16, 39):
        place = f"harvest/eval/00.parquet#{i}"
        assert harvest.places(tmp_path, "eval")[rows[i][0]] == place
        x, _ = soundfile.read(io.BytesIO(rows[i][1]))
        found = harvest.recording(tmp_path, place, Limits(512, 60))
        assert len(found.pcm) == 1600 and found.source_samples == 3200
        heard = np.fft.rfft(found.pcm / found.gain / 32767)[1:700] / 1600
        assert np.allclose(heard, np.fft.rfft(x)[1:700] / 3200, atol=2e-4)
