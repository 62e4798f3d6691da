"""The resampler that ours is compared with."""

from types import ModuleType

import pytest


def torchaudio_functional() -> ModuleType:
    """Return torchaudio.functional; skip the test where it does not load.

    torchaudio is compiled against one build of torch, and `make TORCH=...` may bring another.
    """
    try:
        from torchaudio import functional
    except (ImportError, OSError, RuntimeError) as error:
        pytest.skip(f"torchaudio does not load beside this build of torch: {error}")
    return functional
