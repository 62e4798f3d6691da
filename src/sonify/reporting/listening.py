"""Choosing what to listen to, by a rule that favours neither regime, and reading its signals.

For Figures 1 to 3, the results page and the report's cards.
"""

import io
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from operator import and_

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sonify.contracts.audio_format import RATE_HZ
from sonify.data.audio.pcm import DTYPE, decode, encode
from sonify.data.audio.pcm import samples as stored
from sonify.data.mined import centre
from sonify.runtime.errors import SonifyError

RULE = (
    "For each model and layer, the filters with the highest mining scores, in order, each with the "
    "highest-ranked of its top clips that this model has not shown yet. A filter without a new "
    "clip is skipped in favour of the next one; if no other is left, a clip is shown again and "
    "marked as such. Dead filters are left out. Nothing was picked by ear."
)
CREDITS = ("source_url", "uploader", "licence")
_CLIP = ["dataset", "split", "clip_id"]
_SONIFICATION = ["model", "layer", "filter", "rank"]
_REMEDY = "rerun the sonification stage"


def choose(
    top: pd.DataFrame, layers: list[int], per_layer: int, before: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Choose the rows of contract top_activations to show, by model and layer, as RULE says.

    `before` are rows shown already: their filters and clips are not new to their models. In turn,
    each of `layers` contributes one filter: of those left, the one with the highest score on its
    first clip; ties go to the lower index. Rows that repeat a clip come last in their layer. A
    layer with fewer live filters than `per_layer` gives fewer rows, and one that the model lacks
    gives none. Raises SonifyError for per_layer below 1.
    """
    if per_layer < 1:
        raise SonifyError(f"listen.per_layer is {per_layer}: it must be at least 1")
    before = top[:0] if before is None else before
    top = top.reset_index(drop=True)
    alive = top[~top["dead"] & top["layer"].isin(layers)].sort_values("rank", kind="stable")
    rows = []
    for model, own in alive.groupby("model"):
        known = before[before["model"] == model]
        rows += _of_model(own, layers, per_layer, known)
    return top.loc[rows].sort_values(["model", "layer"], kind="stable").reset_index(drop=True)


def _of_model(
    own: pd.DataFrame, layers: list[int], per_layer: int, before: pd.DataFrame
) -> list[int]:
    """Return the index of the rows chosen among one model's live filters, layer by layer."""
    shown = set(zip(*(before[name] for name in _CLIP), strict=True))
    taken = set(zip(before["layer"], before["filter"], strict=True))
    queues = {layer: _by_score(own[own["layer"] == layer], taken) for layer in layers}
    chosen: dict[int, list[int]] = {layer: [] for layer in layers}
    passed: dict[int, list[int]] = {layer: [] for layer in layers}
    for _ in range(per_layer):
        for layer in layers:
            for ranked in queues[layer]:
                clips = list(zip(*(ranked[name] for name in _CLIP), strict=True))
                new = [i for i, clip in enumerate(clips) if clip not in shown]
                if new:
                    shown.add(clips[new[0]])
                    chosen[layer].append(ranked.index[new[0]])
                    break
                passed[layer].append(ranked.index[0])
    return [row for n in layers for row in [*chosen[n], *passed[n]][:per_layer]]


def _by_score(layer: pd.DataFrame, taken: set[tuple[int, int]]) -> Iterator[pd.DataFrame]:
    """Yield the rows of each filter of a layer that is not taken, highest score first."""
    first = layer[layer["rank"] == 1]
    order = first.sort_values(["score", "filter"], ascending=[False, True], kind="stable")
    for row in order.itertuples():
        if (row.layer, row.filter) not in taken:
            yield layer[layer["filter"] == row.filter]


def shown_again(rows: pd.DataFrame) -> pd.Series:
    """Return, for each row, whether a row above shows the same clip for the same model."""
    return rows.duplicated(["model", *_CLIP])


def filters_chosen(chosen: pd.DataFrame) -> pc.Expression:
    """Return an Arrow filter for the chosen rows' sonifications, so that no other is read."""
    wanted = pc.scalar(False)
    for row in chosen[_SONIFICATION].to_dict("records"):
        fields = (pc.field(name) == value for name, value in row.items())
        wanted = wanted | reduce(and_, fields)
    return wanted


def clips_chosen(chosen: pd.DataFrame) -> pc.Expression:
    """Return an Arrow filter for the chosen rows' clips."""
    return pc.field("clip_id").isin(pa.array(sorted(chosen["clip_id"].unique()), pa.string()))


@dataclass(frozen=True)
class Pair:
    """An input x and its sonification s, (time,) floats at 8 kHz in [-1, 1], and their provenance.

    rank is 1 for the clip that excites the filter most; repeated says that the clip is shown above
    already. source_url, uploader and licence credit x, as in contract manifest.
    """

    regime: str
    model: str
    layer: int
    filter: int
    rank: int
    repeated: bool
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
    """Join the chosen rows, in their order, with their signals and credits.

    clips, sonifications and manifest are rows of those contracts, at least those chosen. Raises
    SonifyError if a signal is missing or belongs to another clip.
    """
    chosen = chosen.assign(repeated=shown_again(chosen))
    credits = manifest.set_index(_CLIP)[list(CREDITS)]
    credited = clips.merge(manifest[_CLIP], on=_CLIP)
    return [
        Pair(
            regime=row.regime,
            model=row.model,
            layer=int(row.layer),
            filter=int(row.filter),
            rank=int(row.rank),
            repeated=bool(row.repeated),
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
    """Join the chosen rows, in their order, with their signals.

    Adds labels and samples (input_pcm) of the clip, of its centre where that was mined, and peak
    and samples (pcm) of the sonification. clips and sonifications are rows of those contracts, at
    least those chosen. Raises SonifyError if a signal is missing or belongs to another clip.
    """
    inputs = clips[[*_CLIP, "labels", "pcm"]].rename(columns={"pcm": "input_pcm"})
    outputs = sonifications[[*_SONIFICATION, "clip_id", "peak", "pcm"]]
    outputs = outputs.rename(columns={"clip_id": "of_clip"})
    joined = chosen.merge(inputs, on=_CLIP, how="left")
    joined = joined.merge(outputs, on=_SONIFICATION, how="left")
    for row in joined.itertuples():
        if not isinstance(row.pcm, bytes) or not isinstance(row.input_pcm, bytes):
            raise SonifyError(f"{_name(row)} or clip {row.clip_id} is missing: {_REMEDY}")
        heard = [len(row.pcm), min(len(row.input_pcm), row.n_samples * DTYPE.itemsize)]
        if row.of_clip != row.clip_id or heard != [row.n_samples * DTYPE.itemsize] * 2:
            raise SonifyError(f"{_name(row)} is not of clip {row.clip_id}: {_REMEDY}")
    inputs = zip(joined["input_pcm"], joined["n_samples"], strict=True)
    joined["input_pcm"] = [centre(stored(pcm), n).tobytes() for pcm, n in inputs]
    return joined.drop(columns="of_clip")


def _name(row) -> str:
    return f"the sonification of {row.model}, layer {row.layer}, filter {row.filter}"


def samples(pcm: bytes, peak: float) -> np.ndarray:
    """Decode stored samples, signed 16-bit little-endian, to floats; 32767 stands for `peak`."""
    return decode(pcm, np.float64) * peak


def level(x: np.ndarray, s: np.ndarray) -> float:
    """Return the factor in (0, 1] that keeps x, s and the residual x - s within full scale, 1.

    One factor for the input x, its sonification s and the residual, (time,) each, so that switching
    between them compares like with like.
    """
    return 1 / max(1.0, *(float(np.abs(y).max(initial=0)) for y in (x, s, x - s)))


def wav(x: np.ndarray, rate_hz: int = RATE_HZ) -> bytes:
    """Encode (time,) floats as a mono 16-bit WAV file, which every browser plays.

    Raises SonifyError for samples beyond [-1, 1] (within rounding): nothing is clipped silently.
    """
    if x.size and np.abs(x).max() > 1 + 1e-4:
        raise SonifyError(f"samples reach {np.abs(x).max():.3g}: a WAV file holds [-1, 1]")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(encode(np.clip(x, -1, 1)).tobytes())
    return buffer.getvalue()


def activity(top: pd.DataFrame) -> pd.DataFrame:
    """Count filters, and those that are dead on every mined clip, by model and layer.

    From rows of contract top_activations; returns columns model, layer, filters, dead.
    """
    first = top[top["rank"] == 1].groupby(["model", "layer"])["dead"]
    return first.agg(filters="size", dead="sum").reset_index()
