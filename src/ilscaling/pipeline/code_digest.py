"""Digest of the source files that a step uses: the closure of its imports within our package.

The closure is read from the code, so a step's key can't miss a module. Docstrings, comments and
layout do not count: a reader may improve them without retraining anything.
"""

import ast
import atexit
import hashlib
import json
from contextlib import suppress
from functools import cache
from pathlib import Path

from ilscaling import files
from ilscaling.errors import ExtensionError

PACKAGE = "ilscaling"
SOURCE = Path(__file__).resolve().parents[2]

# Modules whose content reaches a key by another way (parameters by value, extensions by the files
# that a step uses) or never reaches a result (the text of errors, the drawing of a progress bar,
# what the plan says that a job costs).
COSTS = ("cost", "devices", "memory", "part", "schedule", "speed", "text")
DOMAINS = ("atari", "babyai", "gymnasium", "nethack")
EXEMPT = {
    PACKAGE,
    *(
        f"{PACKAGE}.{name}"
        for name in ("params", "parameter_files", "registry", "errors", "progress", "plan")
    ),
    *(f"{PACKAGE}.plan.{module}" for module in COSTS),
    # Where a job runs, not what it makes; what the command line says of its options.
    *(
        f"{PACKAGE}.pipeline.{name}"
        for name in ("job_lock", "gpu_allocator", "slurm", "compiled_cache")
    ),
    *(f"{PACKAGE}.cli.{name}" for name in ("job", "options")),
    *(f"{PACKAGE}.domains.{name}.section" for name in DOMAINS),
    # Entries call what a step runs, which `Domain.code` names; they are in its key by themselves.
    *(f"{PACKAGE}.domains.{name}" for name in ("domain", "costs")),
    *(f"{PACKAGE}.domains.{name}.entry" for name in DOMAINS),
    *(f"{PACKAGE}.domains.recordings.{name}" for name in ("base", "atari", "gymnasium", "section")),
    f"{PACKAGE}.policies.costs",
    # Packages that hold a docstring.
    *(f"{PACKAGE}.{name}" for name in ("pipeline", "learning", "domains")),
    *(f"{PACKAGE}.domains.{name}" for name in (*DOMAINS, "recordings")),
}


@cache
def path_of(module: str) -> Path | None:
    """Source file of a module of ours, or of an extension, which is named by its path; None for a
    name that is not a module."""
    if module.endswith(".py"):
        return Path(module) if Path(module).is_file() else None
    base = SOURCE.joinpath(*module.split("."))
    for path in (base / "__init__.py", base.with_suffix(".py")):
        if path.is_file():
            return path
    return None


def _read(text: str) -> dict:
    """What a source file imports, as written, and the digest of its code."""
    tree, names = ast.parse(text), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            # `from package import name`: the name may be a module of its own.
            start = "." * node.level + (node.module or "")
            names |= {start, *(f"{start}.{alias.name}" for alias in node.names)}
    return {"imports": sorted(names), "digest": _digest_tree(tree)}


@cache
def _memory() -> tuple[Path, dict[str, dict]]:
    """File and contents of what earlier starts have read, by content: parsing takes a second."""
    own = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    path = Path(".snakemake/sources") / f"{own}.json"
    try:
        return path, json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return path, {}


def _known(path: Path) -> dict:
    try:
        text = path.read_text(encoding="utf-8")
        name = hashlib.sha256(text.encode()).hexdigest()
        file, memory = _memory()
        if name not in memory:
            memory[name] = _read(text)
            _keep(file, memory)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        # Of an extension's folder every .py file counts, one that nothing imports, too.
        raise ExtensionError(
            f"the file is no Python: {error}",
            where=str(path),
            fix="correct it, or give it a name that does not end in .py",
        ) from None
    return memory[name]


def _keep(file: Path, memory: dict) -> None:
    """Write the memory down when the process ends, beside what Snakemake keeps of its own."""
    if not _unwritten and file.parent.parent.is_dir():
        atexit.register(_write, file, memory)
        _unwritten.append(file)


def _write(file: Path, memory: dict) -> None:
    with suppress(OSError):  # a full disk, or one that cannot be written: parsed again next time
        files.write_json(file, memory)


_unwritten: list[Path] = []


@cache
def imports(module: str) -> frozenset[str]:
    """Modules of ours that `module` imports, at any depth of its code, and their packages."""
    names: set[str] = set()
    for name in _known(path_of(module))["imports"]:
        if name.startswith(".") and module.endswith(".py"):
            continue  # of an extension's folder, whose files are all roots
        if name.startswith("."):
            raise ValueError(f"{module}: relative imports hide what a step uses")
        parts = name.split(".")
        if parts[0] == PACKAGE:
            names.update(".".join(parts[: n + 1]) for n in range(1, len(parts)))
        elif module.endswith(".py"):
            # An extension may see the project's folder, if Python was told to look there.
            names.add("/".join(parts) + ".py")
    return frozenset(name for name in names if path_of(name))


@cache
def closure(*roots: str, without: str = "") -> tuple[str, ...]:
    """All modules of ours that `roots` import, directly or not, themselves included.

    Parameters
    ----------
    roots
        Modules, or files of extensions.
    without
        Beginning of the names of modules that are not followed; none if empty.
    """
    todo, seen = list(roots), set()
    while todo:
        module = todo.pop()
        if module in seen or module in EXEMPT or (without and module.startswith(without)):
            continue
        if path_of(module) is None:
            raise ValueError(f"no module {module} in {SOURCE}")
        seen.add(module)
        todo.extend(imports(module))
    return tuple(sorted(seen))


def _digest_tree(tree: ast.Module) -> str:
    """SHA-256 of the code without texts that stand by themselves, such as docstrings, and the
    annotations of its functions, in which the command line's options are described."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        if isinstance(node, ast.arg):
            node.annotation = None
        if isinstance(body := getattr(node, "body", None), list):
            node.body = [statement for statement in body if not _is_text(statement)]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def _is_text(statement: ast.stmt) -> bool:
    constant = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(constant, ast.Constant) and isinstance(constant.value, str)


def _data_digests(module: str) -> list[str]:
    """Name and digest of a package's data files, such as templates."""
    path = path_of(module)
    if path.name != "__init__.py":
        return []
    data = sorted(p for p in path.parent.iterdir() if p.is_file() and p.suffix != ".py")
    return [f"{p.name} {hashlib.sha256(p.read_bytes()).hexdigest()}" for p in data]


def digest(*roots: str) -> str:
    """Hex SHA-256 over the code of the closure of `roots`, and the data of its packages."""
    return of(closure(*roots))


@cache
def of(modules: tuple[str, ...]) -> str:
    """Hex SHA-256 over the code of modules, and the data of the packages among them."""
    lines = []
    for module in modules:
        lines += [f"{module} {_known(path_of(module))['digest']}", *_data_digests(module)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
