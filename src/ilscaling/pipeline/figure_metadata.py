"""Every picture names its key, in the file itself: a figure in a paper leads back to its data.

PNG, GIF and SVG hold it as a comment, which no program draws; `ilscaling why FILE` reads it.
"""

import re
import struct
import zlib
from pathlib import Path

from ilscaling.files import atomic

WORD = "ilscaling"
PNG = b"\x89PNG\r\n\x1a\n"
NAMED = re.compile(rb"ilscaling[ \0]([a-z]+)-([0-9a-f]{12})")


def _png(data: bytes, text: bytes) -> bytes:
    """A text chunk behind the header chunk, which must be the first."""
    header = len(PNG) + 8 + 13 + 4
    chunk = b"tEXt" + WORD.encode() + b"\0" + text
    size, check = struct.pack(">I", len(chunk) - 4), struct.pack(">I", zlib.crc32(chunk))
    return data[:header] + size + chunk + check + data[header:]


def _gif(data: bytes, text: bytes) -> bytes:
    """A comment before the last byte, which ends the file."""
    comment = f"{WORD} ".encode() + text
    return data[:-1] + b"\x21\xfe" + bytes([len(comment)]) + comment + b"\0" + data[-1:]


def _svg(data: bytes, text: bytes) -> bytes:
    return data.rstrip() + f"\n<!-- {WORD} ".encode() + text + b" -->\n"


KINDS = {".png": _png, ".gif": _gif, ".svg": _svg}


def write(path: Path, label: str) -> None:
    """Write a label into a picture; leaves other files alone, and pictures that have one.

    Parameters
    ----------
    path
        The file; a picture by its ending is one of `KINDS`.
    label
        Step and key, such as 'figures-0123456789ab'.
    """
    data = path.read_bytes()
    if path.suffix in KINDS and not NAMED.search(data):
        with atomic(path) as temporary:
            temporary.write_bytes(KINDS[path.suffix](data, label.encode()))


def read(path: Path) -> tuple[str, str] | None:
    """Step and key that a picture names; None if it names none."""
    match = NAMED.search(path.read_bytes()) if path.suffix in KINDS else None
    return (match[1].decode(), match[2].decode()) if match else None
