"""The user's Hugging Face access token, which raises the hub's download limits."""

import os
from collections.abc import Callable
from pathlib import Path

import requests

from sonify.runtime.errors import SonifyError


def token() -> str | None:
    """Return HF_TOKEN, else the token stored by `hf auth login`, else None.

    Raises SonifyError, without revealing it, for a token with characters illegal in a header.
    """
    value = (os.environ.get("HF_TOKEN") or _stored()).strip()
    if not (value.isascii() and value.isprintable()) or " " in value:
        raise SonifyError(
            "the Hugging Face access token contains spaces or characters other than letters, "
            "digits and punctuation: correct HF_TOKEN, or log in again (hf auth login)"
        )
    return value or None


def authorise(session: requests.Session, url: str) -> None:
    """Make `session` send the token, if there is one, with requests below `url`.

    Requests to other hosts, including redirects to the hub's storage, go without it.
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
    """Read the token from the file where huggingface_hub stores it; empty without one."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("HF_HOME") or f"{cache}/huggingface"
    file = Path(os.environ.get("HF_TOKEN_PATH") or f"{home}/token").expanduser()
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
