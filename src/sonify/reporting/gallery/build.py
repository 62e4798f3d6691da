"""The gallery: a folder with a page that lets one see and hear every filter, made from the tables.

Signals pass through one filter at a time, so that memory is bounded whatever the model's size.
"""

import shutil
from collections.abc import Sequence
from functools import partial
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd

from sonify.conventions import RATE_HZ
from sonify.data.threads import in_order
from sonify.reporting.gallery import chunks, inputs, pictures
from sonify.reporting.labels import clips_label, scale_label
from sonify.reporting.listening import CREDITS, samples
from sonify.reporting.spectrogram import RANGE_DB

STATIC = Path(__file__).resolve().parent / "static"
MEASURES = ["activation", "label_purity", "coherence", "flatness", "centroid_hz", "bandwidth_hz"]


def build(
    sonification: Sequence[Path],
    data: Path,
    filters: Path,
    evolution: Path,
    settings: dict,
    out: Path,
    threads: int = 1,
) -> None:
    """Write the gallery into folder `out`; index.html opens from a disk or any web host.

    `sonification` are the folders of the models, `data` that of all prepared clips, `filters` and
    `evolution` the tables of these names. settings: scale (mini or paper), setting (what stands
    behind it, in words), models (names, in the order shown), and audio, the codec of sonifications
    (flac unless it says opus; inputs are always flac). Raises ValueError in one sentence for tables
    that do not fit together.
    """
    codec = settings.get("audio", "flac")
    models = inputs.models(sonification, filters, settings["models"])
    evolved = inputs.evolved(evolution)
    clips = inputs.clips_used([*(model.top for model in models), evolved], data)
    labels = sorted({label for own in clips["labels"] for label in own})
    shutil.rmtree(out / "data", ignore_errors=True)  # of an earlier gallery
    shutil.copytree(STATIC, out, dirs_exist_ok=True)
    work = partial(in_order, workers=threads)
    for _ in work(partial(_write_clip, out / "data", clips), inputs.sounds(data, clips)):
        pass
    catalogue = {
        "scale": scale_label(settings["scale"], settings["setting"]),
        "rate": RATE_HZ,
        "range": RANGE_DB,
        "audio": codec,
        "palette": pictures.PALETTE.tobytes().hex(),
        "tile": [pictures.TILE_WIDTH, pictures.TILE_HEIGHT, pictures.COLUMNS],
        "labels": labels,
        "models": [_write_model(out / "data", model, clips, labels, codec, work) for model in models],
        "evolution": _write_evolution(out / "data", evolution, evolved, clips, codec, work),
    }
    chunks.write(out / "data", "catalogue", catalogue)


