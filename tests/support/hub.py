"""A miniature of the pinned Hugging Face repository, and of the published segment lists."""

import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile

REVISION = "0c609e8302cf139307f639c57652032af0a88041"
REPOSITORY = "agkphysics/AudioSet"
SCHEMA = pa.schema(
    {
        "video_id": pa.string(),
        "audio": pa.struct({"bytes": pa.binary(), "path": pa.string()}),
        "labels": pa.list_(pa.string()),
        "human_labels": pa.list_(pa.string()),
    }
)
FOLDERS = {"balanced_train": "bal_train", "unbalanced_train": "unbal_train", "eval": "eval"}
MIDS = {"/m/09x0r": "Speech", "/m/07pbtc8": "Walk, footsteps", "/m/0bt9lr": "Dog"}


def catalogue(real: Path, folder: Path) -> Path:
    """The catalogue with as many classes as there are here, in `folder`."""
    text = real.read_text()
    assert "classes = 527" in text
    file = folder / "catalogue.toml"
    file.write_text(text.replace("classes = 527", f"classes = {len(MIDS)}"))
    return file


def flac(seed: int, rate: int = 48000, seconds: float = 0.1, channels: int = 2) -> bytes:
    """Noise as the repository has it: 24-bit FLAC, by default stereo at 48 kHz."""
    shape = (round(rate * seconds), channels)
    x = np.random.default_rng(seed).normal(0, 0.1, shape).clip(-0.9, 0.9)
    file = io.BytesIO()
    soundfile.write(file, x, rate, format="FLAC", subtype="PCM_24")
    return file.getvalue()


def shard(rows: list[tuple[str | None, bytes | None]], **options) -> bytes:
    """A Parquet file in the repository's schema."""
    table = pa.Table.from_pylist(
        [
            {
                "video_id": clip_id,
                "audio": {"bytes": audio, "path": f"{clip_id}.flac"},
                "labels": ["/m/09x0r"],
                "human_labels": ["Speech"],
            }
            for clip_id, audio in rows
        ],
        schema=SCHEMA,
    )
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


def name(split: str, number: int) -> str:
    """Path of a shard on the server."""
    return f"datasets/{REPOSITORY}/resolve/{REVISION}/data/{FOLDERS[split]}/{number:02d}.parquet"


def tree(split: str) -> str:
    """Path of the list of a split's shards on the server."""
    return f"api/datasets/{REPOSITORY}/tree/{REVISION}/data/{FOLDERS[split]}"


def publish(folder: Path, split: str, shards: list[bytes]) -> None:
    """Write shards, and the list of them, below what a server serves."""
    entries = [{"type": "file", "oid": "1a2b", "size": 7, "path": f"data/{FOLDERS[split]}/.x"}]
    for number, content in enumerate(shards):
        file = folder / name(split, number)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        lfs = {"oid": digest, "size": len(content), "pointerSize": 134}
        path = f"data/{FOLDERS[split]}/{number:02d}.parquet"
        entries.append(
            {"type": "file", "oid": "00", "size": len(content), "lfs": lfs, "path": path}
        )
    file = folder / tree(split)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(entries))


def publish_lists(folder: Path, ids: dict[str, list[str]]) -> None:
    """Write the class list, and a segment list a split whose labels go round."""
    folder.mkdir(parents=True, exist_ok=True)
    classes = [f'{i},{mid},"{label}"' for i, (mid, label) in enumerate(MIDS.items())]
    lines = ["index,mid,display_name", *classes]
    (folder / "class_labels_indices.csv").write_text("\n".join(lines) + "\n")
    mids = list(MIDS)
    for split, found in ids.items():
        rows = [
            f'{clip_id}, 30.000, 40.000, "{mids[i % 3]},{mids[(i + 1) % 3]}"'
            for i, clip_id in enumerate(found)
        ]
        head = [
            "# Segments csv created Sun Mar  5 10:54:31 2017",
            f"# num_ytids={len(rows)}, num_segs={len(rows)}, num_unique_labels=3, "
            f"num_positive_labels={2 * len(rows)}",
            "# YTID, start_seconds, end_seconds, positive_labels",
        ]
        (folder / f"{split}_segments.csv").write_text("\n".join([*head, *rows]) + "\n")
