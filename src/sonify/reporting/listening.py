"""Which filters the results page lets one hear, by a rule that favours neither regime."""

import io
import wave
from dataclasses import dataclass
from functools import reduce
from operator import and_

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sonify.conventions import RATE_HZ

RULE = (
    "For each model and layer, the filters with the highest activation on their first-ranked clip, "
    "each with a different clip; dead filters are left out. Nothing was picked by ear."
)
CREDITS = ("source_url", "uploader", "licence")
_CLIP = ["dataset", "split", "clip_id"]
_SONIFICATION = ["model", "layer", "filter", "rank"]
_REMEDY = "rerun the sonification stage"


def choose(top: pd.DataFrame, layers: list[int], per_layer: int) -> pd.DataFrame:
    """The rows of contract top_activations to be shown, by model, layer, falling activation.

    Per model and layer, the highest rank-1 activations with distinct filters and distinct clips,
    dead ones excluded; ties go to the lower filter. A layer with fewer such filters than
    `per_layer` gives fewer rows, one that the model lacks gives none. Raises ValueError for
    per_layer below 1.
    """
    if per_layer < 1:
        raise ValueError(f"listen.per_layer is {per_layer}: it must be at least 1")
    first = top[(top["rank"] == 1) & ~top["dead"] & top["layer"].isin(layers)]
    order = ["model", "layer", "activation", "filter"]
    first = first.sort_values(order, ascending=[True, True, False, True], kind="stable")
    # Rank 1 names each filter once, so that distinct clips are all that is left to see to.
    distinct = first.drop_duplicates(["model", "layer", "dataset", "split", "clip_id"])
    return distinct.groupby(["model", "layer"]).head(per_layer).reset_index(drop=True)


def filters_chosen(chosen: pd.DataFrame) -> pc.Expression:
    """Arrow filter for the sonifications of the chosen rows, so that no other signal is read."""
    wanted = pc.scalar(False)
    for row in chosen[_SONIFICATION].to_dict("records"):
        fields = (pc.field(name) == value for name, value in row.items())
        wanted = wanted | reduce(and_, fields)
    return wanted


def clips_chosen(chosen: pd.DataFrame) -> pc.Expression:
    """Arrow filter for the clips of the chosen rows."""
    return pc.field("clip_id").isin(pa.array(sorted(chosen["clip_id"].unique()), pa.string()))


def folders(chosen: pd.DataFrame) -> list[str]:
    """Folders of the clips of the chosen rows, below the folder of all data: dataset/split."""
    return sorted(set((chosen["dataset"] + "/" + chosen["split"]).tolist()))


@dataclass(frozen=True)
class Pair:
    """An input x and its sonification s, (time,) floats at 8 kHz in [-1, 1], and their origin.

    source_url, uploader, licence: whom to credit for x, as in contract manifest.
    """

    regime: str
    model: str
    layer: int
    filter: int
    clip_id: str
    labels: tuple[str, ...]
    activation: float
    x: np.ndarray
    s: np.ndarray
    source_url: str
    uploader: str
    licence: str


def pairs(
    chosen: pd.DataFrame, clips: pd.DataFrame, sonifications: pd.DataFrame, manifest: pd.DataFrame
) -> list[Pair]:
    """The chosen rows with their signals and credits, in their order.

    clips, sonifications and manifest are rows of those contracts, at least those chosen. Raises
    ValueError when a signal is missing or is not of the chosen clip.
    """
    credits = manifest.set_index(_CLIP)[list(CREDITS)]
    credited = clips.merge(manifest[_CLIP], on=_CLIP)
    return [
        Pair(
            regime=row.regime,
            model=row.model,
            layer=int(row.layer),
            filter=int(row.filter),
            clip_id=row.clip_id,
            labels=tuple(row.labels),
            activation=float(row.activation),
            x=samples(row.input_pcm, 1.0),
            s=samples(row.pcm, row.peak),
            **credits.loc[(row.dataset, row.split, row.clip_id)],
        )
        for row in with_signals(chosen, credited, sonifications).itertuples()
    ]


def with_signals(
    chosen: pd.DataFrame, clips: pd.DataFrame, sonifications: pd.DataFrame
) -> pd.DataFrame:
    """The chosen rows, in their order, with their signals: labels and samples (input_pcm) of the
    clip, and peak, n_samples and samples (pcm) of the sonification.

    clips and sonifications are rows of those contracts, at least those chosen. Raises ValueError
    when a signal is missing or is not of the chosen clip.
    """
    inputs = clips[[*_CLIP, "labels", "pcm"]].rename(columns={"pcm": "input_pcm"})
    outputs = sonifications[[*_SONIFICATION, "clip_id", "peak", "n_samples", "pcm"]]
    outputs = outputs.rename(columns={"clip_id": "of_clip"})
    found = chosen.merge(inputs, on=_CLIP, how="left")
    found = found.merge(outputs, on=_SONIFICATION, how="left")
    for row in found.itertuples():
        if not isinstance(row.pcm, bytes) or not isinstance(row.input_pcm, bytes):
            raise ValueError(f"{_name(row)} or clip {row.clip_id} is missing: {_REMEDY}")
        if row.of_clip != row.clip_id or len(row.pcm) != len(row.input_pcm):
            raise ValueError(f"{_name(row)} is not of clip {row.clip_id}: {_REMEDY}")
    return found.drop(columns="of_clip")


def _name(row) -> str:
    return f"the sonification of {row.model}, layer {row.layer}, filter {row.filter}"


def samples(pcm: bytes, peak: float) -> np.ndarray:
    """Stored samples as floats: signed 16-bit little-endian, 32767 standing for `peak`."""
    return np.frombuffer(pcm, "<i2") / 32767 * peak


def level(x: np.ndarray, s: np.ndarray) -> float:
    """Factor in (0, 1] for an input x, its sonification s and the residual x - s, (time,) each.

    With it none of the three is louder than full scale, 1. One factor for all of them, so that
    switching between them compares like with like.
    """
    return 1 / max(1.0, *(float(np.abs(y).max(initial=0)) for y in (x, s, x - s)))


def wav(x: np.ndarray, rate_hz: int = RATE_HZ) -> bytes:
    """A mono 16-bit WAV file of (time,) floats, which browsers play everywhere.

    Louder samples are not clamped: beyond [-1, 1], give or take rounding, raises ValueError.
    """
    if x.size and np.abs(x).max() > 1 + 1e-4:
        raise ValueError(f"samples reach {np.abs(x).max():.3g}: a WAV file holds [-1, 1]")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(np.rint(np.clip(x, -1, 1) * 32767).astype("<i2").tobytes())
    return buffer.getvalue()


def activity(top: pd.DataFrame) -> pd.DataFrame:
    """Per model and layer, how many filters it has and how many are dead on every mined clip.

    From rows of contract top_activations; columns model, layer, filters, dead.
    """
    first = top[top["rank"] == 1].groupby(["model", "layer"])["dead"]
    return first.agg(filters="size", dead="sum").reset_index()
