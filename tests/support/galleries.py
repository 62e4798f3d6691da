"""Tables that a gallery is made of: few filters, short tones, hostile words."""

from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from sonify.contracts import tables

RATE_HZ = 8000
HOSTILE = "<script>document.title = 'broken'</script> \"R&B\" 'n' </script>"
LABELS = [[HOSTILE, "Music"], ["Speech", "Male speech"], ["Bell"], ["Rain"]]
MODELS = {"supervised-s0": "supervised", "contrastive-s0": "contrastive"}
PLACE = {"dataset": "audioset", "split": "eval"}


def model_keys(model: str) -> dict:
    regime = MODELS[model]
    own = {"model": model, "run": regime, "regime": regime, "finetune": "none"}
    return {**PLACE, **own, "architecture": "CNN12", "seed": 0}


def tone(hertz: float, seconds: float, fall: float = 0.0) -> np.ndarray:
    """Samples of a tone that grows fainter by `fall` nepers; 16 bits at full scale."""
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    wave = np.sin(2 * np.pi * hertz * time) * np.exp(-fall * time / seconds)
    return np.rint(32767 * wave / np.abs(wave).max()).astype("<i2")


def write_tables(
    folder: Path, layers: dict[int, int], seconds: float = 0.5, wave: Callable = tone
) -> dict:
    """Write all that a gallery reads: `layers` has the number of filters of each layer.

    `wave(hertz, seconds, fall)` makes the signals.
    The last filter of the deepest layer is dead. Filter f of layer l excites clips f, f + 1 and
    f + 2 (of 4, cyclically), with activation 10 - f. Returns the arguments of `build`.
    """
    clips = pd.DataFrame(
        [
            {
                **PLACE,
                "clip_id": f"clip{i}",
                "labels": labels,
                "n_samples": round(seconds * RATE_HZ),
            }
            | {"source_rate": 8000, "gain": 1.0, "pcm": wave(300 * (i + 1), seconds, 0.0).tobytes()}
            for i, labels in enumerate(LABELS)
        ]
    )
    data = folder / "data"
    for part, rows in enumerate((clips[:2], clips[2:])):
        tables.write(rows, data / f"audioset/eval/part-{part:05d}.parquet", "clips")
    manifest = clips.drop(columns="pcm").assign(
        corpus="audioset", digest="", path="x.wav", source_samples=4000, channels=1,
        part=[f"eval/part-{i // 2:05d}.parquet" for i in range(4)],
        source_url=["https://freesound.org/s/7/", "javascript:alert(1)", "", ""],
        uploader="<b>ann</b>", licence="http://creativecommons.org/licenses/by/4.0/",
    )  # fmt: skip
    tables.write(manifest, data / "audioset/manifest.parquet", "manifest")
    filters = []
    for model in MODELS:
        top, signals = _sonified(model, layers, seconds, wave)
        place = folder / "sonification" / model
        tables.write(top, place / "top_activations.parquet", "top_activations")
        tables.write(signals, place / "sonifications.parquet", "sonifications", row_group_size=20)
        filters.append(_described(top))
    tables.write(pd.concat(filters), folder / "filters.parquet", "filters")
    tables.write(_evolved(seconds), folder / "evolution.parquet", "evolution")
    tables.write(_specificity(layers), folder / "specificity.parquet", "specificity")
    return {
        "sonification": [folder / "sonification" / model for model in MODELS],
        "data": [data / "audioset"],
        "filters": folder / "filters.parquet",
        "evolution": folder / "evolution.parquet",
        "specificity": folder / "specificity.parquet",
        "settings": {"scale": "mini", "setting": "tones", "models": list(MODELS)},
    }


def _takes(layers: dict[int, int]) -> Iterator[tuple[dict, bool]]:
    """Each filter's top clips: layer, filter, rank and clip_id, and whether the filter is dead."""
    for layer, count in layers.items():
        for index, rank in product(range(count), (1, 2, 3)):
            clip = f"clip{(index + rank - 1) % len(LABELS)}"
            dead = layer == max(layers) and index == count - 1
            yield {"clip_id": clip, "layer": layer, "filter": index, "rank": rank}, dead


