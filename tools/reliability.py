"""docs/reliability.md: the faults that were tried and what came of them, from pytest's report.

python tools/reliability.py .faults.xml      after `make test-faults`, which calls it
"""

import argparse
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reliability.md"
HEAD = """# Reliability

What was tried to make the product lie, hang, fill the memory or end in a traceback, written by
`make test-faults`. A file may be taken or refused; a refusal says what is wrong, where, and what to
type next. Whole studies meet full, read-only and shared disks, few files, other
clocks, edits and kills in `make test-slow`, `make test-machine` and `make test-kills`.

## Files changed at random

A good file of each kind is changed by hypothesis (bits, bytes, whole parts; in JSON also values of
other types) and read. A find would be any other exception, more than 30 s or more than 3 GiB.

| file | cases | refused | taken | finds |
| --- | ---: | ---: | ---: | ---: |
"""
KINDS = """
## Faults of one kind each

| kind | cases | outcome |
| --- | ---: | --- |
"""


def rows(report: Path) -> tuple[list[str], list[str]]:
    """Lines of the two tables."""
    changed, cases, failed = [], Counter(), Counter()
    for case in ET.parse(report).getroot().iter("testcase"):
        if case.find("skipped") is not None:
            continue
        bad = case.find("failure") is not None or case.find("error") is not None
        name, _, parameter = case.get("name").partition("[")
        if name == "test_a_changed_file_is_read_or_refused":
            counts = {p.get("name"): int(p.get("value")) for p in case.iter("property")}
            refused, taken = counts.get("refused", 0), counts.get("taken", 0)
            changed.append(
                f"| {parameter.rstrip(']')} | {refused + taken:,} | {refused:,} | {taken:,} |"
                f" {int(bad)} |"
            )
            continue
        kind = name.removeprefix("test_").replace("_", " ")
        cases[kind] += 1
        failed[kind] += bad
    kinds = [
        f"| {kind} | {count} | {f'{failed[kind]} failed' if failed[kind] else 'as it should'} |"
        for kind, count in cases.items()
    ]
    return changed, kinds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("report", type=Path, help="pytest's, by --junitxml")
    changed, kinds = rows(parser.parse_args().report)
    text = HEAD + "\n".join(changed) + "\n" + KINDS + "\n".join(kinds) + "\n"
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
