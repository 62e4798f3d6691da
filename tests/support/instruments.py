"""A hand-built network whose filters are known band-passes, and clips of known tones."""

import numpy as np
import torch

from sonify.data.clips import Clips
from sonify.models.architecture import Architecture, Layout
from sonify.models.checkpoint import ModelCard, build
from sonify.models.heads import SoundModel

RATE_HZ, KERNEL = 8_000, 101
TONES_HZ = (500, 1_100, 1_900, 3_100)
SHAPE = Architecture(layout=Layout((4, 4), (KERNEL, 1), (2, 1)))


def card(**facts) -> ModelCard:
    known = {"run": "bands", "seed": 0, "dataset": "fsd50k", "regime": "supervised"}
    known |= {"finetune": "none", "architecture": SHAPE, "architecture_name": "CNN12"}
    classes = tuple(f"class {c}" for c in range(len(TONES_HZ)))
    return ModelCard(**{**known, "head": "classifier", "outputs": 4, "classes": classes, **facts})


def band_passes() -> SoundModel:
    """Filter k of both layers passes the k-th tone alone: windowed cosines, then the identity."""
    model = build(card()).eval()
    time = (np.arange(KERNEL) - KERNEL // 2) / RATE_HZ
    kernels = np.cos(2 * np.pi * np.outer(TONES_HZ, time)) * np.hanning(KERNEL)
    with torch.no_grad():
        trunk = model.encoder.trunk
        trunk.conv1.weight.copy_(torch.from_numpy(kernels / KERNEL)[:, None])
        trunk.conv2.weight.copy_(torch.eye(len(TONES_HZ))[..., None])
    return model


def tones(n_clips: int = 6, n_samples: int = 8_000) -> tuple[Clips, np.ndarray]:
    """Clips of all four tones, one louder than the others, and their stems, (clip, tone, time).

    Each tone sounds in a stretch of its own and, softer, throughout.
    """
    rng = np.random.default_rng(7)
    time = np.arange(n_samples) / RATE_HZ
    stems = np.empty((n_clips, len(TONES_HZ), n_samples))
    for clip in range(n_clips):
        for tone, hertz in enumerate(TONES_HZ):
            level = 0.4 if tone == clip % len(TONES_HZ) else 0.1
            envelope = np.full(n_samples, 0.5)
            start = tone * n_samples // len(TONES_HZ)
            envelope[start : start + n_samples // len(TONES_HZ)] = 1.0
            phase = rng.uniform(0, 2 * np.pi)
            stems[clip, tone] = level * envelope * np.sin(2 * np.pi * hertz * time + phase)
    mixed = np.rint(stems.sum(axis=1) * 32767).astype(np.int16)
    lengths = np.full(n_clips, n_samples, np.int64)
    clips = Clips(
        dataset="fsd50k",
        ids=[f"clip{i}" for i in range(n_clips)],
        splits=["eval"] * n_clips,
        classes=list(card().classes),
        targets=np.eye(4, dtype=np.uint8)[np.arange(n_clips) % 4],
        lengths=lengths,
        offsets=np.cumsum(lengths) - lengths,
        samples=mixed.ravel(),
    )
    return clips, stems
