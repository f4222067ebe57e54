"""Text has one encoding, whatever the machine's: keys and files depend on no locale."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = {"read_text", "write_text", "open", "fdopen", "NamedTemporaryFile"}


def _without_encoding(path: Path) -> list[str]:
    """Calls of a source file that leave the encoding of a text to the locale."""
    calls = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        words = {keyword.arg: keyword.value for keyword in node.keywords}
        modes = [*node.args, words.get("mode")]
        constants = [
            n.value for mode in modes if mode for n in ast.walk(mode) if hasattr(n, "value")
        ]
        binary = any(isinstance(c, str) and re.fullmatch("[rwax+]*b[+]?", c) for c in constants)
        of_os = isinstance(called, ast.Attribute) and ast.unparse(called.value) in (
            "os",
            "Image",
            "tarfile",
        )
        first = node.args[0] if node.args else None
        of_path = first is None or str(getattr(first, "value", "")) in ("r", "w", "a", "x", "r+")
        # Of an archive, or of something of ours that is no file.
        of_os |= isinstance(called, ast.Attribute) and name == "open" and not of_path
        said = "encoding" in words or ("errors" in words and name in TEXT)
        if (name in TEXT and not binary and not of_os and not said) or {
            "text",
            "universal_newlines",
        } & set(words):
            calls.append(f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)[:80]}")
    return calls


def test_every_text_that_we_open_names_its_encoding():
    sources = [*(ROOT / "src").rglob("*.py"), *(ROOT / "tools").glob("*.py")]
    assert [call for path in sources for call in _without_encoding(path)] == []


@pytest.mark.parametrize("locale", ["C", "de_DE.ISO-8859-1"])
def test_keys_of_code_are_the_same_in_any_locale(locale):
    """The statistics and the report are written with letters beyond ASCII."""
    code = (
        "from ilscaling.pipeline import code_digest as d\n"
        "print(d.digest('ilscaling.laws', 'ilscaling.show.report'))"
    )
    plain = {**os.environ, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    environments = (plain | {"PYTHONUTF8": "1"}, plain | {"LC_ALL": locale})
    digests = {
        subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, check=True
        ).stdout
        for environment in environments
    }
    assert len(digests) == 1
