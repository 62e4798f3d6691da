"""The shape of an encoder as plain numbers: no torch here, so that the workflow can ask cheaply.

Figure A.1 of the paper, which drew CNN12, is missing from our copy; the layout `cnn12` is that of
the authors' code (11 conv-relu-[pool] blocks without padding, pooling the only downsampling, 14M
parameters and 53M with doubled filters).
"""

from dataclasses import dataclass
from itertools import accumulate
from operator import mul
from typing import Annotated, Literal, get_args

from msgspec import Meta

from sonify.runtime.errors import SonifyError

DOWNSAMPLINGS = ("pool", "strided")
PADDINGS = ("same", "valid")
Initialisation = Literal["he", "unit_gain"]
Positive = Annotated[tuple[Annotated[int, Meta(ge=1)], ...], Meta(min_length=1)]


@dataclass(frozen=True)
class Layout:
    """Blocks of an encoder, first to last: filters at width 1, kernels, pool sizes (1: no pool).

    padding is "same" (zeros on both sides, so that convolutions keep the length) or "valid" (none).
    Raises SonifyError for lists of different lengths, numbers under 1, an even kernel with "same".
    """

    filters: Annotated[Positive, Meta(description="Filters of each layer at width 1.")]
    kernels: Annotated[Positive, Meta(description="Kernel length of each layer.")]
    pools: Annotated[Positive, Meta(description="Pool size of each layer, 1 for none.")]
    padding: Annotated[
        Literal["same", "valid"],
        Meta(description="Zeros that keep the length (same), or none (valid)."),
    ] = "valid"

    def __post_init__(self) -> None:
        for name in ("filters", "kernels", "pools"):
            values = tuple(getattr(self, name))
            object.__setattr__(self, name, values)
            if len(values) != len(self.filters) or not values:
                raise SonifyError(
                    f"layout.{name} has {len(values)} numbers for {len(self.filters)} layers: give "
                    "filters, kernels and pools one number for each layer"
                )
            if min(values) < 1:
                raise SonifyError(f"layout.{name} has {min(values)}: it must be 1 or more")
        if self.padding not in PADDINGS:
            legal = " or ".join(PADDINGS)
            raise SonifyError(f"layout.padding is {self.padding!r}: it must be {legal}")
        even = [kernel for kernel in self.kernels if kernel % 2 == 0]
        if self.padding == "same" and even:
            raise SonifyError(
                f"layout.kernels has {even[0]}, but padding same needs odd lengths: make it "
                "odd, or set padding to valid"
            )


LAYOUTS = {
    "cnn12": Layout(
        filters=(64, 64, 128, 128, 256, 256, 512, 512, 1024, 1024, 2048),
        kernels=(7, 7, 5, 5, 5, 3, 3, 3, 3, 3, 3),
        pools=(2,) * 8 + (1,) * 3,
    ),
}


