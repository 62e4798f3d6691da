"""Every way a server can misbehave ends in the right file or in one sentence."""

import hashlib
import threading
from dataclasses import replace

import pytest
import servers
from hypothesis import given
from hypothesis import strategies as st

from sonify.data.download import fetch as module
from sonify.data.download.fetch import DownloadError, fetch, open_session

NAME = "a b.bin"
URL_NAME = "a%20b.bin"


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch):
    monkeypatch.setattr(module, "BACKOFF_S", 0.0)


@pytest.fixture
def content(rng) -> bytes:
    return rng.bytes(50_000)


@pytest.fixture
def server(tmp_path, content):
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / NAME).write_bytes(content)
    with servers.Server(folder) as server:
        yield server


@pytest.fixture
def get(server, tmp_path, content):
    """Fetch the file, told all that the catalogue knows; the path it is at."""

    def get(**options):
        path = tmp_path / "corpus" / NAME
        known = {"size": len(content), "checksum": f"md5:{hashlib.md5(content).hexdigest()}"}
        fetch(f"{server.url}/{URL_NAME}", path, **known | options)
        return path

    return get


def leftovers(tmp_path):
    return sorted(f.name for f in (tmp_path / "corpus").iterdir())


def test_a_file_arrives_whole_and_is_not_fetched_again(server, get, content, tmp_path):
    seen = []
    path = get(progress=lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == content
    assert seen[-1] == (len(content), len(content))
    assert leftovers(tmp_path) == [NAME]
    get()
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "faults",
    [
        [servers.drop(20_000)],
        [servers.drop(0)],
        [servers.drop(10_000), servers.drop(10_000), servers.drop(1)],
        [servers.truncate(20_000)],
        [servers.status(429, Retry_After="0")],
        [servers.status(500), servers.status(503), servers.status(502)],
        [servers.drop(20_000), servers.ignore_range()],
        [servers.drop(20_000), servers.status(416)],
        [servers.drop(20_000), servers.status(500), servers.drop(20_000), servers.status(429)],
    ],
    ids=lambda faults: "-".join(str(len(faults))),
)
@pytest.mark.parametrize("known", [{}, {"checksum": None}], ids=["md5", "size alone"])
def test_a_passing_fault_costs_nothing_but_time(server, get, content, tmp_path, faults, known):
    server.faults[NAME] = faults
    assert get(**known).read_bytes() == content
    assert leftovers(tmp_path) == [NAME]


def test_what_is_there_is_not_asked_for_again(server, get):
    server.faults[NAME] = [servers.drop(20_000)]
    get()
    assert [request.range for request in server.requests] == [None, "bytes=20000-"]


def test_a_dead_server_is_given_up_and_the_next_run_goes_on(server, get, content, tmp_path):
    server.faults[NAME] = [servers.drop(5_000)] * module.ATTEMPTS
    with pytest.raises(
        DownloadError, match=r"connection was lost .*6 times in a row: check the network"
    ):
        get()
    assert leftovers(tmp_path) == [f"{NAME}.partial", f"{NAME}.partial.json"]
    assert get().read_bytes() == content
    assert server.requests[-1].range == f"bytes={5_000 * module.ATTEMPTS}-"


def test_many_drops_are_no_failure_while_it_moves_on(server, get, content, monkeypatch):
    monkeypatch.setattr(module, "STEP_BYTES", 1_000)
    server.faults[NAME] = [servers.drop(2_000)] * 20
    assert get().read_bytes() == content


def moved_on(after, number):
    """A broken answer that claims another version than the last one."""
    return replace(servers.drop(after), headers={"ETag": f'"{number}"'})


@pytest.mark.parametrize(
    "faults",
    [
        [servers.drop(20_000), servers.status(416)] * 40,
        [moved_on(20_000, number) for number in range(80)],
    ],
    ids=["416 on resuming", "another version each time"],
)
def test_beginning_again_and_again_is_given_up(server, get, monkeypatch, faults):
    monkeypatch.setattr(module, "STEP_BYTES", 1_000)
    server.faults[NAME] = faults
    with pytest.raises(DownloadError, match="6 times in a row"):
        get()
    assert len(server.requests) <= 2 * module.ATTEMPTS


def test_a_wrong_byte_is_deleted_and_said(server, get, content, tmp_path):
    server.faults[NAME] = [servers.wrong_byte(7)]
    with pytest.raises(DownloadError, match="its md5 is .* is expected, so it was deleted: run"):
        get()
    assert leftovers(tmp_path) == []
    assert get().read_bytes() == content


def test_another_file_is_refused_before_it_is_downloaded(get, tmp_path):
    with pytest.raises(DownloadError, match="has 50000 bytes where 49999 are published"):
        get(size=49_999)
    assert leftovers(tmp_path) == []


def test_an_endless_body_is_cut_off(server, get, tmp_path, content):
    server.faults[NAME] = [servers.Fault(body=lambda b: b * 100, stated=False)]
    assert get().read_bytes() == content
    assert len(server.requests) == 2


@pytest.mark.parametrize("code", [403, 404])
def test_a_refusal_is_said_at_once(server, get, code):
    server.faults[NAME] = [servers.status(code)]
    with pytest.raises(DownloadError, match=rf"{URL_NAME}: the server answers {code} .*address"):
        get()
    assert len(server.requests) == 1


def test_a_server_that_stays_busy_is_left_for_later(server, get):
    server.faults[NAME] = [servers.status(503)] * 20
    with pytest.raises(DownloadError, match="answers 503 .*try again later"):
        get()
    assert len(server.requests) == module.ATTEMPTS + 1


