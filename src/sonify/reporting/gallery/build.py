"""Building the gallery: a folder with a page on which every filter can be seen and heard.

Signals are processed one filter at a time, so that memory is bounded whatever the model's size.
"""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd

from sonify.contracts.audio_format import RATE_HZ
from sonify.paper.labels import clips_label, scale_label
from sonify.reporting.gallery import chunks, inputs, pictures
from sonify.reporting.listening import CREDITS, samples
from sonify.reporting.spectrogram import RANGE_DB
from sonify.runtime.errors import SonifyError
from sonify.runtime.folders import whole_folder
from sonify.runtime.prefetch import in_order

STATIC = Path(__file__).resolve().parent / "static"
MEASURES = ["activation", "label_purity", "coherence", "flatness", "centroid_hz", "bandwidth_hz"]


def build(
    sonification: Sequence[Path],
    data: Sequence[Path],
    filters: Path,
    evolution: Path,
    settings: dict,
    out: Path,
    threads: int = 1,
    specificity: Path | None = None,
) -> None:
    """Write the gallery into folder `out`; its index.html opens from a disk or any web host.

    `sonification` are the folders of the models, `data` those of prepared corpora, `filters`
    and `evolution` are the tables of these names, as is `specificity`, if that has been measured:
    then each take says how far it excites its filter. settings: scale (mini or paper), setting (the
    sounds and networks behind it, in words), models (names, in the order shown), and audio, the
    codec of sonifications (flac, the default, or opus; inputs are always flac). Raises SonifyError
    for tables that do not belong together.
    """
    models = inputs.models(sonification, filters, settings["models"], specificity)
    evolved = inputs.evolved(evolution)
    clips = inputs.clips_used([*(model.top for model in models), evolved], data)
    with whole_folder(out) as folder:
        writer = _Writer(folder / "data", clips, settings.get("audio", "flac"), threads)
        shutil.copytree(STATIC, folder, dirs_exist_ok=True)
        writer.write_clips(inputs.sounds(data, clips))
        catalogue = {
            "scale": scale_label(settings["scale"], settings["setting"]),
            "rate": RATE_HZ,
            "range": RANGE_DB,
            "audio": writer.codec,
            "palette": pictures.PALETTE.tobytes().hex(),
            "sheet": [pictures.COLUMNS, pictures.PER_SHEET],
            "labels": list(writer.labels),
            "models": [writer.write_model(model) for model in models],
            "evolution": writer.write_evolution(evolution, evolved),
        }
        chunks.write(writer.folder, "catalogue", catalogue)


