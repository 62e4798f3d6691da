"""The generated reference (`make docs`) shows the public names, and pdoc has nothing to warn of."""

import pdoc
import pytest

from sonify import api

# The public names, and modules that import what their annotations name for type checkers only.
MODULES = ("sonify.api", "sonify.data.corpora.listing", "sonify.evaluation.stage")


@pytest.mark.filterwarnings("error")
def test_modules_have_their_pages(tmp_path):
    pdoc.pdoc(*MODULES, output_directory=tmp_path)
    page = (tmp_path / "sonify" / "api.html").read_text(encoding="utf-8")
    for name in api.__all__:
        assert f'id="{name}"' in page
