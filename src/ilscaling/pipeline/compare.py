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
from dvc.scm import RevError, SCMError, resolve_rev
from dvc_data.index import DataIndexDirError
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ilscaling import params
from ilscaling.errors import WorkflowError
from ilscaling.parameter_files import read_mapping
from ilscaling.show import looks, titles
from ilscaling.show.rows import EXPONENT, PREFERRED, footnote, of_records
from ilscaling.show.words import fixed, interval

FIGURES = ("profiles", "laws", "return_on_loss")


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
        self.commit, self._below = ("", "") if here else _commit(name)
        # Of a project below the root of a larger repository the root is no repository of DVC's.
        below = {"subrepos": True} if self._below else {}
        self._files = DVCFileSystem(rev=self.commit, **below) if self.commit else None
        self.study = name
        named = self._mapping("params.yaml").get("study", "default")
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
            with self._files.open(f"/{self._below}{path}", "rb") as file:
                return file.read()
        except (OSError, DvcException, DataIndexDirError):
            raise WorkflowError(
                f"{self.name} has no {path}"
                + (" in DVC's cache or its remote" if self.commit else ""),
                where=f"{self.commit[:7]} ({self.name})" if self.commit else str(Path.cwd()),
                fix=self._remedy(),
            ) from None

    def _remedy(self) -> str:
        """What makes the results that are not there."""
        if self.commit:
            at = "" if self.commit == _commit("HEAD")[0] else f"git checkout {self.commit[:7]} && "
            return f"{at}dvc repro   (which finds what Snakemake has made, and records it)"
        file = Path(f"studies/{self.study}.yaml")
        overlay = f" --configfile {file}" if file.is_file() else ""
        return f"snakemake --cores all{overlay}"

    def fits(self) -> dict[tuple, dict]:
        """Exponents by (game, law, method, form, flops); see `of_records`."""
        name = f"{self.results}/laws/fits.json"
        try:
            return of_records(json.loads(self.read(name)))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise self._damaged(name, error) from None

    def params(self) -> dict[str, object]:
        """Parameters of the study, as they are written."""
        values = self._mapping("params.yaml")
        try:
            change = self._mapping(f"studies/{self.study}.yaml")
        except WorkflowError:
            change = {}  # a study that has its parameters in params.yaml alone
        return dict(flat(params.overlay(values, change)))

    def _mapping(self, path: str) -> dict:
        """The mapping in a YAML file at this revision."""
        try:
            values = yaml.safe_load(self.read(path))
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise self._damaged(path, error) from None
        if not isinstance(values, dict):
            raise self._damaged(path, f"no mapping but {type(values).__name__}")
        return values

    def _damaged(self, path: str, what: object) -> WorkflowError:
        at = f"{path} of {self.commit[:7]} ({self.name})" if self.commit else path
        return WorkflowError(f"it cannot be read: {what}", where=at, fix=self._remedy())

    def image(self, name: str) -> str:
        """A figure as a data URI, so that the page needs no other file; empty if it has none."""
        try:
            data = base64.b64encode(self.read(f"{self.results}/figures/{name}.png")).decode()
        except WorkflowError:
            return ""
        return f"data:image/png;base64,{data}"


def _commit(name: str) -> tuple[str, str]:
    """The commit that a name means, and where the project stands in its repository: 'below/', empty
    at its root. Raises WorkflowError for a name that means none."""
    fix = "ls results   or   git log --oneline   or   dvc exp list --all-commits"
    try:
        with Repo() as repo:
            below = Path(repo.root_dir).resolve().relative_to(Path(repo.scm.root_dir).resolve())
            prefix = "" if below == Path() else f"{below.as_posix()}/"
            return resolve_rev(repo.scm, name), prefix
    except RevError:
        what = f"no such study, commit or experiment: {name}"
    except (DvcException, SCMError, ValueError) as error:
        what = f"no study {name} has results here, and no revision can be read: {error}"
        fix = "ls results   names the studies that can be compared without Git and DVC"
    for file, study in _studies():
        if study == name:
            overlay = "" if file.name == "params.yaml" else f" --configfile {file}"
            raise WorkflowError(
                f"the study {name} has no results here",
                where=str(file),
                fix=f"snakemake --cores all{overlay}   or   dvc pull results, if they were pushed",
            )
    raise WorkflowError(what, where=str(Path.cwd()), fix=fix)


