"""One game as NLE records it (ttyrec3): its frames, and which of its keys are the player's.

NLE's own reader stops without a word where a file is damaged, so the file is checked first.
"""

import bz2
import re
from pathlib import Path

import numpy as np
from nle.dataset import Converter

VERSION = 3
ROWS, COLUMNS = 24, 80
# The most that a recording may expand to, as a multiple of its size: a bound by judgement, far
# above a played game and far below a bomb of zeros.
RATIO, SLACK = 5_000, 64 * 2**20
TAIL = 256  # frames at a game's end among which its end is looked for; about 10 are shown
SPACE, POUND, META_Q = 32, ord("#"), 0x80 | ord("q")

_STATUS = re.compile(rb" HP:-?\d+\(\d+\) .*AC:")
_ATTRIBUTES = re.compile(rb" the .*'s attributes:")
_PAGE = re.compile(rb"\((?:end|\d+of\d+)\)$")
_SUM = re.compile(rb"with (-?\d+) points?[^0-9].* after (\d+) moves?")


class Unusable(Exception):
    """A recording that cannot be taken; `reason` is a category, `detail` says more."""

    def __init__(self, reason: str, detail: str = ""):
        self.reason, self.detail = reason, detail
        super().__init__(f"{reason}: {detail}" if detail else reason)


def check(path: str | Path) -> None:
    """Raise Unusable for a damaged recording.

    Good is one whole bz2 stream, checksums and all, of a size that a game can have.

    Parameters
    ----------
    path
        The recording.
    """
    path = Path(path)
    if not path.is_file():  # opening a pipe would wait for a writer
        raise Unusable("not a file" if path.exists() else "missing file")
    decompressor = bz2.BZ2Decompressor()
    expanded = 0
    try:
        most = SLACK + RATIO * path.stat().st_size
        with path.open("rb") as file:
            while not decompressor.eof:
                data = file.read(1 << 18) if decompressor.needs_input else b""
                if not data and decompressor.needs_input:
                    raise Unusable("truncated file", "the compressed stream has no end")
                expanded += len(decompressor.decompress(data, 1 << 20))
                if expanded > most:
                    raise Unusable("too large", f"more than {most:,} bytes expanded")
    except OSError as error:
        reason = "unreadable file" if error.errno else "corrupted bz2"
        raise Unusable(reason, error.strerror or str(error)) from None
    if not expanded:
        raise Unusable("empty")


class Tape:
    """A checked recording's frames in their order, as many in sight as were asked for.

    The converter writes them where they are read: between them and the compressor is no copy.

    Parameters
    ----------
    path
        The recording.
    room
        The most frames that are in sight.

    Raises
    ------
    Unusable
        For a file that cannot be read.
    """

    def __init__(self, path: str | Path, room: int):
        self._converter = Converter(ROWS, COLUMNS, VERSION, ROWS, COLUMNS)
        try:
            self._converter.load_ttyrec(str(path), 1, 0)
        except (OSError, RuntimeError) as error:
            raise Unusable("unreadable file", str(error)) from None
        # What is dropped first, a game's opening, then leaves room without moving the rest.
        whole = room + TAIL
        self._arrays = {
            "tty_chars": np.empty((whole, ROWS, COLUMNS), np.uint8),
            "tty_colors": np.empty((whole, ROWS, COLUMNS), np.int8),
            "tty_cursor": np.empty((whole, 2), np.int16),
            "time": np.empty(whole, np.int64),
            "key": np.empty(whole, np.uint8),
            "score": np.empty(whole, np.int32),
        }
        self._room, self._whole = room, whole
        self._start, self._stop, self._ended = 0, 0, False

    @property
    def frames(self) -> dict[str, np.ndarray]:
        """tty_chars uint8 (n, 24, 80), tty_colors int8 (n, 24, 80), tty_cursor int16 (n, 2), key
        uint8 (n,), score int32 (n,): frame i is the screen, and the score, before key i. They
        hold until `fill`."""
        seen = slice(self._start, self._stop)
        return {name: values[seen] for name, values in self._arrays.items() if name != "time"}

    def fill(self) -> bool:
        """Bring all the frames in sight for which there is room; whether there were so many."""
        if self._start + self._room > self._whole and not self._ended:
            kept = self._stop - self._start
            for values in self._arrays.values():
                values[:kept] = values[self._start : self._stop]
            self._start, self._stop = 0, kept
        full = self._start + self._room
        if self._stop < full and not self._ended:
            free = (values[self._stop : full] for values in self._arrays.values())
            try:
                left = self._converter.convert(*free)
            except RuntimeError as error:
                raise Unusable("corrupted ttyrec", str(error)) from None
            self._stop, self._ended = full - left, left > 0
        return self._stop == full

    def drop(self, frames: int) -> None:
        """Take the first `frames` out of sight, or all there are."""
        self._start = min(self._start + frames, self._stop)


