"""Split archives are read as what was packed, from parts that come and go."""

import io
import shutil
import struct
import subprocess
import zipfile
from pathlib import Path

import miniatures
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonify.data.download.splitzip import ArchiveError, Parts, open_split

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\\\0"), min_size=1, max_size=8)
CONTENTS = st.dictionaries(NAMES, st.binary(max_size=400), min_size=1, max_size=6)


def laid_out(folder: Path, parts: list[bytes]):
    """The parts as files; what open_split is given."""
    files = []
    for i, part in enumerate(parts):
        files.append(folder / f"x.{i:03d}")
        files[-1].write_bytes(part)
    return [len(part) for part in parts], files.__getitem__


def contents(sizes, part) -> dict[str, bytes]:
    with open_split(sizes, part) as (archive, _):
        return {name: archive.read(name) for name in archive.namelist()}


@given(files=CONTENTS, part_bytes=st.integers(40, 600), stored=st.booleans())
def test_any_split_reads_as_what_was_packed(tmp_path_factory, files, part_bytes, stored):
    method = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    parts = miniatures.split(miniatures.zipped(files, method), part_bytes)
    assert contents(*laid_out(tmp_path_factory.mktemp("zip"), parts)) == files


def test_an_archive_of_the_zip_tool():
    """Against the tool's own join, where it is installed, and the CRCs it wrote."""
    files = [miniatures.DEV / name for name in miniatures.DEV_PARTS]
    sizes = [file.stat().st_size for file in files]
    assert len(files) == 3 and sizes[0] == sizes[1] == 65_536
    with open_split(sizes, files.__getitem__) as (archive, parts):
        clips = {Path(n).stem for n in archive.namelist() if n.endswith(".wav")}
        assert clips == set(miniatures.DEV_CLIPS)
        assert archive.testzip() is None
        first = {parts.index(info.header_offset) for info in archive.infolist()}
        assert first == {0, 1, 2}


@pytest.mark.skipif(shutil.which("zip") is None, reason="zip joins what ours is compared with")
def test_as_the_zip_tool_joins_it(tmp_path):
    joined = tmp_path / "joined.zip"
    command = ["zip", "-q", "-s", "0", str(miniatures.DEV / miniatures.DEV_PARTS[-1])]
    subprocess.run([*command, "--out", str(joined)], check=True)
    files = [miniatures.DEV / name for name in miniatures.DEV_PARTS]
    with zipfile.ZipFile(joined) as archive:
        expected = {name: archive.read(name) for name in archive.namelist()}
    assert contents([f.stat().st_size for f in files], files.__getitem__) == expected


def test_plain_archives_are_archives_of_one_part(tmp_path):
    files = {"a/b.txt": b"b", "empty": b""}
    assert contents(*laid_out(tmp_path, [miniatures.zipped(files)])) == files
    commented = io.BytesIO()
    with zipfile.ZipFile(commented, "w") as archive:
        archive.writestr("a", b"1")
        archive.comment = b"a comment"
    assert contents(*laid_out(tmp_path, [commented.getvalue()])) == {"a": b"1"}


def test_zip64_records_are_followed(tmp_path, monkeypatch):
    """Records that stand in for fields of 32 bits, as archives beyond 4 GiB have them."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 100)
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 2)
    files = {f"{i}.bin": bytes([i]) * 150 for i in range(5)}
    archive = miniatures.zipped(files, zipfile.ZIP_STORED)
    monkeypatch.undo()
    assert b"PK\6\6" in archive and b"PK\6\7" in archive
    assert contents(*laid_out(tmp_path, [archive])) == files


def test_parts_are_asked_for_only_when_they_are_read(tmp_path):
    files = {f"{i}.bin": bytes(500) for i in range(8)}
    sizes, part = laid_out(
        tmp_path, miniatures.split(miniatures.zipped(files, zipfile.ZIP_STORED), 700)
    )
    asked = []
    with open_split(sizes, lambda i: asked.append(i) or part(i)) as (archive, parts):
        directory = set(asked)
        assert 0 not in directory
        for info in sorted(archive.infolist(), key=lambda info: info.header_offset):
            here = parts.index(info.header_offset)
            for i in range(here):
                part(i).unlink(missing_ok=True)
            assert archive.read(info) == bytes(500)
            assert max(set(asked) - directory, default=0) <= here + 1


def test_parts_joined_with_cat_are_not_taken_for_an_archive(tmp_path):
    whole = b"".join((miniatures.DEV / name).read_bytes() for name in miniatures.DEV_PARTS)
    with pytest.raises(ArchiveError, match="it has 3 parts where 1 are listed"):
        contents(*laid_out(tmp_path, [whole]))


@given(data=st.data())
def test_a_damaged_directory_is_one_sentence(tmp_path_factory, data):
    """Any byte of the directory or of the end record, changed: an error of ours or of zipfile's
    CRC, or no harm."""
    files = {"one": b"1" * 50, "two": b"2" * 50}
    archive = bytearray(miniatures.zipped(files))
    start = struct.unpack_from("<L", archive, len(archive) - 6)[0]
    at = data.draw(st.integers(start, len(archive) - 1))
    archive[at] ^= data.draw(st.integers(1, 255))
    sizes, part = laid_out(tmp_path_factory.mktemp("zip"), [bytes(archive)])
    try:
        with open_split(sizes, part):
            pass
    except ArchiveError as error:
        assert "delete it and run again" in str(error)


def test_parts_is_a_file(tmp_path, rng):
    content = rng.bytes(1_000)
    sizes, part = laid_out(tmp_path, [content[:300], content[300:310], content[310:900]])
    with Parts(sizes, part) as parts:
        parts.tail = content[900:]
        file = io.BufferedReader(parts, 64)
        assert file.read() == content
        assert file.seek(-5, io.SEEK_END) == 995 and file.read() == content[-5:]
        assert file.seek(299) == 299 and file.read(12) == content[299:311]
        with pytest.raises(OSError, match="cannot seek to byte -1"):
            parts.seek(-1)
