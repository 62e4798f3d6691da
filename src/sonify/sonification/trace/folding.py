"""Folding of batch normalisation into the convolution before it."""

import copy
from typing import TypeVar

from torch import Tensor, nn
from torch.nn.utils import skip_init
from torch.nn.utils.fusion import fuse_conv_bn_weights

from sonify.runtime.errors import SonifyError
from sonify.sonification.trace.line import normalised
from sonify.sonification.trace.unwrapping import unwrapped

_Layer = TypeVar("_Layer", bound=nn.Module)


def folded(model: nn.Module) -> nn.Module:
    """Return a copy of the model with every BatchNorm1d folded into the Conv1d before it.

    The copy is in evaluation mode, in which it computes the same as the model, up to rounding;
    nn.Identity replaces the batch norms. The model is not changed; of a wrapped one (torch.compile,
    DataParallel) the model inside is folded. Raises SonifyError for a model that cannot be traced
    or copied, a hook that folding would lose, a batch norm without running statistics, and a
    convolution or batch norm that is used twice.

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
