"""Trains M5, or another network, on synthesised words in the layout of Speech Commands."""

import io

import numpy as np
import soundfile
import torch
import torch.nn.functional as F
from m5 import M5

from sonify.data.audio.samples import resampled
from sonify.data.synthesis.corpora import raw_corpus
from sonify.data.synthesis.words import WORDS
from sonify.runtime.seeds import seed_for


def trained(
    x: torch.Tensor,
    y: torch.Tensor,
    held_out: torch.Tensor,
    epochs: int,
    model: torch.nn.Module | None = None,
) -> tuple[torch.nn.Module, float]:
    """The model (M5) after `epochs`, in evaluation mode, and its accuracy on what is held out."""
    torch.manual_seed(seed_for("m5"))
    model = (M5(len(WORDS)) if model is None else model).train()
    mine = torch.where(~held_out)[0]
    batches = -(-len(mine) // 32)
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-2, epochs * batches)
    for _ in range(epochs):
        for batch in mine[torch.randperm(len(mine))].split(32):
            shifts = torch.randint(-400, 401, (len(batch),)).tolist()  # up to 50 ms
            moved = torch.stack([x[i].roll(n, -1) for i, n in zip(batch, shifts, strict=True)])
            optimiser.zero_grad()
            F.cross_entropy(model(moved), y[batch]).backward()
            optimiser.step()
            schedule.step()
    model.eval()
    with torch.no_grad():
        right = model(x[held_out]).argmax(-1) == y[held_out]
    return model, float(right.float().mean())


def words(takes_per_word: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Waveforms (clip, 1, 8000) at 8 kHz and unit peak, words (clip,), and which of them to hold
    out: those of speakers that are not for training."""
    held = max(1, takes_per_word // 10)
    takes = {"train": takes_per_word - 3 * held, "val": held, "test": 2 * held}
    settings = {"seed": 0, "words": len(WORDS), "takes_per_word": takes}
    files = dict(raw_corpus("speech_commands", settings, seed=0))
    testing = set((files["testing_list.txt"] + files["validation_list.txt"]).decode().split())
    names = [n for n in files if n.endswith(".wav") and not n.startswith("_")]
    x = np.zeros((len(names), 1, 8_000), np.float32)
    for clip, name in zip(x, names, strict=True):
        signal = resampled(*soundfile.read(io.BytesIO(files[name])))
        clip[0, : len(signal)] = signal / np.abs(signal).max()
    labels = [list(WORDS).index(n.split("/")[0]) for n in names]
    held_out = [n in testing for n in names]
    return torch.from_numpy(x), torch.tensor(labels), torch.tensor(held_out)
