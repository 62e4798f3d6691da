"""The YouTube backend against a stand-in for yt-dlp, with its true messages."""

import sys
from collections.abc import Callable
from types import ModuleType

import hub
import pytest

from sonify.data.corpora import audioset
from sonify.data.download import catalogue, harvest, youtube
from sonify.data.download.audioset import obtain_audioset
from sonify.data.download.fetch import DownloadError
from sonify.data.download.youtube import Attempt, attempts, obtain_videos

IDS = ["-aaaaaaaaaa", "_bbbbbbbbbb", "AbCdEfGhIjK", "abcdefghijk"]
PRIVATE = "ERROR: [youtube] {}: Private video. Sign in if you've been granted access to this video"


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def __call__(self) -> float:
        return self.now


class FakeModule(ModuleType):
    """Enough of yt-dlp: what each id gives, and what was asked for."""

    def __init__(self) -> None:
        super().__init__("yt_dlp")
        self.answers: dict[str, str] = {}  # id -> message of a failure
        self.asked: list[str] = []
        self.sections: list[tuple] = []
        self.utils = ModuleType("yt_dlp.utils")
        self.utils.DownloadError = type("DownloadError", (Exception,), {})
        self.utils.download_range_func = lambda chapters, ranges: (chapters, ranges)
        module = self

        class YoutubeDL:
            def __init__(self, options: dict) -> None:
                self.options = options

            def __enter__(self):
                return self

            def __exit__(self, *error) -> None:
                pass

            def download(self, urls: list[str]) -> None:
                (url,) = urls
                head, _, clip_id = url.partition("watch?v=")
                assert head == "https://www.youtube.com/"
                module.asked.append(clip_id)
                module.sections.append(self.options["download_ranges"])
                if clip_id in module.answers:
                    raise module.utils.DownloadError(module.answers[clip_id].format(clip_id))
                path = self.options["outtmpl"] % {"id": clip_id, "ext": "flac"}
                folder, _, _ = path.rpartition("/")
                youtube.Path(folder).mkdir(parents=True, exist_ok=True)
                youtube.Path(path).write_bytes(hub.flac(1))

        self.YoutubeDL = YoutubeDL


@pytest.fixture
def yt_dlp(monkeypatch) -> FakeModule:
    module = FakeModule()
    monkeypatch.setitem(sys.modules, "yt_dlp", module)
    monkeypatch.setattr(youtube.shutil, "which", lambda name: f"/bin/{name}")
    return module


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def get(tmp_path, clock) -> Callable:
    root = tmp_path / "a 100% corpus"  # a name that an output template could misread
    hub.publish_lists(root, {"eval": IDS, "balanced_train": ["trn00000000"]})

    def get(splits=("eval",), **options):
        told = {"pause_s": 5.0, "sleep": clock.sleep, "clock": clock}
        obtain_videos(root, splits, **told | options)
        return root

    return get


def test_segments_are_stored_where_the_reader_looks(get, yt_dlp, clock):
    root = get()
    assert yt_dlp.asked == IDS
    assert yt_dlp.sections == [(None, [(30.0, 40.0)])] * 4
    assert sorted(p.name for p in (root / "audio/eval").iterdir()) == sorted(
        f"Y{clip_id}.flac" for clip_id in IDS
    )
    assert set(audioset.read(root).clips["clip_id"]) == set(IDS)
    assert clock.pauses == [5.0] * 3
    assert list(attempts(root))[1] == Attempt("eval", "_bbbbbbbbbb", "obtained", "", 1005.0)
    assert not (root / ".videos").exists()
    get()
    assert len(yt_dlp.asked) == 4


