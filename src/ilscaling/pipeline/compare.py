"""Two studies, or two revisions of one, side by side on one offline page.

Results come from this folder, or from Git and DVC's cache or remote; nothing is checked out and
nothing computed.
"""

import base64
import json
import math
from pathlib import Path

import yaml
from dvc.api import DVCFileSystem
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.scm import RevError, resolve_rev
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ilscaling import params
from ilscaling.errors import WorkflowError
from ilscaling.show import titles

FIGURES = ("profiles", "laws", "return_on_loss")
# What tells two fits of one revision apart.
FIT = ("game", "law", "method", "flops")


class Revision:
    """The results of a study at one revision.

    Parameters
    ----------
    name
        A study whose results are here ('wsd'), a commit, branch, tag or experiment, which is of the
        study of its params.yaml, or 'workspace'.
    """

    def __init__(self, name: str):
        here = name == "workspace" or Path("results", name, "keys").is_dir()
        self.name = name
        try:
            with Repo() as repo:
                self.commit = "" if here else resolve_rev(repo.scm, name)
        except RevError:
            raise WorkflowError(
                f"no such study, commit or experiment: {name}", where=str(Path.cwd()),
                fix="ls results   or   git log --oneline   or   dvc exp list --all-commits",
            ) from None  # fmt: skip
        self._files = DVCFileSystem(rev=self.commit) if self.commit else None
        named = yaml.safe_load(self.read("params.yaml")).get("study", "default")
        self.study = name if here and name != "workspace" else named
        self.results = "study/results" if self.commit else f"results/{self.study}"

    @property
    def short(self) -> str:
        return f"{self.commit[:7] or 'workspace'}:{self.study}"

    def read(self, path: str) -> bytes:
        """Content of a file at this revision."""
        try:
            if self._files is None:
                return Path(path).read_bytes()
            with self._files.open(f"/{path}", "rb") as file:
                return file.read()
        except (OSError, DvcException):
            commit = self.commit[:7] or "COMMIT"
            raise WorkflowError(
                f"{self.name} holds no {path}, or it is neither in the cache nor in a remote",
                where=self.name,
                fix=f"git checkout {commit} && dvc pull results   or   snakemake --cores all",
            ) from None

    def fits(self) -> dict[tuple, dict]:
        fits = json.loads(self.read(f"{self.results}/laws/fits.json"))
        return {tuple(fit[name] for name in FIT): fit for fit in fits}

    def params(self) -> dict[str, object]:
        """Parameters of the study, as they are written."""
        values = yaml.safe_load(self.read("params.yaml"))
        try:
            change = yaml.safe_load(self.read(f"studies/{self.study}.yaml"))
        except WorkflowError:
            change = {}  # a study that has its parameters in params.yaml alone
        return dict(flat(params.overlay(values, change)))

    def image(self, name: str) -> str:
        """A figure as a data URI, so that the page needs no other file."""
        data = base64.b64encode(self.read(f"{self.results}/figures/{name}.png")).decode()
        return f"data:image/png;base64,{data}"


def flat(values: dict, above: str = "") -> list[tuple[str, object]]:
    """Leaves of nested parameters under dotted names."""
    found = []
    for name, value in values.items():
        here = f"{above}.{name}" if above else name
        found += flat(value, here) if isinstance(value, dict) else [(here, value)]
    return found


def difference(one: dict, other: dict) -> dict:
    """Difference of two exponents, `other` - `one`, with the interval of independent estimates:
    the half-widths of their intervals add in squares. Without both intervals, or where their
    levels differ, the difference stands alone."""
    found = {"estimate": other["estimate"] - one["estimate"], "low": None, "high": None}
    sides = [
        (fit["estimate"] - fit["ci_low"], fit["ci_high"] - fit["estimate"])
        for fit in (one, other)
        if fit.get("ci_low") is not None and fit.get("ci_high") is not None
    ]
    if len(sides) == 2 and one["level"] == other["level"]:
        (low_one, high_one), (low_other, high_other) = sides
        # The low end is reached where `other` is low and `one` is high.
        found["low"] = found["estimate"] - math.hypot(low_other, high_one)
        found["high"] = found["estimate"] + math.hypot(high_other, low_one)
    return found


def exponents(one: dict[tuple, dict], other: dict[tuple, dict]) -> list[dict]:
    """Rows of the table of exponents: both revisions' fits by game, law and method."""
    rows = []
    for name in [*one, *(name for name in other if name not in one)]:
        a, b = one.get(name), other.get(name)
        both = a and b and None not in (a["estimate"], b["estimate"])
        rows.append(
            {
                **dict(zip(FIT, name, strict=True)),
                "one": a,
                "other": b,
                "difference": difference(a, b) if both else None,
            }
        )
    return rows


def number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}".replace("-", "\N{MINUS SIGN}")


def interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{number(low)} to {number(high)}"


def page(one: Revision, other: Revision) -> str:
    """The page as HTML."""
    before, after = one.params(), other.params()
    changed = [
        (name, before.get(name, "absent"), after.get(name, "absent"))
        for name in sorted(before.keys() | after.keys())
        if before.get(name, "absent") != after.get(name, "absent")
    ]
    rows = exponents(one.fits(), other.fits())
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"number": number, "title_case": titles.title}
    environment.globals["interval"] = interval
    pictures = [(name, one.image(name), other.image(name)) for name in FIGURES]
    return environment.get_template("compare.html.j2").render(
        one=one, other=other, changed=changed, rows=rows, pictures=pictures,
        levels=sorted({fit["level"] for r in rows for fit in (r["one"], r["other"]) if fit}),
    )  # fmt: skip
