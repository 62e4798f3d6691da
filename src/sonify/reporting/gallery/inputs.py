"""Reading the gallery's content from the tables; signals are streamed, never held together."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from sonify.contracts import tables
from sonify.data.audio.pcm import samples
from sonify.data.mined import centre
from sonify.reporting.sources import parts_of, read_all
from sonify.runtime.errors import SonifyError

CLIP = ["dataset", "split", "clip_id"]
EVOLVED = ["model", "inputs", "layer", "filter"]
Key = tuple[str, str, str]  # of a clip: dataset, split, clip_id
_ROWS = 48  # rows of signals read at a time


@dataclass(frozen=True)
class Model:
    """A sonified model: its top_activations, and its filters by (layer, filter).

    `sonifications` is the table of its signals, sorted by layer, filter, rank. alone: by (layer,
    filter, rank) and sound, rows of table specificity, if that has been measured.
    """

    name: str
    sonifications: Path
    top: pd.DataFrame
    filters: pd.DataFrame
    alone: Mapping[tuple, Mapping[str, dict]]


def models(
    folders: Sequence[Path], filters: Path, names: Sequence[str], specificity: Path | None = None
) -> list[Model]:
    """Read the models called `names`, in that order, each from the folder of its name.

    Raises SonifyError for a model without a folder or a sonified filter that table `filters` lacks.
    """
    by_name = {folder.name: folder for folder in folders}
    described, shown = tables.read(filters, "filters"), []
    measured = tables.read(specificity, "specificity") if specificity else None
    for name in names:
        if name not in by_name:
            raise SonifyError(
                f"model {name} has no folder among {sorted(by_name)}: sonify it first"
            )
        file = by_name[name] / "top_activations.parquet"
        top = tables.read(file, "top_activations")
        own = described[described["model"] == name].set_index(["layer", "filter"])
        ours = top.set_index(["layer", "filter"]).index.unique()
        if not ours.isin(own.index).all() or not own.index.is_unique:
            raise SonifyError(
                f"{filters}: it must have each filter of {file} once: rerun the evaluation of "
                "filters"
            )
        alone = {} if measured is None else _alone(measured[measured["model"] == name])
        place = by_name[name] / "sonifications.parquet"
        shown.append(Model(name, place, top, own.loc[ours], alone))
    return shown


def _alone(measured: pd.DataFrame) -> dict[tuple, dict[str, dict]]:
    """Return rows of table specificity by (layer, filter, rank) and sound."""
    found: dict[tuple, dict[str, dict]] = {}
    for row in measured.to_dict("records"):
        key = row["layer"], row["filter"], row["rank"]
        found.setdefault(key, {})[row["sound"]] = row
    return found


def evolved(evolution: Path) -> pd.DataFrame:
    """Read the rows of table evolution without their signals, in key order."""
    columns = [*CLIP, "n_samples", "regime", *EVOLVED, "epoch"]
    return read_all([evolution], "evolution", columns=columns).sort_values([*EVOLVED, "epoch"])


def clips_used(used: Sequence[pd.DataFrame], data: Sequence[Path]) -> dict[Key, dict]:
    """Read the manifest rows of the clips in `used` (columns of CLIP and n_samples), numbered from
    0 in `number`; n_samples is what was mined of them.

    `data` are the folders of prepared corpora. Raises SonifyError naming a clip that none of their
    manifests has, that is shorter than what was mined of it, or of which two models mined different
    parts.
    """
    columns = [*CLIP, "n_samples"]
    wanted = pd.concat([frame[columns] for frame in used]).drop_duplicates().sort_values(CLIP)
    for row in wanted[wanted.duplicated(CLIP)].itertuples():
        raise SonifyError(f"clip {row.clip_id} was mined in two lengths: mine all models again")
    files = [folder / "manifest.parquet" for folder in data]
    selected = pc.field("clip_id").isin(pa.array(wanted["clip_id"].unique(), pa.string()))
    known = {key_of(row): row for row in read_all(files, "manifest", selected).to_dict("records")}
    lengths = {tuple(key): n for *key, n in wanted.itertuples(index=False)}
    lost = [key for key in lengths if key not in known]
    if lost:
        raise SonifyError(f"clip {'/'.join(lost[0])} is in no manifest: prepare it again")
    for key, n in lengths.items():
        if known[key]["n_samples"] < n:
            raise SonifyError(
                f"{n} samples of clip {'/'.join(key)} were mined, the manifest says "
                f"{known[key]['n_samples']}: rerun preparation and sonification"
            )
    return {
        key: known[key] | {"number": number, "n_samples": n}
        for number, (key, n) in enumerate(lengths.items())
    }


def key_of(row: dict) -> Key:
    """Return the key of the clip that a row, of any table, belongs to."""
    return row["dataset"], row["split"], row["clip_id"]


def signals(file: Path, table: str, key: Sequence[str]) -> Iterator[tuple[tuple, list[dict]]]:
    """Yield the rows of a table sorted by `key`, one key at a time.

    Memory holds _ROWS rows and those of one key. Raises SonifyError naming the file if it breaks
    its contract or is not sorted.
    """
    seen = None
    for own, rows in groupby(_rows(file, table), itemgetter(*key)):
        if seen is not None and own <= seen:
            raise SonifyError(f"{file}: {own} comes after {seen}: delete it and make it again")
        seen = own
        yield own, list(rows)


def sounds(data: Sequence[Path], clips: Mapping[Key, dict]) -> Iterator[tuple[Key, bytes]]:
    """Yield key and mined samples of each of `clips`, reading one row group at a time.

    Raises SonifyError naming a clip that is not stored.
    """
    missing = set(clips)
    files = parts_of(pd.DataFrame(clips.values()), data) if clips else []
    for file in filter(Path.is_file, files):
        for row in _rows(file, "clips", {key[2] for key in missing}):
            if key_of(row) in missing:
                missing.remove(key_of(row))
                pcm = centre(samples(row["pcm"]), clips[key_of(row)]["n_samples"])
                yield key_of(row), pcm.tobytes()
    if missing:
        raise SonifyError(f"clip {'/'.join(min(missing))} has no sound: prepare it again")


def _rows(file: Path, table: str, clip_ids: set[str] | None = None) -> Iterator[dict]:
    """Yield the rows of a table in order, checked; only those of `clip_ids` if given."""
    with tables.damage_named(file), tables.opened(file) as stored:
        for group in range(stored.num_row_groups):
            if clip_ids is not None:
                ids = stored.read_row_group(group, ["clip_id"])["clip_id"].to_pylist()
                if clip_ids.isdisjoint(ids):
                    continue
            for batch in stored.iter_batches(_ROWS, [group]):
                yield from tables.checked(pa.Table.from_batches([batch]), table).to_pylist()
