"""Archives that are damaged or mean harm leave nothing outside the folder and nothing half done."""

import gzip
import io
import os
import stat
import struct
import tarfile
import zipfile
import zlib

import miniatures
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sonify.data.download.splitzip import ArchiveError
from sonify.data.download.unpack import Target, unpack_tar, unpack_zip

TRAVERSALS = ["../x", "a/../../x", "/x", "//x", "C:x", "c:/x", "..", "a\\..\\..\\x", "\\x", "."]


@pytest.fixture
def target(tmp_path):
    (tmp_path / "root").mkdir()
    return Target("some.zip", tmp_path / "root", tmp_path / "growing")


def from_zip(archive: bytes, target: Target) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        list(unpack_zip(opened, target))
    return found(target)


def from_tar(archive: bytes, target: Target) -> dict[str, bytes]:
    file = target.root.parent / "some.tar.gz"
    file.write_bytes(archive)
    list(unpack_tar(file, target))
    return found(target)


def found(target: Target) -> dict[str, bytes]:
    files = (f for f in target.root.rglob("*") if f.is_file())
    return {f.relative_to(target.root).as_posix(): f.read_bytes() for f in files}


def tar_of(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def stands_outside(target: Target) -> set[str]:
    return {f.name for f in target.root.parent.iterdir()} - {"root", "growing", "some.tar.gz"}


FILES = {"./a/1.wav": b"one" * 900, "a/b/2.wav": b"", "3.txt": b"three"}
PLAIN = {"a/1.wav": b"one" * 900, "a/b/2.wav": b"", "3.txt": b"three"}


def test_files_come_out_as_they_went_in(target, tmp_path):
    assert from_zip(miniatures.zipped(FILES), target) == PLAIN
    other = Target("x", tmp_path / "other", tmp_path / "growing")
    assert from_tar(miniatures.tar_gz(PLAIN), other) == PLAIN


@pytest.mark.parametrize("name", TRAVERSALS)
def test_names_that_lead_out_are_refused(target, name):
    with pytest.raises(ArchiveError, match="leads out of the folder"):
        from_zip(miniatures.zipped({name: b"harm"}), target)
    with pytest.raises(ArchiveError, match="leads out of the folder"):
        from_tar(tar_of((tarfile.TarInfo(name), b"harm")), target)
    assert found(target) == {} and stands_outside(target) == set()


@given(parts=st.lists(st.sampled_from(["..", ".", "", "a", "C:", "\\", "b"]), max_size=6))
def test_no_name_ever_lands_outside(tmp_path_factory, parts):
    root = tmp_path_factory.mktemp("root")
    try:
        path = Target("x", root, root / "growing").place("/".join(parts))
    except ArchiveError:
        return
    assert root.resolve() in path.resolve().parents


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE],
)
def test_links_and_devices_in_a_tar_are_refused(target, kind):
    info = tarfile.TarInfo("link")
    info.type, info.linkname = kind, "/etc/passwd"
    with pytest.raises(ArchiveError, match="'link' is a link or special"):
        from_tar(tar_of((info, b"")), target)
    assert not list(target.root.iterdir())


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_links_and_devices_in_a_zip_are_refused(target, kind):
    out = io.BytesIO()
    info = zipfile.ZipInfo("link")
    info.external_attr = (kind | 0o777) << 16
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(ArchiveError, match="'link' is a link, special or encrypted"):
        from_zip(out.getvalue(), target)
    assert not list(target.root.iterdir())


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("honest_crc", [True, False], ids=["crc of the part", "crc of all"])
def test_a_member_beyond_its_declared_size_is_refused(target, method, honest_crc):
    """Zip bombs: declared as 10 bytes, even with the CRC of those 10."""
    content = bytes(200_000)
    archive = bytearray(miniatures.zipped({"bomb": content}, method))
    crc = zlib.crc32(content[:10] if honest_crc else content)
    entry = archive.rindex(b"PK\1\2")
    struct.pack_into("<L", archive, entry + 16, crc)
    struct.pack_into("<L", archive, entry + 24, 10)
    with pytest.raises(ArchiveError, match=r"'bomb' (has more than the 10 bytes|is damaged)"):
        from_zip(bytes(archive), target)
    assert found(target) == {}
    assert target.scratch.stat().st_size <= 10


