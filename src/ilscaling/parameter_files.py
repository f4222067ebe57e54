"""Reading a YAML file that somebody wrote: what is ambiguous or without bound is refused.

PyYAML takes the last of two equal keys without a word, expands aliases without end and recurses
once a level. So the file is looked at as events and nodes before any value is built.
"""

import os
import re
import select
import shlex
from pathlib import Path
from typing import Any, BinaryIO

import yaml

from ilscaling.errors import ParamsError

# What YAML 1.1 reads as another number than people mean: 010 is 8, 1:30 is 90.
ODD = re.compile(r"[-+]?(?:0[0-9_]+|[0-9_.]+(?::[0-9_.]+)+)")
# libyaml reads ten times as fast as PyYAML, where it is there.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
WAIT = 20.0  # seconds for the writer of a pipe
MAX_BYTES = 1_000_000  # our largest study file has 9,000
MAX_DEPTH = 50
MAX_VALUES = 100_000  # keys and values, each alias counted as often as it is used


def read_mapping(path: str | Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Parameters
    ----------
    path
        A file of at most `MAX_BYTES` in UTF-8.

    Raises
    ------
    ParamsError
        For a file that cannot be read, is too large, is not UTF-8, is no YAML mapping, holds a key
        twice (with both lines), an alias of itself, or more levels or values than a study can have.
    """
    where = str(path)
    text = _text(Path(path))
    try:
        _refuse_deep(text, where)
        node = yaml.compose(text, Loader=LOADER)
        if node is not None:
            _count(node, where, {}, set())
        values = yaml.load(text, Loader=LOADER)
    except yaml.YAMLError as error:
        raise ParamsError(f"not YAML: {error}", where=where, fix="correct that line") from None
    except (ValueError, TypeError) as error:  # such as the date 2026-02-30, or a list as a key
        raise ParamsError(f"a value that YAML cannot read: {error}", where=where) from None
    if not isinstance(values, dict):
        raise ParamsError(
            f"a parameter file is a mapping of sections, not {type(values).__name__}",
            where=where,
            fix="ilscaling params --explain lists every key",
        )
    return values


def _text(path: Path) -> str:
    try:
        with _opened(path) as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ParamsError(
                f"a parameter file of more than {MAX_BYTES:,} bytes",
                where=str(path),
                fix="give a parameter file or a study, such as params.yaml",
            )
        return content.decode("utf-8-sig")
    except OSError as error:
        raise ParamsError(
            f"cannot read parameters: {error.strerror}",
            where=str(path),
            fix="give the path of a parameter file or a study, such as params.yaml",
        ) from None
    except UnicodeDecodeError as error:
        raise ParamsError(
            f"the file is not UTF-8: byte {error.start} is 0x{error.object[error.start]:02x}",
            where=str(path),
            fix=f"iconv -f LATIN1 -t UTF-8 {shlex.quote(str(path))} > utf8.yaml",
        ) from None


def _opened(path: Path) -> BinaryIO:
    """A file, or a pipe such as a shell's <(...), once something writes into it."""
    if not path.is_fifo():
        return path.open("rb")
    number = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    if not select.select([number], [], [], WAIT)[0]:
        os.close(number)
        raise ParamsError(
            f"a pipe into which nothing was written for {WAIT:g} s",
            where=str(path),
            fix="give a parameter file or a study, such as params.yaml",
        )
    os.set_blocking(number, True)
    return open(number, "rb")


def _refuse_deep(text: str, where: str) -> None:
    """Raise ParamsError for more than `MAX_DEPTH` levels; reading events does not recurse."""
    depth = 0
    for event in yaml.parse(text, Loader=LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise ParamsError(
                f"more than {MAX_DEPTH} levels",
                where=f"{where}, line {event.start_mark.line + 1}",
                fix="a study has about five: ilscaling params --explain",
            )


def _count(node: yaml.Node, where: str, sizes: dict[int, int], above: set[int]) -> int:
    """Values in a node with its aliases expanded; raises ParamsError for what the file may not
    hold. sizes: of nodes that were counted; above: nodes that hold this one."""
    line = f"{where}, line {node.start_mark.line + 1}"
    if id(node) in above:
        raise ParamsError("an alias that holds itself", where=line, fix="write the values out")
    if id(node) in sizes:
        return sizes[id(node)]
    _refuse_odd(node, where)
    children: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        _refuse_twice(node, where)
        children = [part for pair in node.value for part in pair]
    elif isinstance(node, yaml.SequenceNode):
        children = node.value
    size = 1 + sum(_count(child, where, sizes, above | {id(node)}) for child in children)
    if size > MAX_VALUES:
        raise ParamsError(
            f"more than {MAX_VALUES:,} values, aliases expanded",
            where=line,
            fix="use fewer aliases (*name); `like: NAME` lets a game start from another",
        )
    sizes[id(node)] = size
    return size


def _refuse_odd(node: yaml.Node, where: str) -> None:
    number = node.tag.rpartition(":")[2] in ("int", "float")
    if number and isinstance(node, yaml.ScalarNode) and ODD.fullmatch(node.value):
        raise ParamsError(
            f"{node.value} is octal, or a time, to YAML: another number than it seems",
            where=f"{where}, line {node.start_mark.line + 1}",
            fix="write it as plain decimal digits, without a 0 before them",
        )


def _refuse_twice(node: yaml.MappingNode, where: str) -> None:
    lines: dict[tuple[str, str], int] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            continue
        line = key.start_mark.line + 1
        if (first := lines.setdefault((key.tag, key.value), line)) != line:
            raise ParamsError(
                f"the key {key.value!r} stands twice, in lines {first} and {line}",
                where=where,
                fix="remove one of them",
            )
