"""Digest of the source files that a step uses: the closure of its imports within our package.

The closure is read from the code, so a step's key can't miss a module. Docstrings, comments and
layout do not count: a reader may improve them without retraining anything.
"""

import ast
import atexit
import hashlib
import json
from functools import cache
from pathlib import Path

from ilscaling import files

PACKAGE = "ilscaling"
SOURCE = Path(__file__).resolve().parent.parent / "src"

# Modules whose content reaches a key by another way (parameters by value, extensions by the files
# that a step uses) or never reaches a result (the text of errors, the drawing of a progress bar,
# what the plan says that a job costs).
COSTS = ("cost", "devices", "memory", "part", "schedule", "speed", "text")
EXEMPT = {
    PACKAGE,
    *(
        f"{PACKAGE}.{name}"
        for name in ("params", "parameter_files", "registry", "errors", "progress", "plan")
    ),
    *(f"{PACKAGE}.plan.{module}" for module in COSTS),
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
        return path, json.loads(path.read_text())
    except (OSError, ValueError):
        return path, {}


def _known(path: Path) -> dict:
    text = path.read_text()
    name = hashlib.sha256(text.encode()).hexdigest()
    file, memory = _memory()
    if name not in memory:
        memory[name] = _read(text)
        _keep(file, memory)
    return memory[name]


def _keep(file: Path, memory: dict) -> None:
    """Write the memory down when the process ends, beside what Snakemake keeps of its own."""
    if not _unwritten and file.parent.parent.is_dir():
        atexit.register(lambda: files.write_json(file, memory))
        _unwritten.append(file)


_unwritten: list[Path] = []


@cache
def imports(module: str) -> frozenset[str]:
    """Modules of ours that `module` imports, at any depth of its code, and their packages."""
    found: set[str] = set()
    for name in _known(path_of(module))["imports"]:
        if name.startswith("."):
            raise ValueError(f"{module}: relative imports hide what a step uses")
        parts = name.split(".")
        if parts[0] == PACKAGE:
            found.update(".".join(parts[: n + 1]) for n in range(1, len(parts)))
        elif module.endswith(".py"):
            # An extension may see the project's folder, if Python was told to look there.
            found.add("/".join(parts) + ".py")
    return frozenset(name for name in found if path_of(name))


@cache
def closure(*roots: str) -> tuple[str, ...]:
    """All modules of ours that `roots` import, directly or not, themselves included."""
    todo, seen = list(roots), set()
    while todo:
        module = todo.pop()
        if module in seen or module in EXEMPT:
            continue
        if path_of(module) is None:
            raise ValueError(f"no module {module} in {SOURCE}")
        seen.add(module)
        todo.extend(imports(module))
    return tuple(sorted(seen))


def script(name: str) -> tuple[str, list[str]]:
    """Digest of the code of a script beside this file and of those that it imports, and the
    modules of ours that they use."""
    todo, seen, used = [name], {}, set()
    while todo:
        one = todo.pop()
        if one in seen:
            continue
        path = Path(__file__).parent / one
        known = _known(path)
        seen[one] = known["digest"]
        for module in known["imports"]:
            if (path.parent / f"{module}.py").is_file():
                todo.append(f"{module}.py")
            elif module.startswith(f"{PACKAGE}.") and path_of(module):
                used.add(module)
    lines = [f"{one} {seen[one]}" for one in sorted(seen)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest(), sorted(used)


@cache
def part(name: str) -> str:
    """Digest of one module, or of functions of one: 'ilscaling.cli:train,section'."""
    module, _, functions = name.partition(":")
    if not functions:
        return _known(path_of(module))["digest"]
    wanted = functions.split(",")
    found = {
        node.name: node
        for node in ast.parse(path_of(module).read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name in wanted
    }
    if len(found) < len(wanted):
        raise ValueError(f"{module} has no function {set(wanted) - set(found)}")
    for node in found.values():
        # What a command line says of its options is no code.
        node.decorator_list, node.returns = [], None
        for argument in (*node.args.args, *node.args.kwonlyargs):
            argument.annotation = None
    body = [found[function] for function in wanted]
    return _digest_tree(ast.Module(body=body, type_ignores=[]))


def _digest_tree(tree: ast.Module) -> str:
    """SHA-256 of the code without its docstrings."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
            and isinstance(body[0].value.value, str)
        ):
            node.body = body[1:]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def _data_digests(module: str) -> list[str]:
    """Name and digest of a package's data files, such as templates."""
    path = path_of(module)
    if path.name != "__init__.py":
        return []
    data = sorted(p for p in path.parent.iterdir() if p.is_file() and p.suffix != ".py")
    return [f"{p.name} {hashlib.sha256(p.read_bytes()).hexdigest()}" for p in data]


@cache
def digest(*roots: str) -> str:
    """Hex SHA-256 over the code of the closure of `roots`, and the data of its packages."""
    lines = []
    for module in closure(*roots):
        lines += [f"{module} {_known(path_of(module))['digest']}", *_data_digests(module)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