def _sonified(model: str, layers: dict[int, int], seconds: float, wave: Callable):
    rows = []
    for take, dead in _takes(layers):
        layer, index, rank = take["layer"], take["filter"], take["rank"]
        samples = wave(150 + 7 * index + 10 * layer, seconds, rank)
        rows.append(
            {**model_keys(model), **take, "dead": dead, "frame": 0}
            | {"activation": 0.0 if dead else max(0.1, 10.0 - index) - 0.01 * rank}
            | {"score": 0.0 if dead else max(0.01, 1.0 - 0.1 * index) - 0.001 * rank}
            | {"time_s": 0.1 * rank, "n_samples": len(samples)}
            | {"scale_factor": 0.0 if dead else 1.0, "peak": 0.0 if dead else 0.5}
            | {"pcm": bytes(2 * len(samples)) if dead else samples.tobytes()}
        )
    frame = pd.DataFrame(rows)
    top = frame.drop(columns=["scale_factor", "peak", "pcm"])
    return top, frame.drop(columns=["score", "activation", "frame", "time_s"])


def _specificity(layers: dict[int, int]) -> pd.DataFrame:
    """Of the supervised model alone: responses by rank, 0.9, 0.8, 0.7; of noise 0.4.

    Only clip0 has stems.
    """
    rows = []
    for take, dead in _takes(layers):
        rank, stems = take["rank"], take["clip_id"] == "clip0" and not dead
        for sound, factor in (("clip", 1.0), ("sonification", 1 - rank / 10), ("phase", 0.4)):
            share = 0.625 if sound == "clip" else 0.75
            rows.append(
                {**model_keys("supervised-s0"), **take, "sound": sound, "dead": dead}
                | {"n_filters": layers[take["layer"]], "response": np.nan if dead else factor}
                | {"filter_rank": np.nan if dead else float(rank)}
                | {"best_share": share if stems else np.nan}
            )
    return pd.DataFrame(rows)


def _described(top: pd.DataFrame) -> pd.DataFrame:
    ranked = ["clip_id", "rank", "score", "frame", "time_s", "n_samples"]
    first = top[top["rank"] == 1].drop(columns=ranked)
    known = ~first["dead"].to_numpy()
    measure = np.where(known, first["filter"] / (first["filter"].max() + 1), np.nan)
    main = [LABELS[i % len(LABELS)][0] for i in first["filter"]]
    return first.assign(
        n_clips=40, n_active=np.where(known, 30, 0), label_purity=np.where(known, 1 / 3, 0.0),
        chance_purity=0.4, main_label=main, coherence=measure, flatness=1 - measure,
        centroid_hz=4000 * measure, bandwidth_hz=np.where(known, 100.0, np.nan),
    )  # fmt: skip


def _evolved(seconds: float) -> pd.DataFrame:
    rows = []
    for model in MODELS:
        for inputs in ("fixed", "own"):
            for epoch in (0, 1, 5):
                wave = tone(200 + 40 * epoch, seconds)
                rows.append(
                    {**model_keys(model), "clip_id": "clip1", "inputs": inputs, "layer": 1}
                    | {"filter": 2, "epoch": epoch, "activation": 1.0 * epoch, "dead": epoch == 0}
                    | {
                        "change": np.nan if epoch == 0 else 0.5,
                        "n_samples": len(wave),
                        "flatness": 0.1,
                    }
                    | {"scale_factor": float(epoch > 0), "peak": float(epoch > 0)}
                    | {"pcm": wave.tobytes() if epoch else bytes(2 * len(wave))}
                    | {"labels": list(LABELS[1])}
                    | {"input_pcm": wave.tobytes() if inputs == "fixed" else None}
                )
    return pd.DataFrame(rows)
