"""Names become parts of paths and of shell commands: none may mean anything else there."""

import re

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sonify.evaluation.option_types import RecipeName, RunName

SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
LETTERS = st.sampled_from(list("ab0._-/\\ \n\r\t;$`'\"*?<>|&{}()#~\0ä"))


@settings(max_examples=2000)
@given(st.text(LETTERS, max_size=6) | st.text(max_size=6))
@example("a\n")
@example("../a")
@example("-rf")
def test_a_name_that_is_accepted_is_a_plain_word(text):
    for kind in (RunName, RecipeName):
        try:
            name = msgspec.convert(text, kind)
        except msgspec.ValidationError:
            continue
        assert SAFE.fullmatch(name), repr(name)


def test_names_that_the_configurations_use_are_accepted():
    assert msgspec.convert("speech_commands-contrastive-full", RunName)
    assert msgspec.convert("CNN12_x2", RecipeName)
