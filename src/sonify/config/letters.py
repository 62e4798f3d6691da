"""Letters that a YAML file should not have: they look right, and YAML reads them otherwise.

Word processors, web pages and paths of Windows bring them into configurations.
"""

import re
import unicodedata

# YAML takes the first kind for part of the text, and the second for the end of a line.
_INVISIBLE = re.compile(
    "[\u00a0\u00ad\u1680\u180e\u2000-\u200f\u202a-\u202f\u205f-\u2064\u2066-\u2069\u3000\ufeff]"
)
_BREAKS = re.compile("[\u0085\u2028\u2029]")
_QUOTES = "“”„‟‘’‚‛«»‹›″′＂＇`´"
_DASHES = "‐‑‒–—―−"
# What a backslash makes into characters that no path or name has, such as \t in C:\temp.
_ESCAPED = re.compile(r"(?<!\\)(?:\\\\)*\\[0abtnvfreNLP_]")
BACKSLASH = (
    "a backslash between double quotes has a meaning of its own in YAML: put the text in single "
    "quotes, or write / instead"
)
TAB = "there is a tab (U+0009), which YAML does not take for space: replace it by spaces"


def named(letter: str) -> str:
    """Return a character and what it is called, such as `“ (left double quotation mark, U+201C)`.

    Only its name and number for one that cannot be seen.
    """
    number = f"U+{ord(letter):04X}"
    name = unicodedata.name(letter, "control character").lower()
    return f"{letter} ({name}, {number})" if letter.isprintable() else f"{name} ({number})"


def in_plain(text: str) -> tuple[int, str] | None:
    """Return where a text without quotes has such a letter, and the fault with its remedy.

    Typographic quotation marks around it, a typographic dash before a number or an item, spaces
    that are none to YAML; None if it has none.
    """
    for at in (0, len(text) - 1):
        if text[at] in _QUOTES:
            fault = f"{named(text[at])} is no quotation mark to YAML: write \" or '"
            return at, f"{fault}, or put the text in such if it is meant"
    if re.match(rf"[{_DASHES}](\s|\.?\d|$)", text):
        return 0, (
            f"{named(text[0])} is no minus sign to YAML: write -, or put the text in quotes "
            "if it is meant"
        )
    if found := _INVISIBLE.search(text):
        return found.start(), (
            f"there is an invisible {named(found[0])}: delete it or write a space, or put the text "
            "in quotes if it is meant"
        )
    return None


def in_double_quotes(written: str) -> tuple[int, str] | None:
    """Return where a text in double quotes, as written, has a backslash that makes a control
    character, and the fault with its remedy; None if it has none."""
    found = _ESCAPED.search(written)
    return (found.end() - 2, BACKSLASH) if found else None


def breaks(text: str) -> tuple[int, str] | None:
    """Return where a file has a line break that editors do not show as one; None if it has none."""
    found = _BREAKS.search(text)
    fault = found and f"there is an invisible {named(found[0])}, which ends the line: delete it"
    return (found.start(), fault) if found and fault else None
