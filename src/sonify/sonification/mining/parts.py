"""Mining a split one stored part at a time: resumable, and shared between workers.

Each part's candidates go into a work folder under a name that says what they were made from. A
killed job goes on at the part where it stopped, several jobs may mine some parts each, and
candidates of other weights, clips, settings or code are never picked up.
"""

import hashlib
import json
from argparse import ArgumentTypeError
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from sonify.contracts import tables
from sonify.contracts.audio_format import RATE_HZ
from sonify.data.clips import length_buckets, load_part
from sonify.models.checkpoint import ModelCard
from sonify.sonification.deconvnet.sonifier import Sonifier
from sonify.sonification.mining.top_activations import TopActivations, observe

TABLE = "top_activations"


def share(text: str) -> tuple[int, int]:
    """The share that `i/n` names, as (i, n); argparse's own error unless 1 <= i <= n."""
    i, slash, n = text.partition("/")
    if not (slash and i.isdecimal() and n.isdecimal() and 1 <= int(i) <= int(n)):
        raise ArgumentTypeError(f"{text!r} is no share: give i/n with i from 1 to n, such as 2/8")
    return int(i), int(n)


def mine_parts(
    model: nn.Module,
    card: ModelCard,
    sizes: Mapping[Path, int],
    *,
    work: Path,
    top: int,
    max_samples: int,
    code: str = "",
    share: tuple[int, int] = (1, 1),
    device: torch.device | str = "cpu",
    progress: Callable[[int], None] | None = None,
) -> pd.DataFrame | None:
    """The top_activations table of a model: the `top` clips of every filter over a split.

    `sizes` has the stored parts of the split and their numbers of clips, none of them empty;
    batches hold at most `max_samples` samples. `work` is a folder for the candidates of each part;
    `code` names the state of the code. With `share` (i, n) only the i-th of n shares of the
    parts is mined and None comes back: a call without a share then mines what is left and merges.
    `progress` is told how many clips are done.

    However the parts are shared out and whenever a job was killed, the table has the same bits, for
    the same parts, `max_samples`, device and torch version; other batches may differ in the last
    bits of a float32.
    """
    sonifier = Sonifier(model, allow_strided=True)
    filters = [block.conv.out_channels for block in sonifier.blocks]
    facts = [torch.__version__, str(device), top, max_samples, code, card.keys]
    shared = _digest(model, facts)
    found, done = TopActivations(filters, top), 0
    for file in list(sizes)[share[0] - 1 :: share[1]]:
        kept = work / f"{_named(shared, file)}.parquet"
        if not kept.is_file():
            clips, miner = load_part(file), TopActivations(filters, top)
            mined = done
            for indices in length_buckets(clips.lengths, max_samples):
                x = torch.from_numpy(clips.whole(indices)).to(device)
                observe(miner, sonifier, x, [clips.ids[i] for i in indices])
                mined += len(indices)
                if progress:
                    progress(mined)
            tables.write(_table(miner, card, clips.dataset, clips.splits[0]), kept, TABLE)
        done += sizes[file]
        part = tables.read(kept, TABLE)
        found.merge(part)
    return _table(found, card, *part.loc[0, ["dataset", "split"]]) if share[1] == 1 else None


def discard(work: Path) -> None:
    """Delete the candidates in `work`, once their table is written; and `work` if it is empty."""
    for kept in work.glob("*-part-*.parquet"):
        kept.unlink()
    if not any(work.iterdir()):
        work.rmdir()


def _table(miner: TopActivations, card: ModelCard, dataset: str, split: str) -> pd.DataFrame:
    table = miner.table().assign(dataset=dataset, split=split, **card.keys)
    strides = np.array(card.architecture.strides)
    return table.assign(time_s=table["frame"] * strides[table["layer"] - 1] / RATE_HZ)


def _digest(model: nn.Module, facts: list) -> bytes:
    """Of what all parts share: weights, settings, code."""
    digest = hashlib.sha256(json.dumps(facts).encode())
    for name, tensor in model.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().numpy().tobytes())
    return digest.digest()


def _named(shared: bytes, file: Path) -> str:
    """Name of a part's candidates: its split, its own name, and what they were made from."""
    with file.open("rb") as stored:
        content = hashlib.file_digest(stored, "sha256").digest()
    return f"{file.parent.name}-{file.stem}-{hashlib.sha256(shared + content).hexdigest()[:24]}"
