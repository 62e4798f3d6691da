import pytest

from sonify.config.overlays import check_file
from sonify.runtime.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("training:\n  seeds: [0\n", r"my\.yaml, line 3: .*: mend the YAML there"),
        ("training:\n\tseeds: [0]\n", r"my\.yaml, line 2: .*: mend"),
        (
            "training: {seeds: [0]}\ntraining: {seeds: [1]}\n",
            "line 2: the key 'training' is",
        ),
        ("a:\n  b: 1\n  c: 2\n  b: 3\n", r"line 4: the key 'b' is given a second time"),
        ("", "has no keys at its top level"),
        ("- 1\n", "has no keys at its top level"),
    ],
)
def test_faults_of_form_are_named_with_their_line(tmp_path, text, sentence):
    file = tmp_path / "my.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=sentence) as caught:
        check_file(file)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"there is no configuration file .*none\.yaml"):
        check_file(tmp_path / "none.yaml")


def test_good_files_pass(tmp_path):
    file = tmp_path / "my.yaml"
    file.write_text("training: &t {seeds: [0]}\nother: *t\n")
    check_file(file)
