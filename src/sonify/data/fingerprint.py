"""Fingerprints of a prepared corpus, one word per split: for telling copies of it apart."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow.parquet as pq

from sonify.contracts import tables


def fingerprint(clips: Iterable[tuple[str, str, Sequence[str]]]) -> str:
    """Return 16 digits that stand for clips, given as (clip_id, digest of samples, labels).

    The order of clips and of labels, file names and parts do not matter: two laboratories have
    the same fingerprint if, and only if, they used the same sounds with the same labels.
    """
    digest = hashlib.sha256()
    for clip_id, samples, labels in sorted((i, d, sorted(own)) for i, d, own in clips):
        digest.update("\0".join([clip_id, samples, *labels, "\n"]).encode())
    return digest.hexdigest()[:16]


def fingerprints(manifest: Path) -> dict[str, dict[str, int | str]]:
    """Number of clips and fingerprint of every split in a manifest, in its order.

    Raises SonifyError naming the file if it is damaged.
    """
    columns = ["split", "clip_id", "digest", "labels"]
    with tables.damage_named(manifest):
        table = pq.read_table(
            manifest, columns=columns, partitioning=None, page_checksum_verification=True
        )
    clips: dict[str, list[tuple[str, str, Sequence[str]]]] = {}
    for split, *clip in zip(*(table[name].to_pylist() for name in columns), strict=True):
        clips.setdefault(split, []).append((clip[0], clip[1], clip[2]))
    return {
        split: {"clips": len(rows), "fingerprint": fingerprint(rows)}
        for split, rows in clips.items()
    }