@pytest.mark.parametrize(
    ("message", "outcome"),
    [
        (PRIVATE, "private"),
        ("ERROR: [youtube] {}: Video unavailable. This video is private", "private"),
        ("ERROR: [youtube] {}: Video unavailable", "removed"),
        ("ERROR: [youtube] {}: This video has been removed by the uploader", "removed"),
        ("ERROR: [youtube] {}: Video unavailable. This video is no longer available because the "
         "YouTube account associated with this video has been terminated.", "removed"),
        ("ERROR: [youtube] {}: Video unavailable. The uploader has not made this video available "
         "in your country", "blocked"),
        ("ERROR: [youtube] {}: Video unavailable. This video contains content from X, who has "
         "blocked it on copyright grounds", "blocked"),
        ("ERROR: [youtube] {}: Sign in to confirm your age. This video may be inappropriate",
         "blocked"),
        ("ERROR: [youtube] {}: Sign in to confirm you’re not a bot.", "error"),
        ("ERROR: [youtube] {}: Video unavailable. This content isn't available, try again later. "
         "The current session has been rate-limited by YouTube", "error"),
        ("ERROR: unable to download video data: HTTP Error 503: Service Unavailable", "error"),
        ("ERROR: unable to download video data: HTTP Error 403: Forbidden", "error"),
        ("ERROR: [youtube] {}: Requested format is not available", "error"),
        ("ERROR: Unable to download API page: <urlopen error timed out>", "error"),
    ],
)  # fmt: skip
def test_what_is_gone_for_good_is_not_asked_for_again(get, yt_dlp, message, outcome):
    yt_dlp.answers["_bbbbbbbbbb"] = message
    root = get()
    last = {attempt.clip_id: attempt for attempt in attempts(root)}["_bbbbbbbbbb"]
    assert last.outcome == outcome and last.detail == message.format("_bbbbbbbbbb")
    get()
    assert yt_dlp.asked.count("_bbbbbbbbbb") == (2 if outcome == "error" else 1)
    assert yt_dlp.asked.count("-aaaaaaaaaa") == 1
    assert set(audioset.read(root).clips["clip_id"]) == set(IDS) - {"_bbbbbbbbbb"}


def test_an_id_that_spells_a_reason(get, yt_dlp, tmp_path):
    hub.publish_lists(tmp_path / "a 100% corpus", {"eval": ["_terminated"]})
    yt_dlp.answers["_terminated"] = "ERROR: [youtube] {}: timed out"
    assert [attempt.outcome for attempt in attempts(get())] == ["error"]


def test_a_journal_cut_off_goes_on(get, yt_dlp):
    yt_dlp.answers["AbCdEfGhIjK"] = PRIVATE
    root = get(limit=3)
    assert yt_dlp.asked == IDS[:3]
    file = root / youtube.JOURNAL
    file.write_text(file.read_text() + '{"split": "ev')
    get(limit=3)
    assert yt_dlp.asked == IDS
    assert [a.clip_id for a in attempts(root)] == IDS


def test_what_vanished_from_the_disk_is_asked_for_again(get, yt_dlp):
    root = get()
    (root / "audio/eval/Y_bbbbbbbbbb.flac").unlink()
    get()
    assert yt_dlp.asked == [*IDS, "_bbbbbbbbbb"]


def test_local_files_are_left_alone(get, yt_dlp, tmp_path):
    file = tmp_path / "a 100% corpus" / "mine" / "-aaaaaaaaaa_30.000_40.000.wav"
    file.parent.mkdir()
    file.write_bytes(b"mine")
    get()
    assert yt_dlp.asked == IDS[1:] and file.read_bytes() == b"mine"


def test_what_a_shard_gave_is_left_alone(get, yt_dlp, tmp_path):
    rows = [[harvest.row(0, "_bbbbbbbbbb", hub.flac(1))]]
    harvest.write(rows, tmp_path / "a 100% corpus/harvest/eval/00.parquet")
    paths = audioset.read(get()).clips.set_index("clip_id")["path"]
    assert yt_dlp.asked == [IDS[0], *IDS[2:]]
    assert paths["_bbbbbbbbbb"] == "harvest/eval/00.parquet#0"
    assert paths["-aaaaaaaaaa"] == "audio/eval/Y-aaaaaaaaaa.flac"


def test_a_refusing_server_ends_the_call(get, yt_dlp, tmp_path, clock):
    ids = [f"id{i:09d}" for i in range(30)]
    hub.publish_lists(tmp_path / "a 100% corpus", {"eval": ids})
    yt_dlp.answers = dict.fromkeys(
        ids[5:], "ERROR: [youtube] {}: Sign in to confirm you're not a bot"
    )
    with pytest.raises(DownloadError, match="failed 10 times in a row.*not a bot.*: wait a few"):
        get()
    assert yt_dlp.asked == ids[:15]


