"""The picture in docs/architecture.md: packages of the library and who imports whom.

    python tools/architecture.py            writes the picture into the page
    python tools/architecture.py --check    fails if the page shows another one

Read from the imports, so it cannot go stale. An arrow that follows from two others is left out.
"""

import argparse
import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "ilscaling"
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- picture:begin -->", "<!-- picture:end -->"

# From the bottom up: a unit imports from layers below its own, and of its own layer what SIDEWAYS
# allows. A unit is a module or a package right below `ilscaling`; `entries` are the modules of
# domains that the registry alone calls.
LAYERS = (
    ("errors", "files", "gpu_share", "interrupts", "progress"),
    ("registry", "seeds", "parameter_files"),
    ("params",),
    ("schedules", "store", "policies", "tables"),
    ("games", "laws", "flops"),
    ("grid", "domains"),
    ("learning", "plan"),
    ("measuring", "tabulate"),
    ("show", "calibration"),
    ("agents",),
    ("pipeline", "entries"),
    ("cli",),
)
SIDEWAYS = {("files", "errors"), ("pipeline", "entries")}
ENTRIES = ("domain", "entry", "calibrate", "facts")


def modules() -> Iterator[tuple[str, Path]]:
    """Name below the package and file of every module."""
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        name = ".".join(parts).removesuffix(".__init__")
        if name not in ("__init__", "__main__"):
            yield name, path


def imported(path: Path) -> set[str]:
    """Names below the package that a file imports, at any depth of its code."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    prefix = "ilscaling."
    return {name.removeprefix(prefix) for name in names if name.startswith(prefix)}


def unit_of(module: str) -> str:
    """The unit that a module, named below the package, belongs to."""
    first, _, rest = module.partition(".")
    called = rest.rsplit(".", 1)[-1] in ENTRIES or rest.endswith(".costs")
    return "entries" if first == "domains" and called else first


def edges() -> dict[str, set[str]]:
    """unit -> units that it imports."""
    units = {unit_of(name) for name, _ in modules()}
    graph: dict[str, set[str]] = {unit: set() for unit in sorted(units)}
    for name, path in modules():
        unit = unit_of(name)
        graph[unit] |= {unit_of(other) for other in imported(path)} & units - {unit}
    return graph


def upward() -> list[tuple[str, str]]:
    """Imports that the layers do not allow: (importing, imported)."""
    layer = {unit: number for number, units in enumerate(LAYERS) for unit in units}
    return [
        (unit, other)
        for unit, others in edges().items()
        for other in sorted(others)
        if layer[other] >= layer[unit] and (unit, other) not in SIDEWAYS
    ]


def reduced(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """The graph without the arrows that follow from others."""

    def reached(unit: str, seen: set[str]) -> set[str]:
        for other in graph[unit] - seen:
            seen.add(other)
            reached(other, seen)
        return seen

    return {
        unit: {
            other
            for other in others
            if not any(other in reached(third, set()) for third in others - {other})
        }
        for unit, others in graph.items()
    }


def picture() -> str:
    """The picture as Mermaid text, one box a layer."""
    graph = edges()
    lines = ["```mermaid", "flowchart TB"]
    for number in reversed(range(len(LAYERS))):
        lines.append(f"  subgraph layer{number}[layer {number}]")
        lines += [f"    {unit}" for unit in LAYERS[number] if unit in graph]
        lines.append("  end")
    for unit, others in reduced(graph).items():
        lines += [f"  {unit} --> {other}" for other in sorted(others)]
    return "\n".join([*lines, "```"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    new = f"{before}{BEGIN}\n{picture()}\n{END}{after}"
    if arguments.check:
        if new != text:
            print(f"{PAGE}: the picture is out of date; try: python tools/architecture.py")
        return int(new != text)
    PAGE.write_text(new, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
