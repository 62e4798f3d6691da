"""Overlap-save against dense transposed convolutions: layer by layer, and in all."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pandas as pd
import torch
import torch.nn.functional as F
from harness import Bench, bench, spread
from torch import Tensor, nn

from sonify.contracts.audio_format import RATE_HZ
from sonify.models.cnn import CNN12, Architecture
from sonify.sonification.deconvnet import overlap_save
from sonify.sonification.deconvnet.back_projection import CACHED_BYTES
from sonify.sonification.deconvnet.convolution import Convolution
from sonify.sonification.deconvnet.sonifier import Sonifier

# The authors' network; the other is the layout that was guessed before theirs was known.
FILTERS = (64, 64, 128, 128, 256, 256, 512, 512, 1024, 1024, 2048)
KERNELS = (7, 7, 5, 5, 5, 3, 3, 3, 3, 3, 3)
POOLED_LAYERS = 8
SECONDS = 2.5
DENSE, FAST, AUTOGRAD = "dense", "overlap-save", "autograd"
CASES = [("authors", 1 / 8, 4), ("authors", 1 / 4, 4), ("authors", 1, 2)]  # layout, width, clips
CASES += [("guessed", 1 / 8, 4), ("guessed", 1 / 4, 4), ("guessed", 1, 2)]
QUICK = [("authors", 1 / 8, 1)]
NOTES = """\
`layer` n is one transposed convolution of layer n alone, of as many streams as the engine takes
together: at most the 11 - n of each clip that the most active maps of all layers send through it.
`all` is the most active map of all 11 layers from waveforms on, with overlap-save wherever the
engine takes it, and without. `autograd` does the same job with one recorded forward pass and one
backward pass for each layer, all clips together, channels last, ReLU's backward step replaced by
relu(gradient). `times faster` is the time of the dense path over that of overlap-save; `autograd /
dense` the time of autograd over that of the dense path; `spread` the slowest run of overlap-save
over its fastest. `authors` is the layout of the authors' code, `guessed` the one before it. Weights
are random, clips are noise."""


def main() -> None:
    run = bench("overlap_save", __doc__)
    rows = [row for case in run.cases(QUICK, CASES, []) for row in compared(run, *case)]
    run.write("Overlap-save against dense transposed convolutions", pd.DataFrame(rows), NOTES)


def compared(run: Bench, layout: str, width: float, clips: int) -> Iterator[dict]:
    """The rows shown for one network."""
    torch.manual_seed(0)
    chain = (authors if layout == "authors" else guessed)(width)
    x = torch.randn(clips, round(SECONDS * RATE_HZ))
    lengths = Sonifier(chain).forward(x).lengths
    convolutions = [Convolution(m, x.dtype) for m in chain if isinstance(m, nn.Conv1d)]
    for layer in range(len(convolutions) - 1, 1, -1):
        conv, streams = convolutions[layer - 1], clips * (len(convolutions) - layer)
        variants = of_layer(conv, streams, lengths[layer - 1])
        yield timed(run, layout, width, clips, f"layer {layer}", variants, conv)
    yield timed(run, layout, width, clips, "all", of_network(chain, x))


def timed(
    run: Bench,
    layout: str,
    width: float,
    clips: int,
    part: str,
    variants: dict[str, Callable[[], object]],
    conv: Convolution | None = None,
) -> dict:
    """Measure one comparison; the row shown for it."""
    case = f"{layout}, width {width:g}, {clips} clips, {part}"
    times = run.measure(case, variants, repetitions=9 if conv is None else 15)
    of_conv = {} if conv is None else {"taps": conv.taps, "filters": conv.conv.out_channels}
    return {
        "layout": layout,
        "width": width,
        "part": part,
        **of_conv,
        "dense (ms)": 1000 * times[DENSE],
        "times faster": times[DENSE] / times[FAST],
        "autograd / dense": times[AUTOGRAD] / times[DENSE] if AUTOGRAD in times else None,
        "spread": spread(run, case, FAST),
    }


def of_layer(conv: Convolution, streams: int, length: int) -> dict[str, Callable[[], object]]:
    """One layer's transposed convolution, both ways."""
    rows = conv.frames_needed(length + 2 * conv.reach)
    of_stream = rows * conv.conv.out_channels * conv.dtype.itemsize
    streams = min(streams, max(1, CACHED_BYTES // of_stream))
    memory = torch.randn(streams * rows + conv.reach, conv.conv.out_channels).clamp_min_(0)
    padded = memory[: streams * rows].view(streams, rows, -1)
    out = padded.new_empty(streams, rows, conv.conv.in_channels)
    return {
        DENSE: partial(conv.direct, padded, length),
        FAST: partial(conv.by_overlap_save, padded, out),
    }


def of_network(chain: nn.Sequential, x: Tensor) -> dict[str, Callable[[], object]]:
    """The most active map of every layer, with overlap-save, without, and by autograd."""
    sonifier = Sonifier(chain)

    def dense() -> None:
        with never_overlap_save():
            sonifier.most_active(x)

    return {
        DENSE: dense,
        FAST: partial(sonifier.most_active, x),
        AUTOGRAD: partial(by_autograd, chain, x),
    }


@contextmanager
def never_overlap_save() -> Iterator[None]:
    """Restrict the engine to the dense path."""
    before, overlap_save.MIN_FILTERS = overlap_save.MIN_FILTERS, 1 << 40
    try:
        yield
    finally:
        overlap_save.MIN_FILTERS = before


class Rectified(torch.autograd.Function):
    """ReLU whose gradient is rectified itself and passes everywhere."""

    @staticmethod
    def forward(ctx, h: Tensor) -> Tensor:
        """Rectify h."""
        return h.clamp_min(0)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        """Rectify the gradient."""
        return gradient.clamp_min(0)


def by_autograd(chain: nn.Sequential, x: Tensor) -> list[Tensor]:
    """Raw deconvolutions of the most active map of each layer, (clip, time) each."""
    clips = x[:, None, None].clone().requires_grad_()
    h, ends = clips.to(memory_format=torch.channels_last), []
    for module in chain:
        if isinstance(module, nn.Conv1d):
            h = F.conv2d(h, module.weight.unsqueeze(2), module.bias, padding=(0, *module.padding))
            ends.append(h)
        elif isinstance(module, nn.ReLU):
            h = ends[-1] = Rectified.apply(h)
        else:
            h = ends[-1] = F.max_pool2d(h, (1, module.kernel_size))
    raw = []
    for maps in ends:
        with torch.no_grad():
            chosen = maps.amax((2, 3)).argmax(1)
            rows = torch.arange(len(maps))
            start = torch.zeros_like(maps)
            start[rows, chosen] = maps[rows, chosen]
        raw += torch.autograd.grad(maps, clips, start, retain_graph=maps is not ends[-1])
    return raw


def guessed(width: float) -> nn.Sequential:
    """The trunk of CNN12 as it is built now."""
    return CNN12(Architecture(width=width)).eval().trunk


def authors(width: float) -> nn.Sequential:
    """The trunk of the authors' CNN12: no padding, pools of 2 after the first 8 layers."""
    chain, channels = nn.Sequential(), 1
    for layer, (filters, taps) in enumerate(zip(FILTERS, KERNELS, strict=True), start=1):
        filters = round(width * filters)
        conv = nn.Conv1d(channels, filters, taps)
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
        nn.init.zeros_(conv.bias)
        chain.extend([conv, nn.ReLU()])
        if layer <= POOLED_LAYERS:
            chain.append(nn.MaxPool1d(2))
        channels = filters
    return chain.eval()


if __name__ == "__main__":
    main()
