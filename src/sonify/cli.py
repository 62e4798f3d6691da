"""The `sonify` command: hear what a trained model's filters hear in a recording of yours."""

import argparse
from pathlib import Path

import numpy as np

from sonify.contracts.audio_format import RATE_HZ
from sonify.data.audio import pcm
from sonify.data.audio.samples import Limits, UnusableAudio, prepared
from sonify.models import checkpoint, imported
from sonify.reporting.listening import wav
from sonify.reporting.page.recording import Card, recording_page
from sonify.reporting.spectrogram import spectrograms
from sonify.runtime.errors import SonifyError, one_sentence_errors
from sonify.runtime.jobs import say
from sonify.sonification.activity import RULES
from sonify.sonification.deconvnet.sonifier import PRECISIONS, Sonifier
from sonify.sonification.recording import Heard, hear
from sonify.sonification.trace.chain import Block, find_blocks, shortest
from sonify.sonification.trace.folding import folded

RATES_HZ = (1_000, 192_000)  # that a model may expect
LONGEST_S = 300.0  # of the recording, so that a mistaken file ends in a sentence
_SHOWN_LAYERS = 4  # unless asked for


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
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--checkpoint",
        type=Path,
        help="folder of a model trained here, e.g. results/models/contrastive-s0",
    )
    source.add_argument(
        "--model",
        metavar="PLACE:NAME",
        help="a model of yours: package.module:name or path/to/file.py:name, where name is an "
        "nn.Module or makes one without arguments",
    )
    own = parser.add_argument_group("with --model")
    own.add_argument("--weights", type=Path, help="its state dict: .safetensors or .pt")
    own.add_argument("--rate", type=int, help=f"sampling rate it expects, in Hz ({RATE_HZ})")
    own.add_argument("--fold", action="store_true", help="fold batch norm into the convolutions")
    own.add_argument("--allow-strided", action="store_true", help="take strided convolutions")
    parser.add_argument(
        "--layer", type=int, nargs="+", help=f"layers, from 1 (first, last, {_SHOWN_LAYERS} in all)"
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
        raise SonifyError(f"--top is {args.top}: ask for at least one filter")
    blocks, name = _model(args)
    rate_hz = RATE_HZ if args.rate is None else args.rate
    try:
        recording = prepared(args.clip, Limits(shortest(blocks), LONGEST_S), rate_hz)
    except UnusableAudio as error:
        raise SonifyError(f"{args.clip} cannot be used: {error.detail}") from error
    x = pcm.decode(recording.pcm)
    spread = np.linspace(1, len(blocks), _SHOWN_LAYERS).round().astype(int).tolist()
    found = hear(
        Sonifier(blocks, args.precision),
        x,
        list(dict.fromkeys(args.layer or spread)),
        rate_hz=rate_hz,
        top=args.top,
        filters=args.filter and list(dict.fromkeys(args.filter)),
        rule=args.rule,
    )
    if args.out.exists() and not args.out.is_dir():
        raise SonifyError(f"--out is {args.out}, which is a file: name a folder")
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "input.wav").write_bytes(wav(x, rate_hz))
    cards = [_write(args.out, x, heard, rate_hz) for heard in found]
    page = recording_page(args.clip.name, name, wav(x, rate_hz), cards, rate_hz)
    (args.out / "index.html").write_text(page, encoding="utf-8")
    for heard in found:
        say(_told(heard))
    count = "1 sonification" if len(found) == 1 else f"{len(found)} sonifications"
    say(f"{count} of {len(x) / rate_hz:.1f} s: listen at {args.out / 'index.html'}")


def _model(args: argparse.Namespace) -> tuple[tuple[Block, ...], str]:
    """The blocks to sonify, and what to call their model."""
    if args.model is None:
        for option in ("weights", "rate", "fold", "allow_strided"):
            if getattr(args, option) not in (None, False):
                raise SonifyError(f"--{option.replace('_', '-')} goes with --model only")
        model, card = checkpoint.load(args.checkpoint)
        # A strided variant of ours is strided because its configuration asked for it.
        return find_blocks(model, allow_strided=True), card.model
    if args.rate is not None and not RATES_HZ[0] <= args.rate <= RATES_HZ[1]:
        raise SonifyError(f"--rate is {args.rate}: give the sampling rate in Hz, 1000 to 192000")
    model = imported.load(args.model, args.weights)
    return find_blocks(folded(model) if args.fold else model, args.allow_strided), args.model


def _write(folder: Path, x: np.ndarray, heard: Heard, rate_hz: int) -> Card:
    """Write one filter's sound and pictures, and make its card for the page."""
    name = f"layer{heard.layer:02d}_filter{heard.filter:04d}"
    above, below = spectrograms(x, heard.signal)
    sound = wav(heard.signal, rate_hz)
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