def opening(frames: dict[str, np.ndarray]) -> int:
    """How many keys at the start of a game were pressed by NLE: SPACE at its greeting.

    Parameters
    ----------
    frames
        The game's first, as of `Tape.frames`.
    """
    first = 0
    while first < len(frames["key"]) and _is_acknowledged(frames, first):
        first += 1
    return first


def ending(frames: dict[str, np.ndarray]) -> int:
    """Position of the first key that NLE pressed after the end of the game.

    NLE answers with SPACE whatever NetHack shows after its end: the last message, if it waits,
    then the final inventory, attributes, creatures, conduct, overview and tombstone. The final
    attributes are always shown; what stands before them decides.

    Parameters
    ----------
    frames
        The game's last, as of `Tape.frames`.

    Returns
    -------
    int
        A position among these frames; their number if NLE pressed none.
    """
    steps = len(frames["key"])
    seen = [_status(frames, k) for k in range(steps)]
    last = max((k for k in range(steps) if seen[k]), default=-1)
    first = last + 1
    for k in range(steps - 1, last, -1):
        if _ATTRIBUTES.search(frames["tty_chars"][k, 0].tobytes()):
            first = k
            break
    # Pages of the inventory may stand beside the map and leave the status lines in sight.
    while first and _is_page(frames, first - 1):
        first -= 1
    if first and _is_acknowledged(frames, first - 1):
        first -= 1
    return first


def quitting(frames: dict[str, np.ndarray], end: int) -> int:
    """Position of the first key that quits a game.

    Such keys are M-q or #quit and the answer to "Really quit?": NLE's at a limit of its own, or the
    player's.

    Parameters
    ----------
    frames
        The game's last, as of `Tape.frames`.
    end
        Position at which its play ends (see `ending`).
    """

    def top(k: int) -> bytes:
        return frames["tty_chars"][k, 0].tobytes()

    while end and top(end - 1).startswith((b"Really quit?", b"# ")):
        end -= 1
    if end and frames["key"][end - 1] in (META_Q, POUND):
        end -= 1
    return end


def result(frames: dict[str, np.ndarray]) -> tuple[int, int] | None:
    """Points and moves on NetHack's last page, None if it is not among the frames.

    Parameters
    ----------
    frames
        The game's last, as of `Tape.frames`.
    """
    for screen in frames["tty_chars"][::-1]:
        match = _SUM.search(b" ".join(screen.tobytes()[i : i + 80].strip() for i in _STARTS))
        if match:
            return int(match[1]), int(match[2])
    return None


_STARTS = range(0, ROWS * COLUMNS, COLUMNS)


def _status(frames: dict[str, np.ndarray], k: int) -> bool:
    return _STATUS.search(frames["tty_chars"][k, 22:].tobytes()) is not None


def _before_cursor(frames: dict[str, np.ndarray], k: int) -> bytes:
    """The text that ends at the cursor, without spaces: a prompt may run over two rows."""
    row, column = (int(x) for x in frames["tty_cursor"][k])
    text = frames["tty_chars"][k, max(0, row - 1) : row + 1].tobytes()
    return text[: len(text) - COLUMNS + column].replace(b" ", b"")


def _is_page(frames: dict[str, np.ndarray], k: int) -> bool:
    """A page of the final inventory, or of what is in a container of it."""
    if frames["key"][k] == SPACE and _PAGE.search(_before_cursor(frames, k)):
        return True
    return _is_acknowledged(frames, k) and b"Contents of " in frames["tty_chars"][k].tobytes()


def _is_acknowledged(frames: dict[str, np.ndarray], k: int) -> bool:
    return frames["key"][k] == SPACE and _before_cursor(frames, k).endswith(b"--More--")