@dataclass(frozen=True)
class Architecture:
    """An encoder: a layout with its filters scaled by `width` (of CNN12, 2 is CNN12_x2).

    `downsampling` is "pool" (max-pooling, the paper's network) or "strided" (the stride moves into
    the convolution, the variant section 3.2 compares with). `features` is d of section 3.1.
    `layout` is a name out of LAYOUTS, or the layout itself, which it becomes.

    `dropout`, `initialisation`, `relu_features` and `projection_bias` concern what stands around
    the blocks. Features are the output of the fully connected layer, before any ReLU.
    Raises SonifyError for a width that is not positive or leaves a layer without filters, an
    unknown downsampling, layout or initialisation, a dropout outside [0, 1), and as `Layout` does.
    """

    width: Annotated[
        float,
        Meta(gt=0, le=8, description="Factor on the filters of every layer; 1 is CNN12."),
    ] = 1.0
    downsampling: Annotated[
        Literal["pool", "strided"],
        Meta(description="Max-pooling as in the paper or strided convolution."),
    ] = "pool"
    features: Annotated[int, Meta(ge=1, description="Width of the encoder's output.")] = 512
    layout: Annotated[
        Layout | Literal["cnn12"],
        Meta(description="Its blocks: cnn12 (the paper's), or lists of your own."),
    ] = "cnn12"
    dropout: Annotated[
        float,
        Meta(
            ge=0,
            lt=1,
            description="Fraction of averaged feature maps set to 0 in training, before the fully "
            "connected layer.",
        ),
    ] = 0.0
    initialisation: Annotated[
        Initialisation,
        Meta(
            description="Normal weights of convolutions by fan-in: he has gain sqrt(2) and a "
            "normal fully connected layer, unit_gain has gain 1 and PyTorch's linear layer."
        ),
    ] = "he"
    relu_features: Annotated[bool, Meta(description="Heads begin with a ReLU of the features.")] = (
        False
    )
    projection_bias: Annotated[
        bool, Meta(description="The last layer of the projection head has a bias.")
    ] = True

    def __post_init__(self) -> None:
        layout = self.layout
        if isinstance(layout, dict):  # as read from JSON or YAML
            layout = Layout(**layout)
        if isinstance(layout, str):
            if layout not in LAYOUTS:
                legal = ", ".join(LAYOUTS)
                raise SonifyError(f"layout is {layout!r}: it must be {legal}, or lists of its own")
            layout = LAYOUTS[layout]
        object.__setattr__(self, "layout", layout)
        if self.width <= 0 or min(self.blocks.filters) * self.width < 1:
            raise SonifyError(f"width is {self.width}: it must leave at least one filter a layer")
        if self.downsampling not in DOWNSAMPLINGS:
            legal = " or ".join(DOWNSAMPLINGS)
            raise SonifyError(f"downsampling is {self.downsampling!r}: it must be {legal}")
        if self.features < 1:
            raise SonifyError(f"features is {self.features}: it must be at least 1")
        if not 0 <= self.dropout < 1:
            raise SonifyError(f"dropout is {self.dropout}: it must be in [0, 1)")
        if self.initialisation not in get_args(Initialisation):
            legal = " or ".join(get_args(Initialisation))
            raise SonifyError(f"initialisation is {self.initialisation!r}: it must be {legal}")

    @property
    def blocks(self) -> Layout:
        """The layout itself, if it was given by name."""
        assert isinstance(self.layout, Layout)  # __post_init__ saw to it
        return self.layout

    @property
    def n_layers(self) -> int:
        """Number of conv-relu-[pool] blocks."""
        return len(self.blocks.filters)

    @property
    def whole(self) -> int:
        """The "layer" of the whole encoder: its blocks and the fully connected layer after them."""
        return self.n_layers + 1

    @property
    def filters(self) -> tuple[int, ...]:
        """Filters of each layer."""
        return tuple(round(n * self.width) for n in self.blocks.filters)

    @property
    def kernels(self) -> tuple[int, ...]:
        """Kernel length of each layer, in samples of its input."""
        return self.blocks.kernels

    @property
    def pools(self) -> tuple[int, ...]:
        """Downsampling of each layer; 1 where it keeps the length."""
        return self.blocks.pools

    @property
    def paddings(self) -> tuple[int, ...]:
        """Zeros on either side of each convolution's input."""
        same = self.blocks.padding == "same"
        return tuple(kernel // 2 if same else 0 for kernel in self.kernels)

    @property
    def pool_stride(self) -> int:
        """Input samples per frame of the last layer."""
        return self.strides[-1]

    @property
    def strides(self) -> tuple[int, ...]:
        """Input samples per frame of each layer's output."""
        return tuple(accumulate(self.pools, mul))

    @property
    def receptive_field(self) -> int:
        """Input samples that one frame of the last layer depends on."""
        return self.receptive_fields[-1]

    @property
    def receptive_fields(self) -> tuple[int, ...]:
        """Input samples that one frame of each layer's output depends on."""
        pooled = self.pools if self.downsampling == "pool" else (1,) * self.n_layers
        hops = (1, *self.strides[:-1])
        shape = zip(self.relu_fields, pooled, hops, strict=True)
        return tuple(field + (pool - 1) * hop for field, pool, hop in shape)

    @property
    def relu_fields(self) -> tuple[int, ...]:
        """Input samples that one frame of each layer depends on before its pool, if it has one."""
        fields, field, hop = [], 1, 1
        for kernel, pool in zip(self.kernels, self.pools, strict=True):
            field += (kernel - 1) * hop
            fields.append(field)
            if self.downsampling == "pool":
                field += (pool - 1) * hop
            hop *= pool
        return tuple(fields)

    def shortest_clip(self, layers: int | None = None) -> int:
        """Fewest samples that leave a frame behind the first `layers` layers (None: all).

        With padding, shorter clips than a stride would still leave one, of zeros for the most part.
        """
        last = self.n_layers if layers is None else layers
        if self.blocks.padding == "same":
            return self.strides[last - 1]
        return self.receptive_fields[last - 1]

    def frames(self, n_samples: int) -> tuple[int, ...]:
        """Frames of each layer's output for a clip of `n_samples` samples."""
        frames, n = [], n_samples
        for kernel, pool, padding in zip(self.kernels, self.pools, self.paddings, strict=True):
            stride = pool if self.downsampling == "strided" else 1
            n = max(0, (n + 2 * padding - kernel) // stride + 1)
            n = n if stride > 1 else n // pool
            frames.append(n)
        return tuple(frames)