def test_what_always_fails_ends_no_call_and_is_left_in_the_end(get, yt_dlp, tmp_path):
    ids = [f"id{i:09d}" for i in range(24)]
    hub.publish_lists(tmp_path / "a 100% corpus", {"eval": ids})
    yt_dlp.answers = dict.fromkeys(
        ids[::2], "ERROR: [youtube] {}: Requested format is not available"
    )
    get(limit=12)
    get(limit=12)
    assert yt_dlp.asked == ids  # the untried first
    for _ in range(3):
        get()
    assert yt_dlp.asked == ids + 2 * ids[::2]


def test_hostile_ids_are_never_asked_for(get, yt_dlp, tmp_path):
    root = tmp_path / "a 100% corpus"
    hub.publish_lists(root, {"eval": ["../../../../x", "a;rm -rf ~", "--exec=true"]})
    get()
    assert yt_dlp.asked == [] and {a.outcome for a in attempts(root)} == {"removed"}


def test_no_file_is_an_error(get, yt_dlp, monkeypatch):
    monkeypatch.setattr(yt_dlp.YoutubeDL, "download", lambda self, urls: None)
    assert {attempt.outcome for attempt in attempts(get())} == {"error"}


def test_wants(get, yt_dlp, monkeypatch, tmp_path):
    root = tmp_path / "a 100% corpus"
    (root / "CLASS_LABELS_INDICES.CSV").touch()
    with pytest.raises(ValueError, match="disk that ignores case"):
        get()
    monkeypatch.setattr(youtube.shutil, "which", lambda name: None)
    with pytest.raises(ValueError, match=r"needs ffmpeg .*: install it"):
        get()
    monkeypatch.setitem(sys.modules, "yt_dlp", None)
    with pytest.raises(ValueError, match="needs yt-dlp: pip install yt-dlp, or choose huggingface"):
        get()


def test_as_the_backend_of_audioset(yt_dlp, tmp_path, monkeypatch):
    """Lists that are there already are not fetched, so that nothing here needs a server."""
    monkeypatch.setattr(catalogue, "CATALOGUE", hub.catalogue(catalogue.CATALOGUE, tmp_path))
    hub.publish_lists(tmp_path, {"eval": IDS})
    told = {"backend": "youtube", "revision": hub.REVISION, "pause_s": 0.0}
    with pytest.raises(
        DownloadError, match=r"^2 videos of eval remain .*: run again .*limit \(2\)$"
    ):
        obtain_audioset(tmp_path, ["eval"], limit=2, **told)
    assert yt_dlp.asked == IDS[:2]
    assert catalogue.receipt(tmp_path).keys() == {audioset.VOCABULARY}
    assert catalogue.pending_bytes("audioset", tmp_path, ["eval"], "youtube") is None
    obtain_audioset(tmp_path, ["eval"], limit=2, **told)
    assert yt_dlp.asked == IDS
    assert catalogue.receipt(tmp_path).keys() == {audioset.VOCABULARY, "eval"}
    assert catalogue.pending_bytes("audioset", tmp_path, ["eval"], "youtube") == 0
    assert catalogue.pending_bytes("audioset", tmp_path, ["eval"], "huggingface") == 23.8e9


def test_passing_errors_are_asked_for_until_they_count_as_gone(yt_dlp, tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "CATALOGUE", hub.catalogue(catalogue.CATALOGUE, tmp_path))
    hub.publish_lists(tmp_path, {"eval": IDS})
    yt_dlp.answers["AbCdEfGhIjK"] = "ERROR: [youtube] {}: timed out"
    told = {"backend": "youtube", "revision": hub.REVISION, "pause_s": 0.0}
    for _ in range(2):
        with pytest.raises(DownloadError, match="^1 videos of eval remain"):
            obtain_audioset(tmp_path, ["eval"], **told)
    obtain_audioset(tmp_path, ["eval"], **told)
    assert "eval" in catalogue.receipt(tmp_path)
