"""The `sonify` command: listen to what the filters of a trained model respond to in a recording."""

import argparse
import os
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from torch import nn

# Notebooks' shells name a backend that this environment may lack; none is needed.
os.environ["MPLBACKEND"] = "agg"

from sonify.contracts.audio_format import RATE_HZ
from sonify.data.audio import pcm
from sonify.data.audio.samples import Limits, UnusableAudio, prepared
from sonify.models import checkpoint, imported
from sonify.reporting.listening import wav
from sonify.reporting.page.recording import Card, recording_page
from sonify.reporting.spectrogram import spectrograms
from sonify.runtime.errors import SonifyError, one_sentence_errors
from sonify.runtime.folders import write_whole
from sonify.runtime.jobs import say
from sonify.runtime.plurals import counted
from sonify.sonification.activity import RULES
from sonify.sonification.autograd.sonifier import BY, AutogradSonifier, Run
from sonify.sonification.deconvnet.sonifier import PRECISIONS, Sonifier
from sonify.sonification.input_scale import first_convolution, suggested_gain
from sonify.sonification.recording import Heard, hear, hear_by_autograd
from sonify.sonification.trace.chain import FOLD, Block, find_blocks, shortest
from sonify.sonification.trace.folding import folded
from sonify.sonification.trace.rewriting import why_not
from sonify.sonification.trace.writing import CannotFoldError

RATES_HZ = (1_000, 192_000)  # range of --rate
MAX_RECORDING_S = 300.0  # longer ones are refused rather than exhausting memory
DEFAULT_LAYERS = 4  # layers shown without --layer


def main(arguments: list[str] | None = None) -> None:
    """Run the command; bad input ends it with one sentence and exit status 1."""
    with one_sentence_errors():
        _run(_parser().parse_args(arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sonify",
        description="Sonify the most active filters of a model for one recording: writes WAV "
        "files, pairs of spectrograms and a page to play them.",
    )
    parser.add_argument("clip", type=Path, help="any audio file: wav, flac, ogg, mp3")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--checkpoint",
        type=Path,
        help="folder of a model trained with this package, such as results/models/contrastive-s0",
    )
    source.add_argument(
        "--model",
        metavar="PLACE:NAME",
        help="your own model: package.module:name or path/to/file.py:name, where name is an "
        "nn.Module, or a class or function that makes one, with arguments if need be: "
        "'net.py:Net(10)'",
    )
    own = parser.add_argument_group("with --model")
    own.add_argument(
        "--weights",
        type=Path,
        help="its state dict, or a training's checkpoint that has it: .safetensors or .pt",
    )
    own.add_argument(
        "--part", metavar="NAME", help="only this submodule, such as encoder.net, on the waveform"
    )
    own.add_argument("--rate", type=int, help=f"sampling rate it expects, in Hz ({RATE_HZ})")
    own.add_argument("--fold", action="store_true", help="fold batch norms into the convolutions")
    own.add_argument(
        "--gain", type=float, help="factor on the recording, whose peak is 1, for the model (1)"
    )
    own.add_argument("--allow-strided", action="store_true", help="accept strided convolutions")
    parser.add_argument(
        "--layer",
        type=int,
        nargs="+",
        help=f"layers, from 1 (default: {DEFAULT_LAYERS} of them, spread from first to last)",
    )
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument(
        "--top", type=int, default=5, help="number of most active filters per layer (5)"
    )
    choice.add_argument("--filter", type=int, nargs="+", help="these filters instead, from 0")
    parser.add_argument(
        "--rule",
        choices=RULES,
        default="mean",
        help="measure of activity that ranks the filters (mean)",
    )
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="exact",
        help="fast: bfloat16, where the processor computes with it",
    )
    parser.add_argument(
        "--by",
        choices=("engine", BY),
        default="engine",
        help=f"{BY}: sonify any model that has rectifiers by automatic differentiation, which is "
        "slower",
    )
    parser.add_argument("--out", type=Path, default=Path("sonified"), help="folder to write")
    return parser


def _run(args: argparse.Namespace) -> None:
    if args.top < 1:
        raise SonifyError(f"--top is {args.top}: give the number of filters per layer, at least 1")
    model, name = _model(args)
    if args.part is not None:
        model, name = imported.part(model, args.part), f"{name}, {args.part}"
    blocks = _blocks(model, args) if args.by != BY else None
    rate_hz = RATE_HZ if args.rate is None else args.rate
    shortest_clip = 1 if blocks is None else shortest(blocks)
    try:
        recording = prepared(args.clip, Limits(shortest_clip, MAX_RECORDING_S), rate_hz)
    except UnusableAudio as error:
        raise SonifyError(f"{args.clip} cannot be used: {error.detail}") from error
    x = pcm.decode(recording.pcm)
    heard, how = _hear(model, blocks, x, args, rate_hz)
    if args.out.exists() and not args.out.is_dir():
        raise SonifyError(
            f"--out is {args.out}, which is not a directory: give a folder to write to"
        )
    args.out.mkdir(parents=True, exist_ok=True)
    write_whole(args.out / "input.wav", wav(x, rate_hz))
    cards = [_write(args.out, x, one, rate_hz) for one in heard]
    title = os.fsencode(args.clip.name).decode("utf-8", "backslashreplace")
    page = recording_page(title, name, wav(x, rate_hz), cards, rate_hz, how)
    write_whole(args.out / "index.html", page.encode())
    for one in heard:
        say(_summary(one))
    if args.filter is None:
        _say_of_fewer(args.top, heard)
    if how:
        say(how)
    count = counted(len(heard), "sonification")
    say(f"{count} of {len(x) / rate_hz:.1f} s: listen at {args.out / 'index.html'}")


