"""Overview pictures: a small spectrogram for each filter, tiled into a few sheets per layer."""

from pathlib import Path

import numpy as np
from matplotlib import colormaps
from PIL import Image

from sonify.reporting.spectrogram import COLOURS, HEIGHT, RANGE_DB, WIDTH, power

TILE_WIDTH, TILE_HEIGHT = WIDTH // 4, HEIGHT // 2
COLUMNS = 8  # tiles side by side
PER_SHEET = 8 * COLUMNS  # small pictures, so that none takes long to decode while one scrolls
_QUALITY = 60  # of WebP: a third of the size of the exact picture, alike at the size shown
PALETTE = colormaps[COLOURS](np.arange(256), bytes=True)[:, :3]  # (256, 3) bytes, dark to bright


def tile(x: np.ndarray) -> np.ndarray:
    """Return a spectrogram of (time,) as levels, (TILE_HEIGHT, TILE_WIDTH).

    0 to 255 over the RANGE_DB below the loudest; silence is all 0.
    """
    if not np.any(x):
        return np.zeros((TILE_HEIGHT, TILE_WIDTH), np.uint8)
    pooled = power(x).reshape(TILE_HEIGHT, 2, TILE_WIDTH, 4).mean(axis=(1, 3))
    decibel = 10 * np.log10(np.maximum(pooled / pooled.max(), 10 ** (-RANGE_DB / 10)))
    return np.round(255 * (1 + decibel / RANGE_DB)).astype(np.uint8)


def write_sheets(tiles: list[np.ndarray], folder: Path, name: str) -> None:
    """Write the tiles as WebP sheets <name>-0, <name>-1, ..., in reading order.

    PER_SHEET tiles each, COLUMNS to a row.
    """
    for number, first in enumerate(range(0, len(tiles), PER_SHEET)):
        own = tiles[first : first + PER_SHEET]
        rows = -(-len(own) // COLUMNS)
        sheet = np.zeros((rows * COLUMNS, TILE_HEIGHT, TILE_WIDTH), np.uint8)
        sheet[: len(own)] = own
        grid = sheet.reshape(rows, COLUMNS, TILE_HEIGHT, TILE_WIDTH).swapaxes(1, 2)
        picture = Image.fromarray(PALETTE[grid.reshape(rows * TILE_HEIGHT, COLUMNS * TILE_WIDTH)])
        picture.save(folder / f"{name}-{number}.webp", format="WEBP", quality=_QUALITY)
