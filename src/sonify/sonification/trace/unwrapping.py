"""Models inside the wrappers that training puts around them."""

from torch import nn
from torch.optim.swa_utils import AveragedModel

from sonify.runtime.errors import SonifyError

_WRAPPERS = (nn.DataParallel, nn.parallel.DistributedDataParallel, AveragedModel)


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the model inside torch.compile, DataParallel, DistributedDataParallel and
    AveragedModel; any other as it is.

    Raises SonifyError for a wrapper around a part of the model.
    """
    while (inner := _inside(model)) is not None:
        model = inner
    for name, module in model.named_modules():
        if _inside(module) is not None:
            raise SonifyError(
                f"module {name!r} ({type(module).__name__}) wraps a part of the model: put the "
                "module inside it in its place"
            )
    return model


def _inside(model: nn.Module) -> nn.Module | None:
    compiled = getattr(model, "_orig_mod", None)  # torch.compile returns a class it does not export
    if isinstance(compiled, nn.Module):
        return compiled
    module = model.module if isinstance(model, _WRAPPERS) else None
    return module if isinstance(module, nn.Module) else None
