"""The shape of CNN12 as plain numbers: no torch here, so that the workflow can ask cheaply.

Figure A.1 of the paper, which drew the network, did not survive. The layout below meets everything
the text fixes (11 conv-relu-[pool] blocks, pooling the only downsampling, 14M parameters and 53M
with doubled filters) but is not identified by it.
"""

from dataclasses import dataclass

from sonify.runtime.errors import SonifyError

FILTERS = (128, 128, 128, 256, 256, 256, 512, 512, 512, 1024, 1024)
KERNELS = (11, 11, 11, 11, 7, 7, 7, 5, 5, 5, 5)
POOLS = (4, 2, 2, 2, 2, 2, 2, 1, 2, 1, 1)
WHOLE_ENCODER = len(FILTERS) + 1  # "layer" of all blocks and the fully connected layer after them
DOWNSAMPLINGS = ("pool", "strided")


@dataclass(frozen=True)
class Architecture:
    """CNN12 with its filters scaled by `width` (1 is CNN12, 2 is CNN12_x2, 1/8 the miniature).

    `downsampling` is "pool" (max-pooling, the paper's network) or "strided" (the stride moves into
    the convolution, the variant section 3.2 compares with). `features` is d of section 3.1.
    Raises SonifyError for a width that is not positive or leaves a layer without filters, or an
    unknown downsampling.
    """

    width: float = 1.0
    downsampling: str = "pool"
    features: int = 512

    def __post_init__(self) -> None:
        if self.width <= 0 or min(FILTERS) * self.width < 1:
            raise SonifyError(f"width is {self.width}: it must leave at least one filter a layer")
        if self.downsampling not in DOWNSAMPLINGS:
            legal = " or ".join(DOWNSAMPLINGS)
            raise SonifyError(f"downsampling is {self.downsampling!r}: it must be {legal}")
        if self.features < 1:
            raise SonifyError(f"features is {self.features}: it must be at least 1")

    @property
    def filters(self) -> tuple[int, ...]:
        """Filters of each layer."""
        return tuple(round(n * self.width) for n in FILTERS)

    @property
    def kernels(self) -> tuple[int, ...]:
        """Kernel length of each layer, in samples of its input."""
        return KERNELS

    @property
    def pools(self) -> tuple[int, ...]:
        """Downsampling of each layer; 1 where it keeps the length."""
        return POOLS

    @property
    def pool_stride(self) -> int:
        """Input samples per output frame; a clip must be at least this long."""
        return self.strides[-1]

    @property
    def strides(self) -> tuple[int, ...]:
        """Input samples per frame of each layer's output."""
        strides, stride = [], 1
        for pool in self.pools:
            stride *= pool
            strides.append(stride)
        return tuple(strides)

    @property
    def receptive_field(self) -> int:
        """Input samples that one output frame depends on."""
        field, stride = 1, 1
        for kernel, pool in zip(self.kernels, self.pools, strict=True):
            field += (kernel - 1) * stride
            if self.downsampling == "pool":
                field += (pool - 1) * stride
            stride *= pool
        return field
