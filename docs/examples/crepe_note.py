"""Which filters of CREPE carry the pitch of a sung note: prints a table, draws a picture.

`python crepe_note.py tiny.pth` writes note.wav and crepe.png.
"""

import sys
from pathlib import Path

import numpy as np
import soundfile
import torch
from crepe import FRAME, RATE_HZ, Crepe, pitch_cents
from matplotlib.figure import Figure
from PIL import Image
from scipy import signal
from torch import Tensor

from sonify.api import Sonifier, folded

HOP, NEAR_CENTS, FOLLOWS = 640, 50, 0.8
FORMANTS = ((700, 110, 1.0), (1100, 120, 0.6), (2600, 160, 0.2))  # of [a]: Hz, width, strength
TOP_HZ = 2_000  # half the rate of the frames of layer 1: above it are images


def note() -> tuple[Tensor, Tensor]:
    """A synthesised voice on [a], 1.5 s, that glides up a fifth with vibrato, of unit peak.

    And its pitch every HOP samples, in cents above 10 Hz.
    """
    time_s = torch.arange(24_000, dtype=torch.float64) / RATE_HZ
    glide = 7 * torch.sigmoid(12 * (time_s - 0.75)) + 0.4 * torch.sin(2 * torch.pi * 5.5 * time_s)
    pitch_hz = 165 * 2 ** (glide / 12)
    phase = 2 * torch.pi * pitch_hz.cumsum(0) / RATE_HZ
    x = torch.zeros_like(time_s)
    for k in range(1, 20):
        formants = sum(g / (1 + ((k * pitch_hz - f) / w) ** 2) for f, w, g in FORMANTS)
        x += (0.05 + formants) / k * torch.sin(k * phase)
    breath = torch.randn(len(x), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = (
        (x / x.abs().max() + 0.003 * breath)
        * (time_s * 20).clamp(max=1)
        * (30 - 20 * time_s).clamp(max=1)
    )
    cents = 1200 * torch.log2(pitch_hz[::HOP] / 10)
    return (x / x.abs().max()).float(), cents.float()


def periodicity_cents(x: Tensor) -> Tensor:
    """The pitch by autocorrelation, which knows nothing of CREPE: cents above 10 Hz, (frame,)."""
    frames = torch.nn.functional.pad(x, (FRAME // 2, FRAME // 2)).unfold(0, FRAME, HOP)
    frames = frames - frames.mean(1, keepdim=True)
    squares = frames.square().cumsum(1)
    alike = torch.fft.irfft(torch.fft.rfft(frames, 2 * FRAME).abs().square())[:, :FRAME]
    whole = squares[:, -1:]
    first, last = squares.flip(1), whole - squares + frames.square()  # without the last, first lags
    alike = 2 * alike / (first + last).clamp_min(1e-12)
    lags = torch.arange(RATE_HZ // 500, RATE_HZ // 80)
    before, here, after = (alike[:, lags + d] for d in (-1, 0, 1))
    peak = (here >= before) & (here >= after)
    good = peak & (here >= 0.85 * here.masked_fill(~peak, -1).amax(1, keepdim=True))
    at = good.int().argmax(1, keepdim=True)  # the shortest good period
    low, mid, high = (h.gather(1, at) for h in (before, here, after))
    period = lags[at] + (low - high) / (2 * (low - 2 * mid + high)).clamp_max(-1e-12)
    return 1200 * torch.log2(RATE_HZ / period[:, 0] / 10)


def right(estimate: Tensor, cents: Tensor) -> float:
    """The fraction of frames whose pitch is within NEAR_CENTS."""
    return float(((estimate[: len(cents)] - cents).abs() <= NEAR_CENTS).float().mean())


@torch.no_grad()
def without(model: Crepe, layer: int, filter: int, x: Tensor, cents: Tensor) -> float:
    """Return the fraction of the pitch that CREPE finds with one filter silenced."""
    conv = getattr(model, f"conv{layer}")
    kept = conv.weight[filter].clone(), conv.bias[filter].clone()
    conv.weight[filter], conv.bias[filter] = 0, 0
    heard = right(pitch_cents(model, x, HOP), cents)
    conv.weight[filter], conv.bias[filter] = kept
    return heard


def sonifications(model: Crepe, x: Tensor) -> list[dict[int, Tensor]]:
    """By layer, the sonification of each filter that is not dead, without images, (time,)."""
    sonifier = Sonifier(folded(model), allow_strided=True, gain=float(1 / x.std()))
    record, found = sonifier.forward(x[None]), []
    low = signal.butter(8, TOP_HZ, fs=RATE_HZ, output="sos")
    for layer, filters in enumerate(sonifier.filters, start=1):
        asked = torch.arange(filters)
        made = sonifier.render_from(record, x[None], layer, torch.zeros_like(asked), asked)
        heard = signal.sosfiltfilt(low, made.signals.double().numpy()).astype(np.float32)
        sounds = {i: torch.from_numpy(heard[i]) for i in range(filters) if not made.dead[i]}
        found.append({i: sound for i, sound in sounds.items() if sound.any()})
    return found


def main() -> None:
    """Sonify every filter, and count those that keep the pitch."""
    torch.manual_seed(0)  # of the untrained network
    weights = torch.load(sys.argv[1], map_location="cpu", weights_only=True)
    trained, untrained = (Crepe("tiny").eval() for _ in range(2))
    trained.load_state_dict(weights)
    x, cents = note()
    soundfile.write("note.wav", x.numpy(), RATE_HZ)
    whole = right(pitch_cents(trained, x, HOP), cents), right(periodicity_cents(x), cents)
    print(f"CREPE finds {whole[0]:.0%} of the note's pitch, autocorrelation {whole[1]:.0%}.\n")
    by_layer = sonifications(trained, x)
    periodic = [{i: right(periodicity_cents(s), cents) for i, s in f.items()} for f in by_layer]
    heard = [
        {i: right(pitch_cents(trained, s, HOP), cents) for i, s in f.items()} for f in by_layer
    ]
    control = [
        {i: right(periodicity_cents(s), cents) for i, s in filters.items()}
        for filters in sonifications(untrained, x)
    ]
    print("| layer | alive | follow | by CREPE | untrained | best filter |")
    print("|--|--|--|--|--|--|")
    best = []
    for layer, scores in enumerate(periodic, start=1):
        best.append(max(scores, key=lambda i: scores[i] + heard[layer - 1][i]))
        alive = f"{len(scores)} of {len(getattr(trained, f'conv{layer}').weight)}"
        follow = [
            f"{sum(v >= FOLLOWS for v in of.values()) / len(of):.0%}"
            for of in (scores, heard[layer - 1], control[layer - 1])
        ]
        both = f"{scores[best[-1]]:.0%}, {heard[layer - 1][best[-1]]:.0%}"
        print(f"| {layer} | {alive} | {' | '.join(follow)} | {best[-1]} ({both}) |")
    left = (without(trained, i, f, x, cents) for i, of in enumerate(periodic, 1) for f in of)
    print(f"\nWith any one filter silenced, CREPE finds at least {min(left):.0%} of the pitch.")
    signals = [x, *(by_layer[i][f] for i, f in enumerate(best))]
    titles = ["the note", *(f"layer {i}, filter {f}" for i, f in enumerate(best, start=1))]
    draw(Path("crepe.png"), signals, titles, cents, periodic, control)


def draw(
    file: Path,
    signals: list[Tensor],
    titles: list[str],
    cents: Tensor,
    periodic: list[dict[int, float]],
    control: list[dict[int, float]],
) -> None:
    """Draw spectrograms with the pitch that was sung, and a point for each filter."""
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    panels = figure.subplots(2, 4).ravel()
    for panel, sound, title in zip(panels, signals, titles, strict=False):
        hz, at_s, power = signal.spectrogram(
            sound.numpy(), RATE_HZ, nperseg=FRAME, noverlap=FRAME - 160, nfft=2 * FRAME
        )
        shown = hz <= TOP_HZ
        decibels = 10 * np.log10(power[shown] / power.max() + 1e-7)
        extent = (at_s[0], at_s[-1], 0, TOP_HZ / 1000)
        panel.imshow(
            decibels, origin="lower", aspect="auto", extent=extent, vmin=-60, vmax=0, cmap="magma"
        )
        sung_s = np.arange(len(cents)) * HOP / RATE_HZ
        panel.plot(sung_s, 10 * 2 ** (cents / 1200) / 1000, color="cyan", lw=0.8, ls="--")
        panel.set(xlim=extent[:2], ylim=extent[2:])
        panel.set_title(title, fontsize=9)
        panel.set_xlabel("s", fontsize=8)
        panel.set_ylabel("kHz", fontsize=8)
        panel.tick_params(labelsize=7)
    panel = panels[-1]
    for scores, colour, aside, label in (
        (control, "silver", 0.15, "untrained"),
        (periodic, "tab:blue", -0.15, "CREPE"),
    ):
        points = [(i + aside, v) for i, of in enumerate(scores, start=1) for v in of.values()]
        panel.plot(*zip(*points, strict=True), ".", color=colour, ms=4, alpha=0.6, label=label)
    panel.set_title("right pitch, by filter", fontsize=9)
    panel.set_xlabel("layer", fontsize=8)
    panel.set(xticks=range(1, 7), ylim=(-0.03, 1.28), yticks=(0, 0.5, 1))
    panel.set_yticklabels(("0", "50 %", "100 %"))
    panel.tick_params(labelsize=7)
    panel.legend(fontsize=7, ncols=2, loc="upper center", frameon=False)
    figure.savefig(file, dpi=80)
    # A third as large, and as good to the eye.
    Image.open(file).convert("RGB").quantize(128).save(file, optimize=True)


if __name__ == "__main__":
    main()
