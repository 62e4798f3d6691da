"""Batch normalisation folded into the convolution before it: the same function as a chain."""

import copy

from torch import nn
from torch.nn.utils import skip_init
from torch.nn.utils.fusion import fuse_conv_bn_weights

from sonify.runtime.errors import SonifyError
from sonify.sonification.trace.line import normalised


def folded(model: nn.Module) -> nn.Module:
    """A copy of the model, in evaluation mode, with each BatchNorm1d that follows a Conv1d folded
    into it and replaced by nn.Identity.

    In evaluation the copy computes what the model does, up to rounding. The model is not changed.
    Raises SonifyError, in one sentence, for a model that cannot be traced, a batch norm without
    running statistics, and a convolution or batch norm that is used twice.
    """
    pairs = normalised(model)
    model = copy.deepcopy(model).eval()
    for conv_path, norm_path in pairs:
        conv, norm = model.get_submodule(conv_path), model.get_submodule(norm_path)
        if norm.running_mean is None:
            raise SonifyError(
                f"module {norm_path!r} (BatchNorm1d) keeps no running statistics, so that it "
                "depends on the batch and cannot be folded: train it with track_running_stats"
            )
        _replace(model, conv, _fused(conv, norm))
        _replace(model, norm, nn.Identity())
    return model


def _fused(conv: nn.Conv1d, norm: nn.BatchNorm1d) -> nn.Conv1d:
    """A plain convolution, also where the weights of `conv` are parametrised (weight_norm)."""
    shape = (conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding)
    shape += (conv.dilation, conv.groups, True, conv.padding_mode)
    fused = skip_init(nn.Conv1d, *shape, device=conv.weight.device, dtype=conv.weight.dtype)
    statistics = (norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias)
    fused.weight, fused.bias = fuse_conv_bn_weights(conv.weight, conv.bias, *statistics)
    return fused.eval()


def _replace(model: nn.Module, old: nn.Module, new: nn.Module) -> None:
    """Put `new` where `old` is, under each of its names: models often keep a layer by two."""
    for name, module in list(model.named_modules(remove_duplicate=False)):
        if module is old:
            model.set_submodule(name, new)