def _hear(
    model: nn.Module,
    blocks: tuple[Block, ...] | None,
    x: np.ndarray,
    args: argparse.Namespace,
    rate_hz: int,
) -> tuple[list[Heard], str]:
    """Return the sonifications and, if not made by the engine (`blocks` None), a note on how."""
    gain = 1.0 if args.gain is None else args.gain
    layers = args.layer and list(dict.fromkeys(args.layer))
    filters = args.filter and list(dict.fromkeys(args.filter))
    asked = {"rate_hz": rate_hz, "top": args.top, "filters": filters, "rule": args.rule}
    if blocks is None:
        by_autograd = AutogradSonifier(model, gain)
        _warn_of_scale(first_convolution(model), gain, x)
        heard, run = hear_by_autograd(by_autograd, x, layers, **asked)
        return heard, _how(run)
    sonifier = Sonifier(blocks, args.precision, gain=gain)
    _warn_of_scale(blocks[0].conv, sonifier.gain, x)
    spread = np.linspace(1, len(blocks), DEFAULT_LAYERS).round().astype(int).tolist()
    return hear(sonifier, x, layers or list(dict.fromkeys(spread)), **asked), ""


def _say_of_fewer(top: int, heard: list[Heard]) -> None:
    """Tell the layers that have fewer filters than were asked for."""
    counts = Counter(one.layer for one in heard)
    fewer = [f"{n} in layer {layer}" for layer, n in counts.items() if n < top]
    if fewer:
        say(f"--top is {top}, but there are only {', '.join(fewer)}: all of these are sonified")


def _how(run: Run) -> str:
    """Describe what was done by automatic differentiation, and what was left unchanged."""
    rectifiers = ", ".join(dict.fromkeys(run.names))
    how = f"By autograd: every rectifier ({rectifiers}) passes back positive gradients only"
    if run.plain:
        how += f"; other nonlinearities keep their own gradient ({', '.join(run.plain)})"
    if run.stopped:
        how += f". The model stopped after layer {len(run.maps)}: {run.stopped.rstrip('.')}"
    return how + "."


def _warn_of_scale(conv: nn.Conv1d | None, gain: float, x: np.ndarray) -> None:
    """Warn if the recording seems to have another scale than the model was trained on."""
    if conv is None:
        return
    better = suggested_gain(conv, gain, torch.from_numpy(x).to(conv.weight)[None])
    if better is not None:
        say(
            "warning: the model's first layer barely responds to this recording at gain "
            f"{gain:g}, so you may not hear its filters; if it was trained on larger waveforms, "
            f"give --gain (its weights suggest about {better:g})"
        )


def _model(args: argparse.Namespace) -> tuple[nn.Module, str]:
    """Return the model and its name for display."""
    if args.by == BY:
        for option in ("fold", "allow_strided"):
            if args.model is not None and getattr(args, option):
                flag = option.replace("_", "-")
                raise SonifyError(f"--{flag} is not needed with --by {BY}: leave it out")
    if args.model is None:
        for option in ("weights", "part", "rate", "fold", "gain", "allow_strided"):
            if getattr(args, option) not in (None, False):
                flag = option.replace("_", "-")
                raise SonifyError(f"--{flag} is only for --model: leave it out with --checkpoint")
        ours, card = checkpoint.load(args.checkpoint)
        return ours, card.model
    if args.rate is not None and not RATES_HZ[0] <= args.rate <= RATES_HZ[1]:
        low, high = RATES_HZ
        raise SonifyError(f"--rate is {args.rate}: give a sampling rate from {low} to {high} Hz")
    return imported.load(args.model, args.weights), args.model


def _blocks(model: nn.Module, args: argparse.Namespace) -> tuple[Block, ...]:
    """Return the blocks to sonify."""
    # A checkpoint has strided convolutions only where its configuration chose them.
    strided = args.allow_strided or args.model is None
    layers = max(args.layer) if args.layer and min(args.layer) > 0 else None
    try:
        return find_blocks(folded(model) if args.fold else model, strided, layers)
    except CannotFoldError:
        raise
    except SonifyError as error:
        sentence = str(error)
        if args.fold and FOLD in sentence:  # folding was tried and failed: say why
            sentence = f"the model cannot be folded into a chain: {why_not(model)}"
        raise SonifyError(f"{sentence}; or sonify it by autograd, with --by {BY}") from error


def _write(folder: Path, x: np.ndarray, heard: Heard, rate_hz: int) -> Card:
    """Write one filter's sound and spectrograms; return its card for the page."""
    name = f"layer{heard.layer:02d}_filter{heard.filter:04d}"
    above, below = spectrograms(x, heard.signal)
    sound = wav(heard.signal, rate_hz)
    write_whole(folder / f"{name}.wav", sound)
    write_whole(folder / f"{name}_input.png", above)
    write_whole(folder / f"{name}.png", below)
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


def _summary(heard: Heard) -> str:
    place = f"layer {heard.layer:2d}  filter {heard.filter:4d}"
    if heard.dead:
        return f"{place}  dead"
    how = "  by autograd" if heard.by == BY else ""
    return f"{place}  activation {heard.activation:8.3f} at {heard.time_s:5.2f} s{how}"


if __name__ == "__main__":
    main()
