"""Write the reference of docs/api.md from the docstrings of `ilscaling.agents`.

python tools/api_page.py            writes it into the page
python tools/api_page.py --check    fails if the page shows another one
"""

import argparse
import inspect
import re
import sys
from pathlib import Path

from ilscaling import agents

PAGE = Path(__file__).resolve().parent.parent / "docs" / "api.md"
BEGIN, END = "<!-- api:begin -->", "<!-- api:end -->"
SECTION = re.compile(r"^(\w[\w ]*)\n-+$", re.MULTILINE)


def reference() -> str:
    """Markdown of every public name, in the order of `__all__`."""
    parts = []
    for name in agents.__all__:
        thing = getattr(agents, name)
        parts += [
            f"### {name}",
            "",
            f"```text\n{_signature(name, thing)}\n```",
            "",
            _text(thing),
            "",
        ]
        if inspect.isclass(thing):
            for method, function in vars(thing).items():
                public = not method.startswith("_")
                if public and callable(function):
                    said = f"{name}.{method}"
                    parts += [f"#### {said}", "", f"```text\n{_signature(said, function)}\n```"]
                    parts += ["", _text(function), ""]
    return "\n".join(parts).rstrip()


def _signature(name: str, thing) -> str:
    try:
        signature = str(inspect.signature(thing))
    except ValueError:
        signature = "(...)"
    plain = re.sub(r"(?:[A-Za-z_]\w*\.)+(\w+)", r"\1", signature)
    return name + plain.replace("(self, ", "(").replace("(self)", "()")


def _text(thing) -> str:
    """A docstring in Markdown: its sections as bold lines, their entries as a list."""
    text = inspect.getdoc(thing) or ""
    head, *rest = SECTION.split(text)
    parts = [head.strip()]
    for title, body in zip(rest[::2], rest[1::2], strict=True):
        parts.append(f"**{title}**\n\n{_entries(body)}")
    return "\n\n".join(part for part in parts if part)


def _entries(body: str) -> str:
    """'name\n    text' blocks as list items."""
    items: list[str] = []
    for line in body.strip("\n").splitlines():
        if line and not line.startswith(" "):
            items.append(f"- `{line.strip()}`")
        elif line.strip():
            joint = ": " if items and items[-1].endswith("`") else " "
            items[-1] += joint + line.strip()
    return "\n".join(items)


def page(text: str) -> str:
    """The page with the reference between its markers."""
    head, rest = text.split(BEGIN)
    _, tail = rest.split(END)
    return f"{head}{BEGIN}\n{reference()}\n{END}{tail}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing")
    text = PAGE.read_text(encoding="utf-8")
    if parser.parse_args().check:
        sys.exit("out of date: python tools/api_page.py" if page(text) != text else 0)
    PAGE.write_text(page(text), encoding="utf-8")


if __name__ == "__main__":
    main()
