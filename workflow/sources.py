"""Digest of the source files that a step uses: the closure of its imports within our package.

The closure is read from the code, so a step's key can't miss a module. Docstrings, comments and
layout do not count: a reader may improve them without retraining anything.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path

PACKAGE = "ilscaling"
SOURCE = Path(__file__).resolve().parent.parent / "src"

# Modules whose content reaches a key by another way (parameters by value) or never reaches a
# result (the text of errors, the drawing of a progress bar).
EXEMPT = {PACKAGE, f"{PACKAGE}.params", f"{PACKAGE}.errors", f"{PACKAGE}.progress"}


def path_of(module: str) -> Path | None:
    """Source file of a module of ours; None for a name that is not a module."""
    base = SOURCE.joinpath(*module.split("."))
    for path in (base / "__init__.py", base.with_suffix(".py")):
        if path.is_file():
            return path
    return None


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(path_of(module).read_text())


@cache
def imports(module: str) -> frozenset[str]:
    """Modules of ours that `module` imports, at any depth of its code, and their packages."""
    found: set[str] = set()
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"{module}: relative imports hide what a step uses")
            # `from package import name`: the name may be a module of its own.
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == PACKAGE:
                found.update(".".join(parts[: n + 1]) for n in range(1, len(parts)))
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


def _digest_one(module: str) -> str:
    return _digest_tree(_tree(module))


@cache
def script(name: str) -> str:
    """Digest of the code of a script beside this file, without what it imports."""
    return _digest_tree(ast.parse((Path(__file__).parent / name).read_text()))


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
        lines += [f"{module} {_digest_one(module)}", *_data_digests(module)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
