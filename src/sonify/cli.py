"""The `sonify` command: hear what a trained model's filters hear in a recording of yours."""

import argparse
from pathlib import Path

import numpy as np

from sonify.conventions import PCM_PEAK, RATE_HZ
from sonify.data.audio import Limits, UnusableAudio, prepared
from sonify.errors import one_sentence_errors
from sonify.jobs import say
from sonify.models import checkpoint
from sonify.reporting.listening import wav
from sonify.reporting.recording_page import Card, recording_page
from sonify.reporting.spectrogram import spectrograms
from sonify.sonification.activity import RULES
from sonify.sonification.deconvnet import PRECISIONS, Sonifier
from sonify.sonification.recording import Heard, hear

LONGEST_S = 3600.0  # of the recording, so that a mistaken file ends in a sentence


def main(arguments: list[str] | None = None) -> None:
    """Run the command; bad input ends it with one sentence and exit status 1."""
    with one_sentence_errors():
        _run(_parser().parse_args(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sonify",
        description="Sonify the most active filters of a model for one recording: writes WAV "
        "files, spectrogram pairs and a page to play them.",
    )
    parser.add_argument("clip", type=Path, help="any audio file: wav, flac, ogg, mp3")
    parser.add_argument(
        "--checkpoint",
        type=Path,
        required=True,
        help="folder of a trained model, e.g. results/models/contrastive-s0",
    )
    parser.add_argument(
        "--layer", type=int, nargs="+", default=[1, 4, 8, 11], help="layers from 1 to 11"
    )
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--top", type=int, default=5, help="most active filters of each layer")
    choice.add_argument("--filter", type=int, nargs="+", help="these filters instead, from 0")
    parser.add_argument("--rule", choices=RULES, default="max", help="what makes a filter active")
    parser.add_argument("--precision", choices=PRECISIONS, default="exact", help="fast: bfloat16")
    parser.add_argument("--out", type=Path, default=Path("sonified"), help="folder to write")
    return parser


def _run(args: argparse.Namespace) -> None:
    if args.top < 1:
        raise ValueError(f"--top is {args.top}: ask for at least one filter")
    model, card = checkpoint.load(args.checkpoint)
    try:
        recording = prepared(args.clip, Limits(card.architecture.pool_stride, LONGEST_S))
    except UnusableAudio as error:
        raise ValueError(f"{args.clip} cannot be used: {error.detail}") from error
    x = recording.pcm.astype(np.float32) / PCM_PEAK
    found = hear(
        Sonifier(model, args.precision),
        x,
        card.architecture,
        list(dict.fromkeys(args.layer)),
        top=args.top,
        filters=args.filter and list(dict.fromkeys(args.filter)),
        rule=args.rule,
    )
    if args.out.exists() and not args.out.is_dir():
        raise ValueError(f"--out is {args.out}, which is a file: name a folder")
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "input.wav").write_bytes(wav(x))
    cards = [_write(args.out, x, heard) for heard in found]
    page = recording_page(args.clip.name, card.model, wav(x), cards)
    (args.out / "index.html").write_text(page, encoding="utf-8")
    for heard in found:
        say(_told(heard))
    count = "1 sonification" if len(found) == 1 else f"{len(found)} sonifications"
    say(f"{count} of {len(x) / RATE_HZ:.1f} s: listen at {args.out / 'index.html'}")


def _write(folder: Path, x: np.ndarray, heard: Heard) -> Card:
    """Write one filter's sound and pictures, and make its card for the page."""
    name = f"layer{heard.layer:02d}_filter{heard.filter:04d}"
    above, below = spectrograms(x, heard.signal)
    sound = wav(heard.signal)
    (folder / f"{name}.wav").write_bytes(sound)
    (folder / f"{name}_input.png").write_bytes(above)
    (folder / f"{name}.png").write_bytes(below)
    return Card(
        layer=heard.layer,
        filter=heard.filter,
        activation=heard.activation,
        time_s=heard.time_s,
        dead=heard.dead,
        sound=sound,
        input_picture=above,
        picture=below,
    )


def _told(heard: Heard) -> str:
    place = f"layer {heard.layer:2d}  filter {heard.filter:4d}"
    if heard.dead:
        return f"{place}  dead"
    return f"{place}  activation {heard.activation:8.3f} at {heard.time_s:5.2f} s"


if __name__ == "__main__":
    main()
