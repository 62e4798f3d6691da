"""Miniatures of the published archives, in their true formats, and the catalogue that lists them.

`tests/data/fsd50k` was written by Info-ZIP 3.0, `zip -r -s 64k FSD50K.dev_audio.zip
FSD50K.dev_audio`, from 16 recordings of noise. `split` cuts archives in the same way at any size.
"""

import hashlib
import io
import json
import shutil
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import soundfile

DEV = Path(__file__).parents[1] / "data" / "fsd50k"
DEV_PARTS = ["FSD50K.dev_audio.z01", "FSD50K.dev_audio.z02", "FSD50K.dev_audio.zip"]
DEV_CLIPS = [str(1000 + i) for i in range(16)]
EVAL_CLIPS = [str(2000 + i) for i in range(6)]
CLASSES = ["Bark", "Rain", "Bell"]
WORDS = ["bed", "no", "yes"]


def wav(rng: np.random.Generator, n_samples: int, rate: int) -> bytes:
    """Noise as the bytes of a 16-bit file."""
    file = io.BytesIO()
    soundfile.write(file, rng.normal(0, 0.1, n_samples), rate, format="WAV", subtype="PCM_16")
    return file.getvalue()


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive of one part."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return out.getvalue()


def split(archive: bytes, part_bytes: int) -> list[bytes]:
    """A zip archive in parts of `part_bytes` (the last is shorter), as `zip -s` writes it.

    The spanning signature stands before everything; entries count from the part they begin on.
    """
    at = archive.rindex(b"PK\5\6")
    _, _, _, n, _, size, start, _ = struct.unpack("<4s4H2LH", archive[at:])
    entries, place = bytearray(archive[start : start + size]), 0
    for _ in range(n):
        lengths = struct.unpack_from("<3H", entries, place + 28)
        disk, offset = divmod(struct.unpack_from("<L", entries, place + 42)[0] + 4, part_bytes)
        struct.pack_into("<H", entries, place + 34, disk)
        struct.pack_into("<L", entries, place + 42, offset)
        place += 46 + sum(lengths)
    start += 4
    end = start + size
    # The end record must not be cut: a part may grow by it, as the last one.
    last, first = end // part_bytes, start // part_bytes
    record = struct.pack("<4s4H2LH", b"PK\5\6", last, first, n, n, size, start % part_bytes, 0)
    whole = b"PK\7\x08" + archive[: start - 4] + bytes(entries)
    parts = [whole[i : i + part_bytes] for i in range(0, last * part_bytes, part_bytes)]
    return [*parts, whole[last * part_bytes :] + record]


def tar_gz(files: dict[str, bytes]) -> bytes:
    """A tar.gz whose names begin with `./` and that has no top folder."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(f"./{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def publish(folder: Path, rng: np.random.Generator, catalogue: Path) -> dict[str, dict[str, str]]:
    """Both datasets as archives in `folder`, and a catalogue that lists them.

    Returns the SHA-256 of each file that was packed, by dataset and name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in DEV_PARTS:
        shutil.copy(DEV / name, folder)
    clips = {f"FSD50K.eval_audio/{c}.wav": wav(rng, 5_000 + int(c), 44_100) for c in EVAL_CLIPS}
    *first, last = split(zipped(clips), 20_000)
    parts = {f"FSD50K.eval_audio.z{i:02d}": part for i, part in enumerate(first, start=1)}
    parts["FSD50K.eval_audio.zip"] = last
    lists = {f"FSD50K.ground_truth/{name}": text for name, text in fsd50k_lists().items()}
    names = ("class_info", "dev_clips_info", "eval_clips_info", "pp_pnp_ratings")
    metadata = {f"FSD50K.metadata/{name}_FSD50K.json": b"{}" for name in names}
    doc = {"FSD50K.doc/README.md": b"FSD50K"}
    speech = speech_commands_files(rng)
    small = {
        "FSD50K.ground_truth.zip": zipped(lists),
        "FSD50K.metadata.zip": zipped(metadata),
        "FSD50K.doc.zip": zipped(doc),
        "speech_commands_v0.02.tar.gz": tar_gz(speech),
    }
    for name, content in (parts | small).items():
        (folder / name).write_bytes(content)
    entries = {
        "fsd50k": [
            entry(folder, DEV_PARTS, ["train", "val"], {"FSD50K.dev_audio/*.wav": 16}),
            entry(folder, list(parts), ["eval"], {"FSD50K.eval_audio/*.wav": 6}),
            entry(
                folder,
                ["FSD50K.ground_truth.zip"],
                counts={"FSD50K.ground_truth/dev.csv": 16, "FSD50K.ground_truth/eval.csv": 6},
            ),
            entry(folder, ["FSD50K.metadata.zip"], counts={"FSD50K.metadata/*.json": 4}),
            entry(folder, ["FSD50K.doc.zip"]),
        ],
        "speech_commands": [
            entry(
                folder,
                ["speech_commands_v0.02.tar.gz"],
                counts={
                    "[!_.]*/*.wav": 18,
                    "validation_list.txt": 3,
                    "testing_list.txt": 3,
                },
                folders=["_background_noise_", *WORDS],
            )
        ],
    }
    catalogue.write_text(toml(entries), encoding="utf-8")
    dev = (line.split() for line in (DEV / "SHA256SUMS").read_text().splitlines())
    return {
        "fsd50k": sha256(clips | lists | metadata | doc) | {name: sha for sha, name in dev},
        "speech_commands": sha256(speech),
    }


