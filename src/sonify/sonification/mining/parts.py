"""Mining of a split one stored part at a time: resumable, and divisible among workers.

Each part's candidates go into a work folder under a fingerprint of everything they depend on. A
killed job resumes at the part where it stopped, several jobs may mine some of the parts each, and
candidates of other weights, clips, settings or code are never reused.
"""

import hashlib
import json
from argparse import ArgumentTypeError
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
import torch
from torch import nn

from sonify.contracts import tables
from sonify.contracts.audio_format import RATE_HZ
from sonify.data.clips import Clips, length_buckets, load_part
from sonify.data.mined import mined
from sonify.models.checkpoint import ModelCard
from sonify.runtime.errors import SonifyError
from sonify.sonification.explainer import Explainer
from sonify.sonification.mining.top_activations import TopActivations, observe
from sonify.sonification.settings import Mining

TABLE = "top_activations"
_CLIP = ["clip_id", "dataset", "split", "n_samples"]


def share(text: str) -> tuple[int, int]:
    """Parse `i/n`, the i-th of n shares of the work; argparse's own error unless 1 <= i <= n."""
    i, slash, n = text.partition("/")
    if not (slash and i.isdecimal() and n.isdecimal() and 1 <= int(i) <= int(n)):
        raise ArgumentTypeError(
            f"{text!r} is not a share: give i/n with i from 1 to n, such as 2/8"
        )
    return int(i), int(n)


def mine_parts(
    explainer: Explainer,
    model: nn.Module,
    card: ModelCard,
    sizes: Mapping[Path, int],
    *,
    work: Path,
    top: int,
    mining: Mining,
    max_samples: int,
    code: str = "",
    share: tuple[int, int] = (1, 1),
    device: torch.device | str = "cpu",
    progress: Callable[[int], None] | None = None,
) -> pd.DataFrame | None:
    """Return the top_activations table of a model: the `top` clips of every filter of a split.

    `explainer` is one of `model`, whose weights go into the fingerprint. `sizes` maps the stored
    parts of the split to their numbers of clips, none of them empty. `mining` says which of the
    clips are mined, which part of them, and by what they are ranked; batches hold at most
    `max_samples` samples. `work` is a folder for the candidates of each part; `code` identifies the
    state of the code. With `share` (i, n) only the i-th of n shares of the parts is mined and None
    returned; a call without a share then mines what is left and merges. `progress` is called with
    the number of clips done. Raises SonifyError as `mined` does, and where no clip is left.

    The table is bit-identical however the parts are divided and whenever a job was killed, for the
    same parts, `max_samples`, device and torch version; other batches may differ in the last bits
    of a float32.
    """
    choice = [mining.rule, list(mining.exclude_labels), mining.crop_s]
    facts = [torch.__version__, str(device), top, choice, max_samples, code, card.keys]
    shared = _digest(model, facts)
    merged, done, parts = TopActivations(explainer.filters, top), 0, []
    for file in list(sizes)[share[0] - 1 :: share[1]]:
        kept = work / f"{_named(shared, file)}.parquet"
        if not kept.is_file():
            miner, clips, seen = TopActivations(explainer.filters, top), _clips(), done
            for part in mined([load_part(file)], mining.exclude_labels, mining.crop_s):
                clips = _clips(part)
                for indices in length_buckets(part.lengths, max_samples):
                    x = torch.from_numpy(part.whole(indices)).to(device)
                    observe(miner, explainer, x, [part.ids[i] for i in indices], mining.rule)
                    seen += len(indices)
                    if progress:
                        progress(seen)
            tables.write(_table(miner, explainer, card, clips), kept, TABLE)
        done += sizes[file]
        parts.append(tables.read(kept, TABLE))
        merged.merge(parts[-1])
    if share[1] > 1:
        return None
    clips = pd.concat(parts)[_CLIP].drop_duplicates("clip_id")
    if not len(clips):
        raise SonifyError(
            "sonification.mining.exclude_labels leaves no clip to mine: name fewer labels"
        )
    return _table(merged, explainer, card, clips)


def discard(work: Path) -> None:
    """Delete the candidates in `work`, whose table is written, and `work` itself if it is empty."""
    for kept in work.glob("*-part-*.parquet"):
        kept.unlink()
    if not any(work.iterdir()):
        work.rmdir()


def _clips(part: Clips | None = None) -> pd.DataFrame:
    """The clips of a part, if any are mined, as they are mined: a row each."""
    if part is None:
        return pd.DataFrame(columns=_CLIP)
    values = part.ids, part.dataset, part.splits, part.lengths
    return pd.DataFrame(dict(zip(_CLIP, values, strict=True)))


def _table(
    miner: TopActivations, explainer: Explainer, card: ModelCard, clips: pd.DataFrame
) -> pd.DataFrame:
    """The candidates with the facts of their clips, and the times of their maxima."""
    grids = explainer.grids(pooled=False)
    table = miner.table().merge(clips, on="clip_id", how="left", validate="m:1")
    at = zip(table["layer"], table["frame"], table["n_samples"], strict=True)
    times = [grids[layer - 1].centre(frame, n) / RATE_HZ for layer, frame, n in at]
    return table.assign(time_s=times, **card.keys)


def _digest(model: nn.Module, facts: list) -> bytes:
    """Fingerprint of the facts that all parts have in common: weights, settings, code."""
    digest = hashlib.sha256(json.dumps(facts).encode())
    for name, tensor in model.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().numpy().tobytes())
    return digest.digest()


def _named(shared: bytes, file: Path) -> str:
    """Name of a part's candidates: its split, its own name, and the fingerprint of both."""
    with file.open("rb") as stored:
        content = hashlib.file_digest(stored, "sha256").digest()
    return f"{file.parent.name}-{file.stem}-{hashlib.sha256(shared + content).hexdigest()[:24]}"
