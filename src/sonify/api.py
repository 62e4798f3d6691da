"""The stable public interface of Sonify.

>>> import torch
>>> from sonify.api import CNN12, Architecture, Sonifier, mean_topk_coherence
>>> model = CNN12(Architecture(width=1 / 16))  # or load_checkpoint(folder), or a model of yours
>>> x = torch.randn(2, 8000)  # (clip, time): two clips of 1 s at 8 kHz
>>> sonifier = Sonifier(model)
>>> heard = sonifier.most_active(x)  # signals (layer, clip, time), filters (layer, clip)
>>> residual = heard.residuals(x)  # x - s, (layer, clip, time)
>>> mean_topk_coherence(x.numpy(), heard.signals[6].numpy()).shape  # of layer 7, one per clip
(2,)

Names, signatures and meanings in `__all__` stay as they are within a major version; a change is
announced in CHANGELOG.md one minor version before. Everything else in the package may move at any
time. The package's own code never imports this module, so that each workflow job depends on no more
code than it uses.
"""

from sonify.evaluation.metrics.coherence import mean_topk_coherence
from sonify.evaluation.metrics.ranking import d_prime, mean_auc, mean_average_precision
from sonify.models.architecture import Architecture
from sonify.models.checkpoint import load as load_checkpoint
from sonify.models.cnn import CNN12
from sonify.sonification.attribution import Sonification
from sonify.sonification.autograd.sonifier import AutogradSonifier
from sonify.sonification.deconvnet.sonifier import Sonifier
from sonify.sonification.mining.top_activations import TopActivations
from sonify.sonification.trace.folding import folded

__all__ = [
    "CNN12",
    "Architecture",
    "AutogradSonifier",
    "Sonification",
    "Sonifier",
    "TopActivations",
    "d_prime",
    "folded",
    "load_checkpoint",
    "mean_auc",
    "mean_average_precision",
    "mean_topk_coherence",
]
