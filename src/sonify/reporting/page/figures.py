"""The figures of the results page: their images, and the captions beside them."""

import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from PIL import Image

LARGE_BYTES = 200_000  # an SVG beyond this is made of pictures
_WEBP_QUALITY = 85

Caption = Mapping[str, str]  # title, width, alt, read and paper, see reporting.figure


class Drawing(NamedTuple):
    """One drawn figure: its image, the names of all its files, and its caption."""

    image: bytes
    media_type: str
    files: tuple[str, ...]
    caption: Caption


def drawings(files: Iterable[Path], captions: Mapping[str, Caption]) -> dict[str, Drawing]:
    """Return the figures among `files` by name, in the order of `captions`.

    figure_6 comes from figure_6.svg and figure_6.png. Curves are shown as SVG; the PNG, as WebP,
    is shown where there is no SVG or it exceeds LARGE_BYTES (spectrograms become five times
    smaller). Other files are ignored.
    """
    by_suffix: dict[str, dict[str, Path]] = {name: {} for name in captions}
    for file in sorted(files):
        if file.suffix in (".svg", ".png") and file.stem in by_suffix:
            by_suffix[file.stem][file.suffix] = file
    return {
        name: Drawing(*_image(of), tuple(file.name for file in of.values()), captions[name])
        for name, of in by_suffix.items()
        if of
    }


def _image(files: dict[str, Path]) -> tuple[bytes, str]:
    svg = files.get(".svg")
    if svg and (".png" not in files or svg.stat().st_size <= LARGE_BYTES):
        return svg.read_bytes(), "image/svg+xml"
    buffer = io.BytesIO()
    with Image.open(files[".png"]) as picture:
        picture.convert("RGB").save(buffer, format="WEBP", quality=_WEBP_QUALITY)
    return buffer.getvalue(), "image/webp"
