"""Scaling laws of imitation learning in games: measure, believe and use them."""

import os
import stat
import tempfile
from hashlib import sha256
from pathlib import Path

__version__ = "0.1.0"


def _own_folder(preferred: Path) -> Path:
    """`preferred` if it can be written to; else one of the user's; else, for a user of a container
    without a name or a home, one below the system's temporary folder that is this user's alone."""
    home = Path(os.path.expanduser("~/.cache"))
    for folder in (preferred, home / "ilscaling" / preferred.name):
        if folder.is_absolute():
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError:
                continue
            if os.access(folder, os.W_OK | os.X_OK):
                return folder
    private = Path(tempfile.gettempdir(), f"ilscaling-{os.getuid()}")
    try:
        private.mkdir(mode=0o700, exist_ok=True)
        status = private.lstat()
        # What is compiled is run: nobody else may write there.
        private_to_us = status.st_uid == os.getuid() and not status.st_mode & 0o77
        if stat.S_ISDIR(status.st_mode) and private_to_us:
            return private / preferred.name
    except OSError:
        pass
    return Path(tempfile.mkdtemp(prefix="ilscaling-"))


# Where numba keeps what it has compiled. It looks for changes in a function's own file alone, and
# constants come from others: another folder for any change of them.
_here = Path(__file__).parent
_sources = b"".join(path.read_bytes() for path in sorted(_here.glob("policies/**/*.py")))
_compiled = _here / "__pycache__" / f"compiled-{sha256(_sources).hexdigest()[:12]}"
if "NUMBA_CACHE_DIR" not in os.environ:
    os.environ["NUMBA_CACHE_DIR"] = str(_own_folder(_compiled))
# Threads that wait for each other at OpenMP's barriers sleep instead of spinning, for other jobs
# want the core meanwhile (docs/performance.md). To be set before torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
