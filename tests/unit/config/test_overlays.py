import pytest

from sonify.config.__main__ import overlaid
from sonify.config.overlays import check_file
from sonify.runtime.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("training:\n  seeds: [0\n", r"my\.yaml, line 3: .*: correct the YAML there"),
        ("training:\n\tseeds: [0]\n", r"my\.yaml, line 2: .* tab .*: replace it"),
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


def test_merge_keys_work_as_in_snakemake(tmp_path):
    file = tmp_path / "my.yaml"
    file.write_text("a: &a {x: 1, y: 2}\nb: &b {z: 1}\nc:\n  <<: *a\n  y: 3\nd:\n  <<: [*a, *b]\n")
    check_file(file)
    assert overlaid([file])["c"] == {"x": 1, "y": 3}
    file.write_text("a: &a {x: 1}\nb:\n  <<: *a\n  y: 2\n  y: 3\n")
    with pytest.raises(ConfigError, match="line 5: the key 'y' is given a second time"):
        check_file(file)


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "utf-16"])
def test_a_file_in_another_encoding_is_named_with_its_line(tmp_path, encoding):
    file = tmp_path / "my.yaml"
    file.write_bytes("a: 1\nb: Köln\n".encode(encoding))
    line = 1 if encoding == "utf-16" else 2
    with pytest.raises(ConfigError, match=rf"my\.yaml, line {line}: .*: save it as UTF-8"):
        check_file(file)


def test_a_byte_order_mark_and_windows_lines_do_no_harm(tmp_path):
    file = tmp_path / "my.yaml"
    file.write_bytes(b"\xef\xbb\xbfthreads: 3\r\ndevice: cpu\r\n")
    assert overlaid([file])["threads"] == 3


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "a: 1\nb: \x07\n",
            r"my\.yaml, line 2: there is a control character \(U\+0007\): delete it",
        ),
        ("a: 2020-99-99\n", r"my\.yaml: .*: correct the YAML"),
        ("a: *b\n", r"my\.yaml, line 1: found undefined alias 'b': correct"),
    ],
)
def test_what_yaml_cannot_read_is_one_sentence(tmp_path, text, sentence):
    file = tmp_path / "my.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=sentence):
        check_file(file)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_byte_order_mark_is_called_so(tmp_path, encoding):
    file = tmp_path / "my.yaml"
    file.write_bytes("threads: 3\ndevice: cpu\n".encode(encoding))
    with pytest.raises(ConfigError, match=r"my\.yaml, line 1: .*UTF-16.*: save it as UTF-8"):
        check_file(file)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("device: “cpu”", r"“ \(left double quotation mark, U\+201C\) .*: write \" or '"),
        ("device: “a: b”", r"“ \(left double quotation mark, U\+201C\) .*: write"),
        ("device: [a, „cpu“]", r"„ \(double low-9 quotation mark, U\+201E\) .*: write"),
        ("‘device’: cpu", r"‘ \(left single quotation mark, U\+2018\) .*: write"),
        ("rate: −3", r"− \(minus sign, U\+2212\) is no minus sign to YAML: write -"),
        ("seeds:\t[0]", r"there is a tab \(U\+0009\), .*: replace it by spaces"),
        ("seeds: 0\t# one", r"there is a tab"),
        (r'path: "C:\data"', "a backslash between double quotes .*: put the text in single quotes"),
        (r'path: "C:\Users\me"', "a backslash between double quotes"),
        (r'path: "C:\temp"', "a backslash between double quotes"),
        ("\u00a0\u00a0seeds: 0", r"an invisible no-break space \(U\+00A0\): delete it or write"),
        ("seeds:\u00a0[0]", r"an invisible no-break space \(U\+00A0\)"),
        ("seeds: 0\u200b", r"an invisible zero width space \(U\+200B\): delete it"),
        ("seeds: 0\u2028", r"an invisible line separator \(U\+2028\), which ends the line: delete"),
    ],
)
def test_letters_that_look_like_others_are_named_with_file_and_line(tmp_path, line, sentence):
    file = tmp_path / "my.yaml"
    file.write_text(f"# “a comment”\nthreads: 3\n{line}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"my\.yaml, line 3: .*{sentence}") as caught:
        check_file(file)
    assert "\n" not in str(caught.value)
