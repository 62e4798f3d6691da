"""Validation after every epoch, on which the best state of a training is selected."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from sonify.data.audio import pcm
from sonify.data.stored import StoredClips
from sonify.runtime.errors import SonifyError
from sonify.runtime.seeds import generator

# Of targets and logits, (clip, class); higher is better.
Score = Callable[[np.ndarray, np.ndarray], float]


@dataclass(frozen=True, eq=False)
class Validation:
    """Clips that are not trained on, and how a model is scored on them.

    chosen: (clip,) positions in `clips`; samples: of the crop from the centre of each clip, those
    shorter repeated to length.
    """

    clips: StoredClips
    chosen: np.ndarray
    samples: int
    score: Score

    @torch.no_grad()
    def __call__(self, model: nn.Module, device: torch.device | str) -> float:
        """Score `model`, in evaluation mode and float32; it is left in the mode that it was in."""
        training = model.training
        model.eval()
        crops = centre_crops(self.clips, self.chosen, self.samples)
        logits = [model(x.to(device)).float().cpu().numpy() for _, x in crops]
        model.train(training)
        return self.score(self.clips.targets(self.chosen), np.concatenate(logits))


def centre_crops(
    clips: StoredClips, chosen: np.ndarray, samples: int
) -> Iterator[tuple[np.ndarray, Tensor]]:
    """Yield positions, (clip,), and crops, (clip, time) in [-1, 1], a row group at a time.

    Crops of `samples` samples from the centres of the clips at the positions `chosen`, which are in
    order; shorter clips are repeated from the start to length.
    """
    for group in clips.groups:
        at = chosen[(chosen >= group.first) & (chosen < group.last)]
        if not len(at):
            continue
        starts = np.maximum(clips.lengths[at].astype(np.int64) - samples, 0) // 2
        crops = np.empty((len(at), 1, samples), pcm.DTYPE)
        clips.read(group, at, starts[:, None], list(crops))
        yield at, torch.from_numpy(pcm.decode(crops[:, 0]))


class Best:
    """The state of a model at the epoch with the highest score, the first of equal ones.

    `scores` are those of all epochs; `state` is that of the best one.
    """

    def __init__(self) -> None:
        self.epoch, self.score = 0, -np.inf
        self.scores: list[float] = []
        self.state: dict[str, Tensor] = {}

    def offer(self, epoch: int, score: float, model: nn.Module) -> None:
        """Keep the state of `model`, copied to the CPU, if none was better or as good."""
        self.scores.append(score)
        if score > self.score:
            self.epoch, self.score = epoch, score
            self.state = {k: v.detach().cpu().clone() for k, v in model.state_dict().items()}

    def restore(self, model: nn.Module) -> None:
        """Give `model` the best state. Raises SonifyError if no score was a number."""
        if not self.state:
            raise SonifyError("no epoch has a score: validate on clips of more than one class")
        model.load_state_dict(self.state)


def held_out(clips: StoredClips, fraction: float, seed: int) -> np.ndarray:
    """Positions of a random `fraction` of the clips, (clip,) in order: a split made by seed.

    The same for every run with this seed that trains on the same splits of a dataset.
    """
    drawn = generator(clips.dataset, seed, "hold-out").permutation(len(clips))
    return np.sort(drawn[: round(fraction * len(clips))])