def sha256(files: dict[str, bytes]) -> dict[str, str]:
    """Checksums of files by name."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


def entry(folder: Path, names: list[str], splits=(), counts=None, folders=()) -> dict:
    """What the catalogue says about the archive in those files."""
    files = []
    for name in names:
        content = (folder / name).read_bytes()
        md5 = hashlib.md5(content).hexdigest()
        files.append({"name": name, "n_bytes": len(content), "checksum": f"md5:{md5}"})
    known = {"splits": list(splits), "folders": list(folders), "unpacked_bytes": 200_000}
    return known | {"files": files, "counts": counts or {}}


def toml(entries: dict[str, list[dict]]) -> str:
    """The catalogue of those archives; JSON's strings, numbers and lists are TOML's."""
    lines = []
    for dataset, archives in entries.items():
        lines += [f"[{dataset}]", 'url = "http://published.invalid/{name}?download=1"']
        for archive in archives:
            lines.append(f"[[{dataset}.archives]]")
            counts = ", ".join(f"{json.dumps(k)} = {v}" for k, v in archive["counts"].items())
            lines.append(f"counts = {{{counts}}}")
            lines += [
                f"{k} = {json.dumps(archive[k])}" for k in ("splits", "unpacked_bytes", "folders")
            ]
            files = (
                "{" + ", ".join(f"{k} = {json.dumps(v)}" for k, v in file.items()) + "}"
                for file in archive["files"]
            )
            lines.append(f"files = [{', '.join(files)}]")
    return "\n".join(lines)


def fsd50k_lists() -> dict[str, bytes]:
    """Ground truth of the miniature: 12 clips train, 4 validate, 6 evaluate."""
    labels = [f"{CLASSES[i % 3]},/m/0{i % 3}" for i in range(16)]
    dev, evaluation = ["fname,labels,mids,split"], ["fname,labels,mids"]
    for i, clip in enumerate(DEV_CLIPS):
        dev.append(f"{clip},{labels[i]},{'train' if i < 12 else 'val'}")
    evaluation += [f"{clip},{labels[i]}" for i, clip in enumerate(EVAL_CLIPS)]
    classes = [f"{i},{labels[i]}" for i in range(3)]
    lists = {"dev.csv": dev, "eval.csv": evaluation, "vocabulary.csv": classes}
    return {name: ("\n".join(lines) + "\n").encode() for name, lines in lists.items()}


def speech_commands_files(rng: np.random.Generator) -> dict[str, bytes]:
    """Three words of six takes, one each held out for validation and testing."""
    files = {f"{w}/{i:08x}_nohash_0.wav": wav(rng, 16_000, 16_000) for w in WORDS for i in range(6)}
    files["_background_noise_/running_tap.wav"] = wav(rng, 40_000, 16_000)
    for i, name in enumerate(("validation_list.txt", "testing_list.txt")):
        files[name] = "".join(f"{word}/{i:08x}_nohash_0.wav\n" for word in WORDS).encode()
    return files | {"README.md": b"35 words", "LICENSE": b"CC BY 4.0"}
