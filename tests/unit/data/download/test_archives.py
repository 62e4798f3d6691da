"""Published archives end as the corpus that preparation reads, whatever comes between."""

import shutil
import signal
import subprocess
import sys
from types import SimpleNamespace

import miniatures
import numpy as np
import pytest
import servers
from hypothesis import given, settings
from hypothesis import strategies as st

from sonify.data.corpora import fsd50k, speech_commands
from sonify.data.download import archives, catalogue, fetch
from sonify.data.download.archives import HIDDEN, obtain_archives
from sonify.data.download.fetch import DownloadError
from sonify.data.download.obtain import obtain
from sonify.data.download.splitzip import ArchiveError

ALL = {"fsd50k": ["train", "val", "eval"], "speech_commands": ["train", "val", "test"]}


@pytest.fixture(scope="module")
def publication(tmp_path_factory):
    """Folder of the archives and their catalogue, and the checksums of what was packed."""
    folder = tmp_path_factory.mktemp("published")
    rng = np.random.default_rng(61)
    return folder, miniatures.publish(folder, rng, folder / "catalogue.toml")


@pytest.fixture(scope="module")
def published(publication):
    return publication[0]


@pytest.fixture(scope="module")
def whole(publication):
    return publication[1]


@pytest.fixture(autouse=True)
def _miniature(published, monkeypatch):
    monkeypatch.setattr(catalogue, "CATALOGUE", published / "catalogue.toml")
    monkeypatch.setattr(fetch, "BACKOFF_S", 0.0)


@pytest.fixture
def server(published):
    with servers.Server(published) as server:
        yield server


@pytest.fixture
def get(server, tmp_path):
    """Obtain a dataset from the server into the folder `corpus`, which is returned."""

    def get(dataset="fsd50k", splits=None, keep=False, progress=lambda done, note: None):
        obtain_archives(
            dataset,
            tmp_path / "corpus",
            splits or ALL[dataset],
            base_url=server.url,
            keep_archives=keep,
            progress=progress,
        )
        return tmp_path / "corpus"

    return get


def files(root):
    """SHA-256 of every file that a reader may see, by name."""
    found = (f for f in root.rglob("*") if f.is_file())
    names = {f.relative_to(root).as_posix(): f for f in found}
    return miniatures.sha256({n: f.read_bytes() for n, f in names.items() if n[0] != "."})


# --- what comes out ------------------------------------------------------------------------------


def test_fsd50k_is_what_its_reader_reads(get):
    listing = fsd50k.read(get())
    assert listing.listed == len(listing.clips) == 22 and listing.problems.empty
    assert dict(listing.clips["split"].value_counts()) == {"train": 12, "val": 4, "eval": 6}


def test_speech_commands_are_unpacked_without_a_top_folder(get):
    listing = speech_commands.read(get("speech_commands"))
    assert list(listing.vocabulary["label"]) == miniatures.WORDS
    assert listing.listed == len(listing.clips) == 18
    assert dict(listing.clips["split"].value_counts()) == {"train": 12, "val": 3, "test": 3}


@pytest.mark.parametrize("keep", [True, False])
def test_archives_are_kept_or_deleted(get, published, keep):
    hidden = get(keep=keep) / HIDDEN
    names = {f.name for f in hidden.iterdir()} if hidden.is_dir() else set()
    assert names == ({f.name for f in published.glob("FSD50K.*")} if keep else set())


def test_a_complete_corpus_asks_for_nothing_whatever_the_settings(get, server, published, tmp_path):
    get()
    n = len(server.requests)
    get(keep=True)
    options = {"base_url": "http://nowhere.invalid", "keep_archives": False}
    table = obtain("fsd50k", tmp_path / "corpus", {"splits": ALL["fsd50k"], **options})
    assert len(server.requests) == n
    assert set(table["file"]) == {f.name for f in published.glob("FSD50K.*")}
    assert all(url.startswith(server.url) for url in table["url"])
    assert table["n_bytes"].sum() == sum(
        archive.n_bytes for archive in catalogue.archives("fsd50k", ALL["fsd50k"])
    )


def test_only_the_splits_in_use_are_downloaded(get, server):
    root = get(splits=["eval"])
    assert not any("dev_audio" in request.name for request in server.requests)
    assert len(fsd50k.read(root).clips) == 6
    n = len(server.requests)
    assert len(fsd50k.read(get()).clips) == 22
    assert {r.name for r in server.requests[n:]} == set(miniatures.DEV_PARTS)


def test_a_corpus_whose_clips_were_deleted_is_mended(get, server):
    root = get()
    n = len(server.requests)
    (root / "FSD50K.eval_audio" / "2000.wav").unlink()
    assert len(fsd50k.read(get()).clips) == 22
    again = {request.name for request in server.requests[n:]}
    # The directory, and the parts that the first clip lies on.
    assert again == {"FSD50K.eval_audio.z01", "FSD50K.eval_audio.zip"}


