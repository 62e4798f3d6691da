"""A file with another beginning."""

import io
from typing import BinaryIO, cast


class _Spliced(io.RawIOBase):
    """Reads a prefix, then a file from some byte on."""

    def __init__(self, prefix: bytes, file: BinaryIO, start: int) -> None:
        super().__init__()
        self._prefix, self._file, self._shift = prefix, file, start - len(prefix)
        self._end = file.seek(0, 2) - self._shift
        self._at = 0

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """The position of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a position, counted from the start, from here (1) or from the end (2)."""
        self._at = max(0, offset + (0, self._at, self._end)[whence])
        return self._at

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        """Fill the buffer as far as there are bytes; return their number."""
        out = memoryview(buffer).cast("B")
        part = self._prefix[self._at : self._at + len(out)]
        if not part and len(out):
            self._file.seek(self._at + self._shift)
            part = self._file.read(len(out))
        elif len(part) < len(out):
            self._file.seek(len(self._prefix) + self._shift)
            part += self._file.read(len(out) - len(part))
        out[: len(part)] = part
        self._at += len(part)
        return len(part)


def spliced(prefix: bytes, file: BinaryIO, start: int) -> BinaryIO:
    """A file to read: `prefix`, then `file` from byte `start` on, which is not copied."""
    return cast(BinaryIO, _Spliced(prefix, file, start))
