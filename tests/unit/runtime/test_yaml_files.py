import pytest
import yaml

from sonify.contracts import tables
from sonify.runtime import yaml_files
from sonify.runtime.yaml_files import read_yaml


@pytest.mark.parametrize("loader", [yaml_files._LOADER, yaml.SafeLoader], ids=["C", "Python"])
def test_what_is_read_is_what_pyyamls_own_parser_reads(loader, monkeypatch):
    """Whether or not PyYAML was built with its parser in C."""
    monkeypatch.setattr(yaml_files, "_LOADER", loader)
    for file in sorted(tables.SCHEMAS.glob("c*.yaml")):
        assert read_yaml(file) == yaml.safe_load(file.read_text(encoding="utf-8")), file
