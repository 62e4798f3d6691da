"""Which filters of SoundNet hear which sound of a street: prints a table, draws a picture.

`python soundnet_street.py soundnet.pt` writes street.wav and soundnet.png.
"""

import sys
from pathlib import Path

import numpy as np
import soundfile
import torch
from matplotlib.figure import Figure
from PIL import Image
from scipy import signal
from soundnet import RATE_HZ, SoundNet

from sonify.api import Sonifier, folded
from sonify.evaluation.metrics.separation import Sources, power

SECONDS, TOP_HZ = 4, 4_000
LAYERS = 3  # below them, images of the strided convolutions are all over the band
AT_ONCE = 16  # filters


def stems() -> dict[str, np.ndarray]:
    """The synthesised sounds of a street that never was, (time,) each; their sum has unit peak."""
    time_s = np.arange(SECONDS * RATE_HZ) / RATE_HZ
    rng = np.random.default_rng(1)
    tone_hz = np.where(time_s % 1.4 < 0.7, 435.0, 580.0)  # a siren of two tones
    turns = 2 * np.pi * np.cumsum(tone_hz) / RATE_HZ
    siren = sum(np.sin(k * turns) / k for k in (1, 2, 3))
    partials = [(1, 3.0), (2.76, 5.0), (5.4, 8.0)]  # frequency ratio, decay per second
    bell = np.zeros_like(time_s)
    for stroke_s in (0.5, 0.8, 2.4, 2.7):  # a bicycle's
        since_s = np.maximum(time_s - stroke_s, 0)
        for ratio, decay in partials:
            bell += (
                (time_s >= stroke_s)
                * np.exp(-decay * since_s)
                * np.sin(2 * np.pi * 880 * ratio * since_s)
            )
    engine = sum(np.sin(2 * np.pi * 45 * k * time_s + k * k) / np.sqrt(k) for k in range(1, 9))
    band = signal.butter(2, (600, 3_000), "band", fs=RATE_HZ, output="sos")
    tyres = signal.sosfilt(band, rng.standard_normal(len(time_s)))
    tyres *= np.exp(-(((time_s - 2) / 0.6) ** 2))  # a car passes
    found = {"siren": 0.5 * siren, "bell": 0.5 * bell, "engine": 0.3 * engine, "car": 1.5 * tyres}
    peak = np.abs(sum(found.values())).max()
    return {name: stem / peak for name, stem in found.items()}


def shares(sources: Sources, sound: np.ndarray) -> np.ndarray:
    """The fractions of a sound's energy where each source has the energy of the street."""
    of_sound = power(sound)
    return (sources.masks * of_sound).sum(axis=(1, 2)) / of_sound.sum()


def heard(
    model: SoundNet, x: torch.Tensor, sources: Sources
) -> dict[tuple[int, int], tuple[np.ndarray, np.ndarray]]:
    """By layer and filter that is not dead: the shares of the sources, and the sound."""
    sonifier, found = Sonifier(folded(model), allow_strided=True, layers=LAYERS), {}
    record = sonifier.forward(x)
    for layer, filters in enumerate(sonifier.filters, start=1):
        for some in torch.arange(filters).split(AT_ONCE):
            made = sonifier.render_from(record, x, layer, torch.zeros_like(some), some)
            for i, sound, dead in zip(some.tolist(), made.signals, made.dead, strict=True):
                if not dead and sound.any():
                    found[layer, i] = shares(sources, sound.numpy()), sound.numpy()
    return found


def main() -> None:
    """Sonify every filter, and find the one that is most of all each sound of the street."""
    torch.manual_seed(0)  # of the untrained network
    trained, untrained = (SoundNet().eval() for _ in range(2))
    trained.load_state_dict(torch.load(sys.argv[1], map_location="cpu", weights_only=True))
    of_street = stems()
    street = sum(of_street.values())
    soundfile.write("street.wav", street, RATE_HZ)
    x, sources = torch.from_numpy(street).float()[None], Sources(np.stack([*of_street.values()]))
    whole = shares(sources, street)
    of_trained, of_untrained = (heard(model, x, sources) for model in (trained, untrained))
    print("| sound | in the street | best filter | in its sonification | untrained, best |")
    print("|--|--|--|--|--|")
    best = []
    for i, name in enumerate(of_street):
        best.append(max(of_trained, key=lambda place: of_trained[place][0][i]))
        layer, filter = best[-1]
        least = max(share[i] for share, _ in of_untrained.values())
        print(
            f"| {name} | {whole[i]:.0%} | layer {layer}, filter {filter} | "
            f"{of_trained[best[-1]][0][i]:.0%} | {least:.0%} |"
        )
    draw(Path("soundnet.png"), of_street, best, [of_trained[place][1] for place in best])


def draw(
    file: Path,
    of_street: dict[str, np.ndarray],
    best: list[tuple[int, int]],
    sounds: list[np.ndarray],
) -> None:
    """Draw each sound of the street alone, and below it the sonification that is most like it."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    columns = figure.subplots(2, len(best), sharex=True, sharey=True).T
    for column, name, stem, (layer, filter), sound in zip(
        columns, of_street, of_street.values(), best, sounds, strict=True
    ):
        titles = f"{name}, alone", f"layer {layer}, filter {filter}"
        for panel, x, title in zip(column, (stem, sound), titles, strict=True):
            hz, at_s, powers = signal.spectrogram(x, RATE_HZ, nperseg=1024, noverlap=704)
            shown = hz <= TOP_HZ
            decibels = 10 * np.log10(powers[shown] / powers.max() + 1e-7)
            extent = (at_s[0], at_s[-1], 0, TOP_HZ / 1000)
            panel.imshow(
                decibels,
                origin="lower",
                aspect="auto",
                extent=extent,
                vmin=-60,
                vmax=0,
                cmap="magma",
            )
            panel.set_title(title, fontsize=9)
            panel.tick_params(labelsize=7)
        column[1].set_xlabel("s", fontsize=8)
    for panel in columns[0]:
        panel.set_ylabel("kHz", fontsize=8)
    figure.savefig(file, dpi=80)
    # A third as large, and as good to the eye.
    Image.open(file).convert("RGB").quantize(128).save(file, optimize=True)


if __name__ == "__main__":
    main()
