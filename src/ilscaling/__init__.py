"""Scaling laws of imitation learning in games: measure, believe and use them."""

import os
from hashlib import sha256
from pathlib import Path

__version__ = "0.1.0"

# Where numba keeps what it has compiled. It looks for changes in a function's own file alone, and
# constants come from others: another folder for any change of them. numba takes a folder of the
# user's if this one cannot be written to.
_here = Path(__file__).parent
_sources = b"".join(path.read_bytes() for path in sorted(_here.glob("policies/**/*.py")))
_compiled = _here / "__pycache__" / f"compiled-{sha256(_sources).hexdigest()[:12]}"
os.environ.setdefault("NUMBA_CACHE_DIR", str(_compiled))
# Threads that wait for each other at OpenMP's barriers sleep instead of spinning, for other jobs
# want the core meanwhile (docs/performance.md). To be set before torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