def test_lost_metadata_are_fetched_again(get, server):
    """Without them, the clips' authors and licences would be missing and nothing would say so."""
    root = get()
    n = len(server.requests)
    shutil.rmtree(root / "FSD50K.metadata")
    get()
    assert [request.name for request in server.requests[n:]] == ["FSD50K.metadata.zip"]
    assert len(list((root / "FSD50K.metadata").iterdir())) == 4


def test_beginnings_for_splits_that_are_not_in_use_are_kept(get, server, tmp_path):
    server.faults["FSD50K.dev_audio.z02"] = [servers.drop(9_000), servers.status(404)]
    with pytest.raises(DownloadError):
        get(splits=["train"])
    hidden = tmp_path / "corpus" / HIDDEN
    (hidden / "unpacking.partial").touch()
    get(splits=["eval"])
    left = ["FSD50K.dev_audio.z02.partial", "FSD50K.dev_audio.z02.partial.json"]
    assert sorted(file.name for file in hidden.iterdir()) == left
    get()
    assert server.requests[-1].name.startswith("FSD50K.d") and not hidden.exists()
    ranges = [request.range for request in server.asked("FSD50K.dev_audio.z02")]
    assert ranges == [None, "bytes=9000-", "bytes=9000-"]


def test_parts_go_as_soon_as_their_members_are_out(get, published, tmp_path):
    """Never more than the directory's part and two that a member may lie on."""
    held = []
    hidden = tmp_path / "corpus" / HIDDEN
    get(progress=lambda done, note: held.append({f.name for f in hidden.glob("*eval_audio.z??")}))
    assert len(set.union(*held)) == len(list(published.glob("*eval_audio.z??"))) > 3
    assert max(map(len, held)) <= 3


# --- interruptions -------------------------------------------------------------------------------


class Stop(Exception):
    pass


@settings(max_examples=15)
@given(stops=st.lists(st.integers(0, 40), max_size=4), keep=st.booleans())
@pytest.mark.parametrize("dataset", ALL)
def test_any_interruptions_end_in_the_whole_corpus(
    published, tmp_path_factory, whole, dataset, stops, keep
):
    """Never a wrong byte under a clip's name, at any time."""
    root = tmp_path_factory.mktemp("corpus")

    def run(server, steps):
        left = iter(range(steps))

        def progress(done, note):
            if next(left, None) is None:
                raise Stop

        obtain_archives(
            dataset,
            root,
            ALL[dataset],
            base_url=server.url,
            keep_archives=keep,
            progress=progress,
        )

    with servers.Server(published) as server:
        for steps in stops:
            try:
                run(server, steps)
            except Stop:
                assert files(root).items() <= whole[dataset].items()
        run(server, 10_000)
    assert files(root) == whole[dataset]


KILLED = """
import os, signal, sys
from pathlib import Path
from sonify.data.download import catalogue
from sonify.data.download.archives import obtain_archives
root, file, url, word = sys.argv[1:]
catalogue.CATALOGUE = Path(file)
def progress(done, note):
    if word in note:
        os.kill(os.getpid(), signal.SIGKILL)
obtain_archives("fsd50k", Path(root), ["train", "val", "eval"], base_url=url, keep_archives=False,
                progress=progress)
"""


@pytest.mark.parametrize(
    "word",
    ["dev_audio.zip", "dev_audio.z02", "9 files of FSD50K.dev", "6 files of FSD50K.eval", "doc"],
)
def test_kill_minus_nine_and_run_again(get, server, published, tmp_path, whole, word):
    root = tmp_path / "corpus"
    command = [sys.executable, "-c", KILLED, root, published / "catalogue.toml", server.url, word]
    done = subprocess.run([str(part) for part in command], check=False)
    assert done.returncode == -signal.SIGKILL
    assert files(root).items() <= whole["fsd50k"].items()
    assert "FSD50K.doc.zip" not in catalogue.receipt(root)
    assert files(get()) == whole["fsd50k"]


def test_a_server_that_misbehaves_throughout(get, server, whole):
    server.faults["FSD50K.dev_audio.z01"] = [servers.drop(60_000), servers.ignore_range()]
    server.faults["FSD50K.dev_audio.z02"] = [servers.truncate(1_000), servers.status(416)]
    server.faults["FSD50K.dev_audio.zip"] = [servers.status(429, Retry_After="0")]
    server.faults["FSD50K.eval_audio.z01"] = [servers.status(500), servers.drop(0)]
    assert files(get()) == whole["fsd50k"]


def test_a_wrong_byte_in_a_part_is_never_unpacked(get, server, whole):
    server.faults["FSD50K.dev_audio.z02"] = [servers.wrong_byte(30_000)]
    with pytest.raises(DownloadError, match=r"dev_audio.z02: its md5 is .* deleted: run again"):
        get()
    assert files(get()) == whole["fsd50k"]


# --- refusals ------------------------------------------------------------------------------------


def republished(published, tmp_path, monkeypatch, name, content, **entry):
    """The same datasets with another file, which the catalogue knows."""
    folder = shutil.copytree(published, tmp_path / "republished")
    (folder / name).write_bytes(content)
    known = miniatures.entry(folder, [name], **entry)
    (folder / "catalogue.toml").write_text(miniatures.toml({"speech_commands": [known]}))
    monkeypatch.setattr(catalogue, "CATALOGUE", folder / "catalogue.toml")
    return servers.Server(folder)


