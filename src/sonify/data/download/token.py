"""The user's own access token of Hugging Face, with which the hub allows more downloads."""

import os
from collections.abc import Callable
from pathlib import Path

import requests

from sonify.runtime.errors import SonifyError


def token() -> str | None:
    """Return HF_TOKEN, else the token that `hf auth login` stored; None without either.

    Raises SonifyError, which does not show it, for one with characters that no header may hold.
    """
    found = (os.environ.get("HF_TOKEN") or _stored()).strip()
    if not (found.isascii() and found.isprintable()) or " " in found:
        raise SonifyError(
            "the access token of Hugging Face has blanks or characters other than letters, digits "
            "and signs: correct HF_TOKEN, or log in again (hf auth login)"
        )
    return found or None


def authorise(session: requests.Session, url: str) -> None:
    """Have `session` send the token, if there is one, with requests below the address `url`.

    Requests to other hosts, and those that the hub redirects to its storage, are sent without.
    """
    own = token()
    if own is not None:
        session.auth = _bearer(own, f"{url.rstrip('/')}/")


def _bearer(own: str, below: str) -> Callable[[requests.PreparedRequest], requests.PreparedRequest]:
    def add(request: requests.PreparedRequest) -> requests.PreparedRequest:
        if request.url and request.url.startswith(below):
            request.headers["Authorization"] = f"Bearer {own}"
        return request

    return add


def _stored() -> str:
    """The file of the token, as huggingface_hub places it; empty without one."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("HF_HOME") or f"{cache}/huggingface"
    file = Path(os.environ.get("HF_TOKEN_PATH") or f"{home}/token").expanduser()
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