def test_a_member_short_of_its_declared_size_is_refused(target):
    archive = bytearray(miniatures.zipped({"short": b"12345"}))
    struct.pack_into("<L", archive, archive.rindex(b"PK\1\2") + 24, 9)
    with pytest.raises(ArchiveError, match="fewer than the 9 bytes"):
        from_zip(bytes(archive), target)
    assert found(target) == {}


def test_a_wrong_crc_is_refused_and_what_came_before_is_kept(target):
    archive = bytearray(miniatures.zipped(FILES, zipfile.ZIP_STORED))
    archive[archive.rindex(b"three")] ^= 1
    with pytest.raises(ArchiveError, match=r"some.zip: its member '3.txt' is damaged \(Bad CRC"):
        from_zip(bytes(archive), target)
    assert found(target) == {k: v for k, v in PLAIN.items() if k != "3.txt"}


def test_duplicates_are_refused(target):
    twice = tar_of((tarfile.TarInfo("./a"), b"1"), (tarfile.TarInfo("a"), b"2"))
    with pytest.raises(ArchiveError, match="two members 'a'"):
        from_tar(twice, target)
    assert found(target) == {"a": b"1"}


def test_names_that_differ_in_case_are_two_files_where_the_disk_says_so(target):
    files = {"id_A.wav": b"1", "id_a.wav": b"2"}
    assert from_zip(miniatures.zipped(files), target) == files


def test_names_that_differ_in_case_are_refused_where_the_disk_ignores_it(target):
    """A hard link stands in for a disk that answers to both names with one file."""
    (target.root / "id_A.wav").write_bytes(b"1")
    os.link(target.root / "id_A.wav", target.root / "id_a.wav")
    with pytest.raises(ArchiveError, match="differ in case, which this disk ignores"):
        from_zip(miniatures.zipped({"id_A.wav": b"1", "id_a.wav": b"2"}), target)


def test_encrypted_members_are_refused(target):
    archive = bytearray(miniatures.zipped({"a": b"1"}))
    archive[archive.rindex(b"PK\1\2") + 8] |= 1
    with pytest.raises(ArchiveError, match="encrypted"):
        from_zip(bytes(archive), target)


def test_what_is_there_is_not_read_again_and_what_is_damaged_is_mended(target):
    """Members with the right size and CRC need no data of the archive: it may be gone."""
    archive = miniatures.zipped(PLAIN, zipfile.ZIP_STORED)
    from_zip(archive, target)
    gone = bytearray(archive)
    gone[: archive.rindex(b"PK\1\2") - 200] = bytes(archive.rindex(b"PK\1\2") - 200)
    again = Target("some.zip", target.root, target.scratch)
    assert from_zip(bytes(gone), again) == PLAIN
    (target.root / "3.txt").write_bytes(b"threX")
    assert from_zip(archive, Target("some.zip", target.root, target.scratch)) == PLAIN


@pytest.mark.parametrize("cut", [10, 200, -9, -1])
def test_a_truncated_tar_is_refused(target, cut):
    archive = miniatures.tar_gz({"a": bytes(range(256)) * 20, "b": b"2"})
    with pytest.raises(ArchiveError, match="it is damaged"):
        from_tar(archive[:cut], target)


def test_a_tar_whose_checksum_is_wrong_is_refused(target):
    archive = bytearray(miniatures.tar_gz(PLAIN))
    archive[-8] ^= 1  # the CRC of the gzip format, behind all members
    with pytest.raises(ArchiveError, match="it is damaged"):
        from_tar(bytes(archive), target)


@pytest.mark.parametrize(
    "content", [b"", b"<html>", gzip.compress(b"<html>" * 200)], ids=["nothing", "page", "gzip"]
)
def test_what_is_no_archive_is_refused(target, content):
    with pytest.raises(ArchiveError, match="it is damaged"):
        from_tar(content, target)


def test_folders_beside_the_published_ones_are_refused(tmp_path):
    target = Target("test_set", tmp_path / "root", tmp_path / "growing", ("yes", "no"))
    twelve = {"yes/1.wav": b"1", "_unknown_/2.wav": b"2"}
    with pytest.raises(ArchiveError, match="'_unknown_' is not in the published corpus of 2 fold"):
        from_tar(miniatures.tar_gz(twelve), target)