def test_nobody_there(tmp_path):
    with servers.Server(tmp_path) as server:
        url = f"{server.url}/x"
    with pytest.raises(DownloadError, match=r"Connection refused.*6 times in a row"):
        fetch(url, tmp_path / "x")


def test_an_address_that_is_none(tmp_path):
    with pytest.raises(DownloadError, match="correct the address"):
        fetch("zenodo.org/x", tmp_path / "x")


# --- partial files of another version ------------------------------------------------------------


def interrupt(server, get, **options):
    server.faults[NAME] = [servers.drop(30_000), *[servers.status(404)]]
    with pytest.raises(DownloadError):
        get(**options)


def test_a_file_that_changed_meanwhile_is_started_again(server, get, content):
    bare = {"checksum": None, "size": None}
    interrupt(server, get, **bare)
    newer = content[::-1]
    (server.folder / NAME).write_bytes(newer)
    assert get(**bare).read_bytes() == newer


@pytest.mark.parametrize("known", [True, False], ids=["same checksum", "no checksum"])
def test_a_mirror_continues_only_what_is_surely_the_same(tmp_path, server, get, content, known):
    options = {} if known else {"checksum": None}
    interrupt(server, get, **options)
    with servers.Server(server.folder, etags=False) as mirror:
        path = tmp_path / "corpus" / NAME
        checksum = f"md5:{hashlib.md5(content).hexdigest()}" if known else None
        fetch(f"{mirror.url}/{URL_NAME}", path, size=len(content), checksum=checksum)
        assert [r.range for r in mirror.requests] == (["bytes=30000-"] if known else [None])
    assert path.read_bytes() == content


def test_without_tag_or_checksum_nothing_is_continued(tmp_path, server, content):
    with servers.Server(server.folder, etags=False) as mirror:
        mirror.faults[NAME] = [servers.drop(30_000), servers.status(404)]
        url, path = f"{mirror.url}/{URL_NAME}", tmp_path / "x"
        with pytest.raises(DownloadError):
            fetch(url, path)
        fetch(url, path)
        assert mirror.requests[-1].range is None
    assert path.read_bytes() == content


def test_a_note_cut_off_while_written_is_no_obstacle(get, server, tmp_path, content):
    interrupt(server, get)
    (tmp_path / "corpus" / f"{NAME}.partial.json").write_text('{"url": "ht')
    assert get().read_bytes() == content


def test_a_whole_partial_needs_no_request_but_its_checksum(get, server, tmp_path, content):
    interrupt(server, get)
    partial = tmp_path / "corpus" / f"{NAME}.partial"
    partial.write_bytes(content)
    n = len(server.requests)
    assert get().read_bytes() == content and len(server.requests) == n
    interrupt_again = tmp_path / "corpus" / NAME
    interrupt_again.write_bytes(content[:-1])  # a damaged file is fetched again
    assert get().read_bytes() == content and len(server.requests) == n + 1


def test_a_whole_partial_of_unknown_size_is_recognised_by_416(get, server, tmp_path, content):
    bare = {"checksum": None, "size": None}
    interrupt(server, get, **bare)
    (tmp_path / "corpus" / f"{NAME}.partial").write_bytes(content)
    assert get(**bare).read_bytes() == content
    assert server.requests[-1].status == 416


# --- surroundings --------------------------------------------------------------------------------


def test_the_proxy_of_the_environment_is_used(server, tmp_path, content, monkeypatch):
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("no_proxy", "")
    fetch(f"http://published.invalid/{URL_NAME}", tmp_path / "x", size=len(content))
    assert (tmp_path / "x").read_bytes() == content


def test_a_redirect_is_followed_and_a_session_kept_open(server, tmp_path, content):
    server.faults["moved"] = [servers.status(302, Location=f"/{URL_NAME}")]
    with open_session() as session:
        fetch(f"{server.url}/moved", tmp_path / "x", session=session)
        fetch(f"{server.url}/{URL_NAME}", tmp_path / "y", session=session)
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes() == content


def test_memory_is_bounded_by_the_block(tmp_path, monkeypatch):
    """The blocks that reach the file are no larger than STEP_BYTES, whatever the file's size."""
    (tmp_path / "big").write_bytes(bytes(3_000_000))
    steps = [0]
    with servers.Server(tmp_path) as server:
        fetch(f"{server.url}/big", tmp_path / "x", progress=lambda done, _: steps.append(done))
    assert steps[-1] == 3_000_000
    assert max(b - a for a, b in zip(steps, steps[1:], strict=False)) <= module.STEP_BYTES


@given(
    cuts=st.lists(st.integers(0, 4_000), max_size=4),
    kinds=st.lists(st.sampled_from(["drop", "truncate", "416", "ignore"]), max_size=4),
)
def test_any_mixture_of_passing_faults_ends_in_the_right_file(tmp_path_factory, cuts, kinds):
    folder = tmp_path_factory.mktemp("served")
    content = bytes(i * 7 % 251 for i in range(4_000))
    (folder / "f").write_bytes(content)
    make = {"drop": servers.drop, "truncate": servers.truncate}
    with servers.Server(folder) as server:
        for kind, cut in zip(kinds, cuts, strict=False):
            if kind in make:
                server.faults["f"].append(make[kind](cut))
            else:
                server.faults["f"].append(
                    servers.status(416) if kind == "416" else servers.ignore_range()
                )
        # A 416 to a request for the whole file is a refusal for good.
        refused = "416" in kinds[: len(cuts)]
        try:
            fetch(f"{server.url}/f", folder / "copy", size=len(content))
        except DownloadError as error:
            assert refused and "416" in str(error) and not (folder / "copy").exists()
        else:
            assert (folder / "copy").read_bytes() == content
    assert threading.active_count() < 10
