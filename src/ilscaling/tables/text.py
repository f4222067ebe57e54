"""A table that is text: in which encoding, with which separator, or JSON."""

import csv
import io
import json
import re
import warnings
from collections.abc import Iterator

import pandas as pd

from ilscaling.errors import FitError

# Byte order marks -> encoding; the longer first.
MARKS = {
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
# Rows as one of these, in a JSON object.
ROWS = ("data", "rows", "runs", "records", "results")
BLANK_LINES = re.compile(r"(?:[ \t]*[\r\n])*")


def parse(data: bytes, where: str) -> tuple[pd.DataFrame, list[str]]:
    """A table of CSV or JSON from its bytes.

    Parameters
    ----------
    data
        The whole file, unpacked.
    where
        Its name, for an error.

    Returns
    -------
    table : DataFrame
        Of CSV with `attrs["separator"]`; where that is no comma all values are texts.
    notes : list of str
        What was assumed.

    Raises
    ------
    FitError
        For what is no table of text, or is damaged.
    """
    content, notes = decoded(data, where)
    first = content.lstrip()[:1]
    if first in ("{", "["):
        return _json(content, where), notes
    if first == "<":
        raise FitError("this is a page of HTML or XML, no table", where=where)
    return _csv(content, where), notes


def decoded(data: bytes, where: str) -> tuple[str, list[str]]:
    """Text of bytes, whatever the locale.

    Parameters
    ----------
    data
        UTF-8, UTF-16 or UTF-32 by their marks, UTF-8 without one, UTF-16 without one where its
        zeros tell, else Windows-1252.
    where
        The file's name, for an error.

    Returns
    -------
    text : str
    notes : list of str
        That its encoding was guessed, if so.

    Raises
    ------
    FitError
        For what is cut, damaged, or no text.
    """
    encoding = next((of for mark, of in MARKS.items() if data.startswith(mark)), None)
    if encoding is None and b"\x00" in data[:2000]:
        # Without a mark, every second byte of plain English in UTF-16 is 0.
        even, odd = data[:2000:2].count(0), data[1:2000:2].count(0)
        if not min(even, odd) and max(even, odd) > 100 * len(data[:2000]) / 400:
            encoding = "utf-16-be" if even else "utf-16-le"
    try:
        content, notes = data.decode(encoding or "utf-8"), []
    except UnicodeDecodeError as error:
        if encoding is not None:
            raise FitError(f"the text is cut or damaged: {error}", where=where) from None
        content = data.decode("cp1252", errors="replace")
        notes = ["the table is not in UTF-8: read as Windows-1252"]
    if "\x00" in content:
        raise FitError("this is neither text nor Parquet nor Feather", where=where)
    return content, notes


def _csv(content: str, where: str) -> pd.DataFrame:
    content, separator = _header(content)
    _refuse_twice(content, separator, where)
    _refuse_short(content, separator, where)
    options = {"sep": separator, "low_memory": False, "skipinitialspace": True}
    table = _rows(content, options, where)
    if separator != "," and len(table):
        # Commas may be decimals, and dots thousands. Texts keep the difference.
        table = _rows(content, {**options, "dtype": str}, where)
    table.attrs["separator"] = separator
    return table


def _rows(content: str, options: dict, where: str) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pd.errors.ParserWarning)
        table = pd.read_csv(io.StringIO(content), **options)
        if not _one_more(content, options["sep"]):
            return table
        if table.iloc[:, -1].isna().all():  # a separator at the end of each row
            return pd.read_csv(io.StringIO(content), index_col=False, **options)
    labels = [str(label) for label in table.index]
    counted = labels in ([str(i + start) for i in range(len(labels))] for start in (0, 1))
    if table.index.nlevels == 1 and (counted or not any(map(_numeral, labels))):
        return table  # names of rows, as R writes them
    row = content.splitlines()[1] if content.count("\n") else content
    raise FitError(
        f"rows have more fields than the header, such as {row[:80]!r}",
        where=where,
        fix="put numbers with a comma in quotes, or separate fields by semicolons",
    )


