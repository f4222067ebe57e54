"""Where numba finds what it has compiled of our sources: by what they hold, not by their path.

By numba's own locator the path of a file names its folder, and a pipeline's jobs import a snapshot
whose path names the digest of all sources: any edit, and any other clone, compiled everything anew,
half a minute for NetHack's policy. Numba takes the class by name, NUMBA_CACHE_LOCATOR_CLASSES;
releases before 0.62 do not and compile.
"""

from functools import cache
from hashlib import sha256
from pathlib import Path

from llvmlite import binding
from numba.core.caching import UserProvidedCacheLocator

import ilscaling

POLICIES = Path(ilscaling.__file__).parent / "policies"
# Of all files that their constants come from.
CONTENT = ilscaling._compiled.name


@cache
def of_machine() -> str:
    """Digest of the processor's kind: numba's index of a function is not safe from two kinds of
    machine that write at once."""
    features = sorted(binding.get_host_cpu_features().items())
    return sha256(f"{binding.get_host_cpu_name()} {features}".encode()).hexdigest()[:8]


class Locator(UserProvidedCacheLocator):
    """Numba's for a folder that is given; other people's files keep its rule."""

    @classmethod
    def get_suitable_cache_subpath(cls, py_file: str) -> str:
        """Name of the folder for a source file, below NUMBA_CACHE_DIR."""
        folder = Path(py_file).parent
        if not folder.is_relative_to(POLICIES):
            return super().get_suitable_cache_subpath(py_file)
        return "_".join([CONTENT, of_machine(), *folder.relative_to(POLICIES).parts])
