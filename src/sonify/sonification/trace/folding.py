"""Folding of batch norms and of other constant operations into convolutions."""

import copy
from typing import TypeVar

from torch import Tensor, nn
from torch.nn.utils import skip_init
from torch.nn.utils.fusion import fuse_conv_bn_weights

from sonify.runtime.errors import SonifyError
from sonify.sonification.trace.chain import find_blocks
from sonify.sonification.trace.line import normalised
from sonify.sonification.trace.rewriting import rewritten
from sonify.sonification.trace.unwrapping import unwrapped
from sonify.sonification.trace.writing import CannotFoldError

_Layer = TypeVar("_Layer", bound=nn.Module)


def folded(model: nn.Module) -> nn.Module:
    """Return a model that computes the same and that a Sonifier accepts, if that can be.

    Where batch norms directly behind Conv1d are all that stands in the way, it is a copy of the
    model in evaluation mode with nn.Identity in their place. Else it is a new chain of blocks,
    without the model's head: two-dimensional convolutions and pools with an axis of length 1 become
    one-dimensional; zero padding, constant factors, and batch norms on either side of the ReLU go
    into the convolutions; kernels that are computed without the waveform (sinc filters, weight
    norms) become fixed. The chain is compared with the model on noise before it is returned.

    The model is not changed; of a wrapped one (torch.compile, DataParallel) the model inside is
    folded. Raises CannotFoldError, which names it, for what no chain can compute. Of a model that
    is no chain for other reasons the copy is returned, for whatever else it is good for. Raises
    SonifyError for one that can be neither traced nor copied, a hook that folding would lose, a
    batch norm without running statistics, and a convolution or batch norm that is used twice.

    >>> import torch
    >>> from torch import nn
    >>> from sonify.api import Sonifier, folded
    >>> model = nn.Sequential(nn.Conv1d(1, 8, 9), nn.BatchNorm1d(8), nn.ReLU()).eval()
    >>> x = torch.randn(2, 1, 1000)
    >>> torch.allclose(folded(model)(x), model(x), atol=1e-5)
    True
    >>> Sonifier(folded(model)).filters
    (8,)
    """
    model = unwrapped(model)
    copied = None
    try:
        copied = _copied(model)
        find_blocks(copied, allow_strided=True)
    except SonifyError as refusal:
        try:
            return rewritten(model)
        except CannotFoldError:
            raise
        except SonifyError:
            if copied is None:
                raise refusal from None
    return copied


def _copied(model: nn.Module) -> nn.Module:
    """Return a copy with each BatchNorm1d directly behind a Conv1d folded into it."""
    pairs = normalised(model)
    try:
        model = copy.deepcopy(model).eval()
    except Exception as error:  # modules of the user's own may raise anything
        old = next((n for n, m in model.named_modules() if m._forward_pre_hooks), None)
        reason = str(error).split(". ")[0]
        remedy = f"call torch.nn.utils.remove_weight_norm on module {old!r} first"
        raise SonifyError(
            f"{type(model).__name__} cannot be copied ({reason}): "
            + (remedy if old is not None else "make a copy of it that can be pickled")
        ) from error
    for conv_path, norm_path in pairs:
        conv = _layer(model, conv_path, nn.Conv1d)
        norm = _layer(model, norm_path, nn.BatchNorm1d)
        mean, variance = norm.running_mean, norm.running_var
        if mean is None or variance is None:
            raise SonifyError(
                f"module {norm_path!r} (BatchNorm1d) keeps no running statistics, so it "
                "depends on the batch and cannot be folded: train it with track_running_stats=True"
            )
        _replace(model, conv, _fused(conv, norm, mean, variance))
        _replace(model, norm, nn.Identity())
    return model


def _layer(model: nn.Module, path: str, kind: type[_Layer]) -> _Layer:
    module = model.get_submodule(path)
    if not isinstance(module, kind):
        raise TypeError(f"module {path!r} is not a {kind.__name__}")
    return module


def _fused(conv: nn.Conv1d, norm: nn.BatchNorm1d, mean: Tensor, variance: Tensor) -> nn.Conv1d:
    """Fuse both into a plain convolution, also where `conv` is parametrised (weight_norm)."""
    window = (conv.kernel_size, conv.stride, conv.padding, conv.dilation)
    shape = (conv.in_channels, conv.out_channels, *window, conv.groups, True, conv.padding_mode)
    fused = skip_init(nn.Conv1d, *shape, device=conv.weight.device, dtype=conv.weight.dtype)
    statistics = (mean, variance, norm.eps, norm.weight, norm.bias)
    fused.weight, fused.bias = fuse_conv_bn_weights(conv.weight, conv.bias, *statistics)
    return fused.eval()


def _replace(model: nn.Module, old: nn.Module, new: nn.Module) -> None:
    """Put `new` in place of `old` under each of its names: models often register a layer twice."""
    for name, module in list(model.named_modules(remove_duplicate=False)):
        if module is old:
            model.set_submodule(name, new)