def _fields(content: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Number and fields of each line that is not blank; the header is line 1."""
    lines = ((n, line) for n, line in enumerate(content.splitlines(), 1) if line.strip())
    if len(separator) == 1:
        yield from ((n, next(csv.reader([line], delimiter=separator), [])) for n, line in lines)
    else:
        blanks = {"delimiter": " ", "skipinitialspace": True}
        for n, line in lines:
            yield n, next(csv.reader([" ".join(line.split())], **blanks), [])


def _refuse_twice(content: str, separator: str, where: str) -> None:
    """pandas gives the second of two columns of one name another one."""
    _, head = next(_fields(content, separator), (1, []))
    names = [name.strip().strip('"') for name in head]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise FitError(
            f"several columns are called {', '.join(twice)}",
            where=where,
            fix="give each a name of its own",
        )


def _refuse_short(content: str, separator: str, where: str) -> None:
    """Where blanks separate, an empty field is none, and what follows would move to the left."""
    if len(separator) == 1:
        return
    (_, head), *rows = _fields(content, separator)
    for number, row in rows:
        if len(row) < len(head):
            raise FitError(
                f"line {number} has {len(row)} fields, the header {len(head)}",
                where=where,
                fix="write nan where nothing was measured, or separate fields by semicolons",
            )


def _one_more(content: str, separator: str) -> bool:
    """Whether the first row has more fields than the header; pandas takes them for an index."""
    lines = (line for line in io.StringIO(content) if line.strip())
    if len(separator) > 1:
        head, row = (next(lines, "").split() for _ in range(2))
    else:
        rows = csv.reader(lines, delimiter=separator, skipinitialspace=True)
        head, row = (next(rows, []) for _ in range(2))
    return len(row) > len(head)


def _numeral(label: str) -> bool:
    return re.fullmatch(r"[-+.,\d]+([eE][-+]?\d+)?", label) is not None


def _header(content: str) -> tuple[str, str]:
    """The text from its header on, and what separates its fields."""
    content = content[BLANK_LINES.match(content).end() :]
    lines = io.StringIO(content, newline=None).read().split("\n")
    start, stated = 0, None
    while start < len(lines) - 1 and _is_before(lines[start], lines[start + 1]):
        if lines[start].strip().lower().startswith("sep="):
            stated = lines[start].strip()[4:5] or "\t"
        start += 1
    head = lines[start].removeprefix("#") if start < len(lines) else ""
    rest = "\n".join([head, *lines[start + 1 :]])
    return rest, stated or _separator(head)


def _is_before(line: str, following: str) -> bool:
    """Whether a line stands above the header: blank, Excel's sep=, or a comment."""
    plain = line.strip()
    if not plain or plain.lower().startswith("sep="):
        return True
    separator = _separator(plain)
    same = len(separator) == 1 and plain.count(separator) == following.count(separator)
    if plain.startswith("#"):
        return not (same and separator in plain)
    return _is_title(plain, following)


def _is_title(line: str, following: str) -> bool:
    """Whether a line is words alone, and the next one names columns."""
    between = next((mark for mark in SEPARATORS if following.count(mark) > 1), None)
    if between is None or any(mark in line for mark in SEPARATORS):
        return False
    names = [name.strip().strip('"') for name in following.split(between)]
    return all(name[:1].isalpha() or not name for name in names)


def _separator(head: str) -> str:
    """What separates the fields of a header."""
    outside = re.sub(r'"[^"]*"', "", head)
    best = max(SEPARATORS, key=outside.count)
    if outside.count(best):
        return best
    return r"\s+" if len(outside.split()) > 2 else ","


def _json(content: str, where: str) -> pd.DataFrame:
    """Records, columns, pandas' own shapes, or a record a line; nested names get dots."""
    try:
        loaded = json.loads(content)
    except json.JSONDecodeError:
        lines = [line for line in content.splitlines() if line.strip()]
        try:
            loaded = [json.loads(line) for line in lines]
        except json.JSONDecodeError as error:
            raise FitError(f"this is no JSON: {error}", where=where) from None
    except RecursionError:
        raise FitError("this JSON is nested too deeply for a table", where=where) from None
    if isinstance(loaded, dict):
        rows = next((loaded[name] for name in ROWS if isinstance(loaded.get(name), list)), None)
        if rows is None and loaded and all(isinstance(v, dict) for v in loaded.values()):
            # {column: {row: value}}, as pandas writes, or {run: {column: value}}.
            table = pd.DataFrame(loaded)
            runs = [isinstance(v, dict) for of in loaded.values() for v in of.values()]
            loaded = list(loaded.values()) if any(runs) or not _rowwise(table) else table
        elif rows is None and loaded and all(isinstance(v, list) for v in loaded.values()):
            loaded = pd.DataFrame(loaded)
        elif rows is not None and isinstance(loaded.get("columns"), list):
            loaded = pd.DataFrame(rows, columns=loaded["columns"])
        else:
            loaded = [loaded] if rows is None else rows
    if isinstance(loaded, pd.DataFrame):
        return loaded
    if not isinstance(loaded, list) or not all(isinstance(row, dict) for row in loaded):
        raise FitError("this JSON is no list of records", where=where)
    return pd.json_normalize(loaded)


def _rowwise(table: pd.DataFrame) -> bool:
    """Whether the index of a table counts its rows."""
    return [str(label) for label in table.index] == [str(i) for i in range(len(table))]