def _write_clip(folder: Path, clips: pd.DataFrame, sound: tuple[tuple, bytes]) -> None:
    key, pcm = sound
    clip = clips.loc[key]
    about = {
        "id": key[2],
        "set": clips_label(key[0], key[1]),
        "labels": list(clip["labels"]),
        "samples": _samples_of(key, len(pcm) // 2, clips),
        "sound": chunks.sound(pcm, "flac"),
        **{name: clip[name] for name in CREDITS},
    }
    chunks.write(folder, f"clips/{clip['number']}", about)


def _write_model(folder, model, clips, labels, codec, work) -> dict:
    """Write all of a model, a layer after the other; what the catalogue says of it."""
    first = model.top.iloc[0]
    layers, place = [], f"models/{model.name}"
    ranks = {key: rows.to_dict("records") for key, rows in model.top.groupby(["layer", "filter"])}
    signals = inputs.signals(model.sonifications, "sonifications", ["layer", "filter"])
    made = work(partial(_write_filter, folder, place, ranks, clips, codec), signals)
    for layer, filters in groupby(made, lambda one: one[0][0]):
        keys, tiles = zip(*filters, strict=True)
        table = model.filters.loc[list(keys)]
        chunks.write(folder, f"{place}/layer-{layer}", _table(table, ranks, clips, labels))
        pictures.write_sheet(list(tiles), folder / place / f"layer-{layer}.webp")
        layers.append([layer, len(table), int(table["dead"].sum())])
    if sum(filters for _, filters, _ in layers) != len(ranks):
        raise ValueError(
            f"{model.sonifications}: it lacks filters of top_activations beside it: sonify again"
        )
    return {
        "name": model.name,
        "regime": first["regime"],
        "set": clips_label(first["dataset"], first["split"]),
        "layers": layers,
    }


def _write_filter(folder, place, ranks, clips, codec, signal) -> tuple[tuple, np.ndarray]:
    """Write the sonifications of one filter; its key and its tile, of the first clip."""
    key, rows = signal
    expected = [(one["rank"], one["clip_id"]) for one in ranks.get(key, [])]
    if [(row["rank"], row["clip_id"]) for row in rows] != expected:
        raise ValueError(
            f"{place}, layer {key[0]}, filter {key[1]}: sonifications and top_activations are not "
            "of the same clips: sonify again"
        )
    chunks.write(folder, f"{place}/{key[0]}/{key[1]}", [_signal(row, clips, codec) for row in rows])
    return key, _tile(rows[0])


def _signal(row: dict, clips: pd.DataFrame, codec: str) -> list | None:
    """A sonification for the page: sound and peak; None for silence, which is not stored."""
    _samples_of(tuple(row[name] for name in inputs.CLIP), row["n_samples"], clips)
    return None if row["dead"] else [chunks.sound(row["pcm"], codec), row["peak"]]


def _tile(row: dict) -> np.ndarray:
    return pictures.tile(None if row["dead"] else samples(row["pcm"], row["peak"]))


def _samples_of(key: tuple, n_samples: int, clips: pd.DataFrame) -> int:
    """`n_samples`, if it is the length of the clip: a residual needs both alike."""
    if clips.loc[key, "n_samples"] != n_samples:
        raise ValueError(
            f"a signal of clip {'/'.join(key)} has {n_samples} samples, the manifest says "
            f"{clips.loc[key, 'n_samples']:.0f}: rerun preparation and sonification"
        )
    return n_samples


def _table(filters: pd.DataFrame, ranks: dict, clips: pd.DataFrame, labels: list[str]) -> dict:
    """A layer's filters in columns; of each rank: clip, labels, activation, time in s, dead."""
    position = {label: i for i, label in enumerate(labels)}
    measures = {name: [chunks.number(value) for value in filters[name]] for name in MEASURES}

    def shown(one: dict) -> list:
        clip = clips.loc[tuple(one[name] for name in inputs.CLIP)]
        own = [position[label] for label in clip["labels"]]
        seconds = chunks.number(one["time_s"])
        return [int(clip["number"]), own, chunks.number(one["activation"]), seconds, one["dead"]]

    return {
        "filter": [int(index) for _, index in filters.index],
        "dead": filters["dead"].tolist(),
        "main": filters["main_label"].tolist(),
        "active": filters["n_active"].tolist(),
        "clips": filters["n_clips"].tolist(),
        **measures,
        "top": [[shown(one) for one in ranks[key]] for key in filters.index],
    }


def _write_evolution(folder, file, evolved, clips, codec, work) -> list[dict]:
    """Write the evolution of each filter in the table; what the catalogue says of them."""
    keys = list(evolved.groupby(inputs.EVOLVED, sort=True)["regime"].first().items())
    numbers = {key: number for number, (key, _) in enumerate(keys)}

    def one(signal: tuple[tuple, list[dict]]) -> None:
        key, rows = signal
        place = f"evolution/{numbers[key]}"
        chunks.write(folder, place, [_step(row, clips, codec) for row in rows])
        pictures.write_sheet([_tile(row) for row in rows], folder / f"{place}.webp")

    for _ in work(one, inputs.signals(file, "evolution", inputs.EVOLVED)):
        pass
    return [dict(zip(inputs.EVOLVED, key, strict=True), regime=regime) for key, regime in keys]


def _step(row: dict, clips: pd.DataFrame, codec: str) -> dict:
    key = tuple(row[name] for name in inputs.CLIP)
    return {
        "epoch": row["epoch"],
        "clip": int(clips.loc[key, "number"]),
        "activation": chunks.number(row["activation"]),
        "change": None if row["change"] is None else chunks.number(row["change"]),
        "signal": _signal(row, clips, codec),
    }