@pytest.mark.parametrize("folder", ["_unknown_", "_silence_"])
def test_the_test_set_of_twelve_classes_is_refused(published, tmp_path, monkeypatch, rng, folder):
    content = miniatures.tar_gz({f"{folder}/1.wav": miniatures.wav(rng, 16_000, 16_000)})
    name = "speech_commands_test_set_v0.02.tar.gz"
    words = ["_background_noise_", *miniatures.WORDS]
    options = {"keep_archives": False, "progress": lambda done, note: None}
    with republished(published, tmp_path, monkeypatch, name, content, folders=words) as server:
        options["base_url"] = server.url
        with pytest.raises(ArchiveError, match=f"{folder}' is not in the published corpus"):
            obtain_archives("speech_commands", tmp_path / "corpus", ["test"], **options)
    assert files(tmp_path / "corpus") == {}


def test_a_stray_folder_is_refused_before_the_download(get, server, tmp_path):
    (tmp_path / "corpus" / "maybe").mkdir(parents=True)
    with pytest.raises(ArchiveError, match="its folder maybe is not a word of the dataset: move"):
        get("speech_commands")
    assert not server.requests


@pytest.mark.parametrize("received", [True, False])
def test_a_clip_too_many_is_refused_before_the_download(get, server, tmp_path, received):
    if received:
        get("speech_commands")
    n = len(server.requests)
    for number in range(19):
        file = tmp_path / "corpus" / "yes" / f"mine{number}.wav"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    with pytest.raises(ArchiveError, match=r"before its download: .*wav has \d+ where 18 are publ"):
        get("speech_commands")
    assert len(server.requests) == n


def test_an_archive_without_what_it_should_hold_is_refused(
    published, tmp_path, monkeypatch, server
):
    files_ = {"yes/1.wav": b"", "testing_list.txt": b"yes/1.wav\n"}
    known = {"counts": {"testing_list.txt": 2, "[!_.]*/*.wav": 1, "validation_list.txt": 1}}
    content = miniatures.tar_gz(files_)
    options = {"keep_archives": False, "progress": lambda done, note: None}
    with republished(published, tmp_path, monkeypatch, "x.tar.gz", content, **known) as server:
        options["base_url"] = server.url
        wrong = r"testing_list.txt has 1 where 2 are published; validation_list.txt has 0 where"
        with pytest.raises(ArchiveError, match=wrong):
            obtain_archives("speech_commands", tmp_path / "corpus", ["test"], **options)
    assert catalogue.receipt(tmp_path / "corpus") == {}


@pytest.mark.parametrize("keep", [True, False])
def test_a_small_disk_is_refused_before_anything_is_fetched(
    get, server, tmp_path, monkeypatch, keep
):
    wanted = catalogue.archives("fsd50k", ALL["fsd50k"])
    needed = catalogue.disk_bytes(wanted, keep)

    def disk(free):
        monkeypatch.setattr(archives.shutil, "disk_usage", lambda place: SimpleNamespace(free=free))

    disk(needed - 1)
    with pytest.raises(ValueError, match=r"corpus needs 1\.\d+ MB more disk space"):
        get(keep=keep)
    assert not server.requests and not (tmp_path / "corpus").exists()
    disk(needed)
    get(keep=keep)
    disk(0)  # all is there
    get(keep=keep)


def test_what_is_there_needs_no_further_disk(get, server, tmp_path, monkeypatch):
    """An interrupted download asks for the rest alone."""
    server.faults["FSD50K.dev_audio.z02"] = [servers.status(404)]
    with pytest.raises(DownloadError):
        get(keep=True)
    root = tmp_path / "corpus"
    held = sum(f.stat().st_size for f in root.rglob("*") if f.is_file())
    assert held > 60_000
    needed = catalogue.disk_bytes(catalogue.archives("fsd50k", ALL["fsd50k"]), True) - held
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda place: SimpleNamespace(free=needed))
    get(keep=True)


def test_foreign_files_are_no_progress(get, server, tmp_path, monkeypatch):
    """A large file that is not of the dataset makes no room for what is."""
    for name in ("mine.bin", "FSD50K.eval_audio/notes.bin", f"{HIDDEN}/other.zip"):
        file = tmp_path / "corpus" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bytes(5_000_000))
    needed = catalogue.disk_bytes(catalogue.archives("fsd50k", ALL["fsd50k"]), False)
    free = SimpleNamespace(free=needed - 1)
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda place: free)
    with pytest.raises(ValueError, match="more disk space"):
        get()
    assert not server.requests


def test_the_disk_holds_a_corpus_before_its_receipt(get, monkeypatch, tmp_path):
    receipts = []
    root = tmp_path / "corpus"
    monkeypatch.setattr(catalogue.os, "sync", lambda: receipts.append(len(catalogue.receipt(root))))
    get()
    assert receipts == [0, 1, 2, 3, 4]