def _studies() -> list[tuple[Path, str]]:
    """Parameter files of the folder and the studies that they name."""
    named = [(file, file.stem) for file in sorted(Path("studies").glob("*.yaml"))]
    if Path("params.yaml").is_file():
        study = read_mapping("params.yaml").get("study", "default")
        named.append((Path("params.yaml"), str(study)))
    return named


def flat(values: dict, above: str = "") -> list[tuple[str, object]]:
    """Leaves of nested parameters under dotted names.

    Parameters
    ----------
    values
        Name -> value, or another such mapping.
    above
        Dotted name of what holds them; empty: nothing.
    """
    leaves = []
    for name, value in values.items():
        here = f"{above}.{name}" if above else name
        leaves += flat(value, here) if isinstance(value, dict) else [(here, value)]
    return leaves


def difference(one: dict, other: dict, kind: str | None) -> dict:
    """Difference of two exponents, `other` - `one`, with the interval of independent estimates.

    The half-widths of their intervals add in squares: below, the lower one of `other` and the upper
    one of `one`, above the other way round. Without both intervals, or where their levels differ,
    the difference stands alone.

    Parameters
    ----------
    one, other
        Exponents with `estimate`, `level` and `intervals`, kind -> (low, high).
    kind
        Of the intervals that are compared; None: no kind that both have.

    Returns
    -------
    dict
        `estimate`, `low` and `high`; the ends are None without an interval.
    """
    apart = {"estimate": other["estimate"] - one["estimate"], "low": None, "high": None}
    if kind is None or one["level"] != other["level"]:
        return apart
    (low_one, high_one), (low_other, high_other) = (
        (fit["estimate"] - fit["intervals"][kind][0], fit["intervals"][kind][1] - fit["estimate"])
        for fit in (one, other)
    )
    # The low end is reached where `other` is low and `one` is high.
    apart["low"] = apart["estimate"] - math.hypot(low_other, high_one)
    apart["high"] = apart["estimate"] + math.hypot(high_other, low_one)
    return apart


def exponents(one: dict[tuple, dict], other: dict[tuple, dict]) -> list[dict]:
    """Rows of the table of exponents, a row a (game, law, method, form, flops).

    Both sides show intervals of one kind, that which a report prefers among those that both have.

    Parameters
    ----------
    one, other
        Exponents by these names, as of `Revision.fits`.

    Returns
    -------
    list of dict
        What names the row; `one` and `other`, None where a side has none; `kind` of the intervals;
        `difference`, None unless both have an estimate.
    """
    rows = []
    for names in [*one, *(names for names in other if names not in one)]:
        a, b = one.get(names), other.get(names)
        both = a and b and None not in (a["estimate"], b["estimate"])
        kinds = [kind for kind in PREFERRED if _has(a, kind) or _has(b, kind)]
        shared = [kind for kind in kinds if _has(a, kind) and _has(b, kind)]
        rows.append(
            {
                **dict(zip(EXPONENT, names, strict=True)),
                "one": a,
                "other": b,
                "kind": next(iter(shared or kinds), None),
                "difference": difference(a, b, next(iter(shared), None)) if both else None,
            }
        )
    return rows


def _has(exponent: dict | None, kind: str) -> bool:
    return exponent is not None and kind in exponent["intervals"]


def page(one: Revision, other: Revision) -> str:
    """The page as HTML.

    Parameters
    ----------
    one, other
        What stands left and right.
    """
    before, after = one.params(), other.params()
    changed = [
        (name, before.get(name, "absent"), after.get(name, "absent"))
        for name in sorted(before.keys() | after.keys())
        if before.get(name, "absent") != after.get(name, "absent")
    ]
    rows, notes = exponents(one.fits(), other.fits()), []
    for row in rows:
        for fit in filter(None, (row["one"], row["other"])):
            fit["marks"] = [footnote(text, notes) for text in fit["notes"]]
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"number": fixed, "title_case": titles.title}
    environment.globals |= {"interval": interval, "LAWS": looks.LAWS}
    pictures = [(name, one.image(name), other.image(name)) for name in FIGURES]
    return environment.get_template("compare.html.j2").render(
        one=one, other=other, changed=changed, rows=rows, notes=notes,
        pictures=[(name, *pair) for name, *pair in pictures if any(pair)],
        levels=sorted({fit["level"] for r in rows for fit in (r["one"], r["other"]) if fit}),
    )  # fmt: skip
