"""Settings common to the jobs that run a model over whole clips. No torch: the plan makes them."""

import msgspec


class JobSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of a job that runs a model over the whole clips of one split.

    device as in the configuration; batch_samples: samples of audio per batch, which bounds memory.
    """

    device: str
    batch_samples: int
    split: str
