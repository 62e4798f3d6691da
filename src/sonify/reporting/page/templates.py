"""The page templates in `static/`, filled: HTML that needs no other file and no network."""

import base64
import hashlib
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

STATIC = Path(__file__).resolve().parent / "static"


def rendered(template: str, context: dict) -> str:
    """Fill the template of this file name with `context`; text from `context` is escaped."""
    return _environment().get_template(template).render(context)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(STATIC),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["duration"] = duration
    environment.filters["data_uri"] = data_uri
    environment.globals["policy"] = policy
    return environment


def policy(style: str, script: str = "") -> str:
    """Return the content security policy of a page: its own style and script, known by their hash,
    pictures and sounds that it holds itself, and nothing else, whatever a name or label says."""
    scripts, styles = (
        f"'sha256-{_digest(text)}'" if text else "'none'" for text in (script, style)
    )
    return (
        f"default-src 'none'; script-src {scripts}; style-src {styles}; img-src data:; "
        "media-src data:; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def data_uri(content: bytes, media_type: str) -> str:
    """Return `content` as a data: address, so that the page needs no other file."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"


def duration(seconds: float) -> str:
    """Format seconds for people: 0.4 s, 12 s, 3 min 20 s, 2 h 05 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{rest} s"
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
