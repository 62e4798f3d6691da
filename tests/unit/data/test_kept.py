"""Parts are made once, whole or not at all, and again where they are damaged."""

import os

import numpy as np
import pandas as pd
import pytest

from sonify.contracts import tables
from sonify.data.kept import Kept

ROWS = {"dataset": "fsd50k", "index": [1, 0], "label": ["b", "a"], "mid": ""}


@pytest.mark.parametrize("kind", ["table", "arrays"])
def test_a_part_is_made_once_and_again_where_it_is_damaged(tmp_path, capsys, kind):
    made: list[int] = []

    def table() -> pd.DataFrame:
        made.append(1)
        return pd.DataFrame(ROWS)

    def arrays() -> dict[str, np.ndarray]:
        made.append(1)
        return {"names": np.array(["a", "bcd"]), "of rules": np.arange(6.0).reshape(2, 3)}

    def ask(kept: Kept):
        if kind == "arrays":
            return kept.arrays("part", arrays)
        return tables.checked(kept.table("part", "vocabulary", table), "vocabulary").to_pydict()

    expected = ask(Kept())
    for times in (2, 2, 2):
        found = ask(Kept(tmp_path))
        assert len(made) == times
        if kind == "table":
            assert found == expected and found["label"] == ["a", "b"]
        else:
            assert found.keys() == expected.keys()
            assert all(np.array_equal(found[k], v) for k, v in expected.items())
    (file,) = tmp_path.iterdir()
    os.truncate(file, file.stat().st_size - 30)
    ask(Kept(tmp_path))
    assert len(made) == 3
    assert capsys.readouterr().err.startswith(f"{file} is damaged (")
    ask(Kept(tmp_path))
    assert len(made) == 3 and len(list(tmp_path.iterdir())) == 1
