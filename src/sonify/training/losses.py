"""Training objectives as functions of tensors."""

import torch
import torch.nn.functional as F
from torch import Tensor

from sonify.runtime.errors import SonifyError


def nt_xent(z1: Tensor, z2: Tensor, temperature: float, within: int | None = None) -> Tensor:
    """NT-Xent (equation 1): mean over all 2N views of the cross-entropy of picking their partner.

    z1 and z2, (clip, feature), are projections of two views of the same N clips. Similarity is the
    cosine over `temperature`; every other view of the batch is a negative. With `within`, only the
    views of the same group of `within` clips are negatives, as if each group were on its own
    device, and the loss is the mean over groups. A batch that is no multiple of `within` is split
    into groups of at least `within` clips whose sizes differ by at most one.
    Raises SonifyError for shapes that differ, fewer than two clips or a temperature that is not
    positive.
    """
    if z1.shape != z2.shape or z1.ndim != 2:
        shapes = f"{tuple(z1.shape)} and {tuple(z2.shape)}"
        raise SonifyError(f"views have shapes {shapes}: need (clip, feature) twice")
    if len(z1) < 2:
        raise SonifyError("NT-Xent needs at least two clips: one has no negatives")
    if temperature <= 0:
        raise SonifyError(f"temperature is {temperature}: it must be positive")
    if within is not None and len(z1) >= 2 * within:
        groups = len(z1) // within
        pairs = zip(z1.tensor_split(groups), z2.tensor_split(groups), strict=True)
        return torch.stack([nt_xent(one, two, temperature) for one, two in pairs]).mean()
    z = F.normalize(torch.cat([z1, z2]).float(), dim=1)
    similarity = z @ z.T / temperature
    similarity.fill_diagonal_(float("-inf"))  # a view is not its own negative (k != i)
    n = len(z1)
    partner = torch.arange(2 * n, device=z.device).roll(n)
    return F.cross_entropy(similarity, partner)


def classification_loss(logits: Tensor, targets: Tensor, objective: str) -> Tensor:
    """Mean loss of logits against targets, both (clip, class); targets in [0, 1], soft by mixup.

    Logits (layer, clip, class) are those of several classifiers, whose mean losses add up: each is
    trained as if it were alone.

    "multilabel" is binary cross-entropy (AudioSet, FSD50K), "multiclass" categorical cross-entropy
    (Speech Commands), as in appendix A.3. Raises SonifyError for another objective.
    """
    if logits.ndim == 3:
        losses = (classification_loss(one, targets, objective) for one in logits)
        return sum(losses, start=logits.new_zeros(()))
    if objective == "multilabel":
        return F.binary_cross_entropy_with_logits(logits.float(), targets)
    if objective == "multiclass":
        return F.cross_entropy(logits.float(), targets)
    raise SonifyError(f"objective is {objective!r}: it must be multilabel or multiclass")
