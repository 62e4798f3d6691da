"""Ground truth from stems: how well a sonification isolates one of the sources of its clip."""

from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from sonify.contracts.audio_format import RATE_HZ
from sonify.data.audio.decoding import UnusableAudio, decoded
from sonify.data.audio.samples import resampled
from sonify.data.clips import Clips
from sonify.evaluation.measurements.controls import explainers, heard_with_controls
from sonify.evaluation.measurements.scoring import Counter
from sonify.evaluation.metrics.separation import Sources
from sonify.evaluation.stages.stems import SUFFIXES
from sonify.models.checkpoint import ModelCard
from sonify.models.heads import SoundModel
from sonify.runtime.errors import SonifyError
from sonify.sonification.methods import DEFAULT

# The mixture itself, its sonification, and what tells whether that is more than chance.
COMPARED = ("sonification", "random_filter", "phase", "untrained")


@torch.no_grad()
def stems_table(
    model: SoundModel,
    card: ModelCard,
    parts: Iterable[Clips],
    folder: Path,
    *,
    rule: str,
    method: str = DEFAULT,
    precision: str = "exact",
    max_samples: int,
    device: torch.device | str = "cpu",
    progress: Counter | None = None,
) -> pd.DataFrame:
    """Return the stems table of one model on the clips whose stems are in `folder`.

    A clip's stems are the audio files in the folder named after the clip; only clips with at least
    two are measured. The sound called clip is the mixture itself, at every layer. Raises
    SonifyError if no clip has stems, and for stems that differ in length from their clip.
    """
    explainer, fresh = explainers(model, card, method, precision, device)
    rows = []
    for batch in heard_with_controls(
        explainer,
        fresh,
        parts,
        rule=rule,
        max_samples=max_samples,
        device=device,
        progress=progress,
    ):
        sounds = {name: batch.sounds[name].cpu().numpy() for name in COMPARED}
        for at, clip in enumerate(batch.ids):
            stems = read_stems(folder, clip, batch.x.shape[1])
            if stems is None:
                continue
            sources = Sources(stems)
            where = {
                "dataset": batch.clips.dataset,
                "split": batch.clips.splits[batch.indices[at]],
                "clip_id": clip,
                "n_sources": len(stems),
            }
            mixture = sources.separation(batch.x[at].cpu().numpy())._asdict()
            for layer in range(1, explainer.n_layers + 1):
                rows.append({**where, "layer": layer, "sound": "clip", **mixture})
                for name, signals in sounds.items():
                    found = sources.separation(signals[layer - 1, at])._asdict()
                    rows.append({**where, "layer": layer, "sound": name, **found})
    if not rows:
        raise SonifyError(
            f"{folder} has no folder with two stems or more of a clip of the split: name its "
            "folders after the clips"
        )
    table = pd.DataFrame(rows).rename(columns={"share": "best_share"})
    return table.assign(dead=table.pop("best") < 0, **card.keys)


def read_stems(folder: Path, clip_id: str, n_samples: int) -> np.ndarray | None:
    """Return the stems of a clip at 8 kHz, (source, time), in the order of their names.

    None if there are fewer than two. Raises SonifyError naming a file that cannot be read or is
    more than a millisecond longer or shorter than the clip.
    """
    own = folder / clip_id
    files = sorted(f for f in own.iterdir() if f.suffix in SUFFIXES) if own.is_dir() else []
    if len(files) < 2:
        return None
    stems = np.zeros((len(files), n_samples))
    for stem, file in zip(stems, files, strict=True):
        try:
            sound = decoded(BytesIO(file.read_bytes()), max_s=3_600.0)
        except UnusableAudio as error:
            raise SonifyError(f"{file}: {error}: replace it, or remove its folder") from error
        x = resampled(sound.x, sound.rate)
        if abs(len(x) - n_samples) > RATE_HZ // 1_000:
            raise SonifyError(
                f"{file} has {len(x)} samples at 8 kHz, its clip {n_samples}: cut both alike"
            )
        n = min(len(x), n_samples)
        stem[:n] = x[:n]
    return stems