@dataclass(frozen=True)
class _Writer:
    """Writes the data of a gallery into `folder`, a file for each thing that the page loads."""

    folder: Path
    clips: dict[inputs.Key, dict]
    codec: str
    threads: int

    @cached_property
    def labels(self) -> dict[str, int]:
        """All labels in order, with their positions."""
        labels = sorted({label for clip in self.clips.values() for label in clip["labels"]})
        return {label: i for i, label in enumerate(labels)}

    def write_clips(self, sounds: Iterable[tuple[inputs.Key, bytes]]) -> None:
        """Write each input once, however many filters share it."""

        def one(sound: tuple[inputs.Key, bytes]) -> None:
            (dataset, split, clip_id), pcm = sound
            clip = self._clip(sound[0], len(pcm) // 2)
            about = {
                "id": clip_id,
                "set": clips_label(dataset, split),
                "labels": list(clip["labels"]),
                "samples": len(pcm) // 2,
                "sound": chunks.sound(pcm, "flac"),
                **{name: clip[name] for name in CREDITS},
            }
            chunks.write(self.folder, f"clips/{clip['number']}", about)

        for _ in in_order(one, sounds, self.threads):
            pass

    def write_model(self, model: inputs.Model) -> dict:
        """Write a model, layer by layer, and return its entry in the catalogue."""
        first = model.top.iloc[0]
        layers, place = [], f"models/{model.name}"
        grouped = model.top.groupby(["layer", "filter"])
        top = {key: rows.to_dict("records") for key, rows in grouped}

        def one(signal: tuple[tuple, list[dict]]) -> tuple[tuple, np.ndarray]:
            key, rows = signal
            if [_take(row) for row in rows] != [_take(row) for row in top.get(key, [])]:
                raise SonifyError(
                    f"{model.sonifications}: layer {key[0]}, filter {key[1]} is not of the clips "
                    "in top_activations beside it: sonify again"
                )
            signals = [self._signal(row) for row in rows]
            chunks.write(self.folder, f"{place}/{key[0]}/{key[1]}", signals)
            return key, _tile(rows[0])

        stored = inputs.signals(model.sonifications, "sonifications", ["layer", "filter"])
        made = in_order(one, stored, self.threads)
        for layer, filters in groupby(made, lambda one: one[0][0]):
            keys, tiles = zip(*filters, strict=True)
            table = model.filters.loc[list(keys)]
            chunks.write(
                self.folder, f"{place}/layer-{layer}", self._table(table, top, model.alone)
            )
            pictures.write_sheets(list(tiles), self.folder / place, f"layer-{layer}")
            layers.append([layer, len(table), int(table["dead"].sum())])
        if sum(filters for _, filters, _ in layers) != len(top):
            raise SonifyError(
                f"{model.sonifications}: it lacks filters of top_activations beside it: sonify "
                "again"
            )
        return {"name": model.name, "regime": first["regime"], "layers": layers}

    def write_evolution(self, file: Path, evolved: pd.DataFrame) -> list[dict]:
        """Write the evolution of each filter in the table and return their catalogue entries."""
        regimes = evolved.groupby(inputs.EVOLVED, sort=True)["regime"].first().to_dict()
        numbers = {key: number for number, key in enumerate(regimes)}

        def one(signal: tuple[tuple, list[dict]]) -> None:
            key, rows = signal
            place = f"evolution/{numbers[key]}"
            chunks.write(self.folder, place, [self._step(row) for row in rows])
            pictures.write_sheets([_tile(row) for row in rows], self.folder, place)

        for _ in in_order(one, inputs.signals(file, "evolution", inputs.EVOLVED), self.threads):
            pass
        names = (dict(zip(inputs.EVOLVED, key, strict=True)) for key in regimes)
        return [name | {"regime": regimes[key]} for key, name in zip(regimes, names, strict=True)]

    def _clip(self, key: inputs.Key, n_samples: int) -> dict:
        """Return the clip; as much of it was mined as its signals have, for the residual."""
        clip = self.clips[key]
        if clip["n_samples"] != n_samples:
            raise SonifyError(
                f"a signal of clip {'/'.join(key)} has {n_samples} samples, of which "
                f"{clip['n_samples']} were mined: rerun preparation and sonification"
            )
        return clip

    def _signal(self, row: dict) -> list | None:
        """Return a sonification as sound and peak, or None for silence, which is not stored."""
        self._clip(inputs.key_of(row), row["n_samples"])
        return [chunks.sound(row["pcm"], self.codec), row["peak"]] if row["peak"] else None

    def _step(self, row: dict) -> dict:
        """Return a checkpoint of an evolution."""
        return {
            "epoch": row["epoch"],
            "clip": self.clips[inputs.key_of(row)]["number"],
            "activation": chunks.number(row["activation"]),
            "change": None if row["change"] is None else chunks.number(row["change"]),
            "signal": self._signal(row),
        }

    def _table(
        self,
        filters: pd.DataFrame,
        top: dict[tuple, list[dict]],
        alone: Mapping[tuple, Mapping[str, dict]],
    ) -> dict:
        """Return a layer's filters in columns; a take: clip, labels, activation, s, dead, alone."""

        def take(row: dict) -> list:
            clip = self.clips[inputs.key_of(row)]
            own = [self.labels[label] for label in clip["labels"]]
            values = [chunks.number(row["activation"]), chunks.number(row["time_s"]), row["dead"]]
            heard = alone.get((row["layer"], row["filter"], row["rank"]))
            return [clip["number"], own, *values, _alone(heard) if heard else None]

        return {
            "filter": [int(index) for _, index in filters.index],
            "dead": filters["dead"].tolist(),
            "main": filters["main_label"].tolist(),
            "active": filters["n_active"].tolist(),
            "clips": filters["n_clips"].tolist(),
            **{name: [chunks.number(value) for value in filters[name]] for name in MEASURES},
            "top": [[take(row) for row in top[key]] for key in filters.index],
        }


def _take(row: dict) -> tuple:
    return row["rank"], *inputs.key_of(row)


def _alone(heard: Mapping[str, dict]) -> list:
    """Return what a filter makes of its sonification and of noise like it: of both, activity
    relative to that on the clip, and rank; number of filters; share of the best source in the
    sonification and in the clip.
    """
    both = [heard[name] for name in ("sonification", "phase")]
    measures = [row[name] for row in both for name in ("response", "filter_rank")]
    shares = [heard[name]["best_share"] for name in ("sonification", "clip")]
    return [chunks.number(value) for value in [*measures, both[0]["n_filters"], *shares]]


def _tile(row: dict) -> np.ndarray:
    return pictures.tile(samples(row["pcm"], row["peak"]))
