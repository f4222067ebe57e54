"""Columns of others under our names: as they map them, and what to suggest where they did not."""

import difflib
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from ilscaling.errors import FitError
from ilscaling.tables import numerals
from ilscaling.tables.columns import COLUMNS

# What a column of ours is called by others: lower case, words joined by one underscore.
ALIASES = {
    "params": (
        "n_params", "num_params", "parameters", "param", "n_parameters", "num_parameters",
        "param_count", "model_size", "non_embedding_params", "n_non_embedding", "total_params",
        "model_params", "n",
    ),
    "samples": (
        "tokens", "n_tokens", "num_tokens", "train_tokens", "training_tokens", "tokens_seen",
        "total_tokens", "n_samples", "num_samples", "examples", "train_samples", "training_data",
        "d",
    ),
    "dev_loss": (
        "val_loss", "valid_loss", "validation_loss", "eval_loss", "loss", "heldout_loss",
        "final_loss", "nll", "cross_entropy", "test_loss", "l",
    ),
    "flops": (
        "training_flops", "training_flop", "train_flops", "total_flops", "flop", "compute",
        "train_compute", "training_compute", "flops_total", "c",
    ),
    "budget": ("compute_budget", "flop_budget", "flops_budget", "isoflop", "target_flops"),
    "return_mean": ("return", "mean_return", "episode_return", "reward", "mean_reward", "score"),
    "game": ("env", "environment", "env_id", "task", "config"),
}  # fmt: skip
# Columns that others count in millions and the like, as the last word of their name says.
COUNTED = ("params", "samples", "unique_samples", "flops", "budget")
SI = {"kilo": "k", "mega": "m", "giga": "g", "tera": "t", "peta": "p", "exa": "e", "zetta": "z"}
MANY = r"(?:thousand|million|billion|trillion)s?"
UNITS = re.compile(
    rf"(?:(?<=_)1?(?P<prefix>k|m|mn|mio|mil|mln|g|b|bn|t|tn|p|e|z|{'|'.join(SI)}|{MANY})"
    rf"|(?:^|(?<=_))(?P<flops>[kmgtpez]|{'|'.join(SI)})_?flops?"
    r"|(?:^|(?<=_))(?P<count>[kmbgt])(?:params?|tokens?|samples?)"
    r"|(?:^|(?<=_))(?P<days>p(?:eta)?|e(?:xa)?|z(?:etta)?)_?f(?:lop)?s?(?:_s)?_?days?"
    r"|(?<=_)x?(?:1?e|10_)(?P<ten>\d{1,2}))$"
    rf"|^(?P<first>{MANY})(?=_)"
)
# Parts of a name that say something which a column of plain numbers does not hold.
UNREAD = re.compile(
    rf"(?:^|_)(?:{'|'.join(SI)}|{MANY}|mil|mln|[kmgtpez]flops?|[pez]f|days?|hours?|secs?|seconds?"
    rf"|x?1e\d+|x?10_\d+)(?:_|$|(?<=[a-z])(?=flop))"
)
LOGARITHM = re.compile(r"(?:^|_)(?:log|ln|lg|log2|log10)(?:_|$)")
# One day at 10^15 FLOPs a second, as GPT-3's authors count.
PETAFLOPS_DAY = 8.64e19
TIMES = {"p": 1.0, "e": 1e3, "z": 1e6}
# How alike a name must be to one of these to be suggested.
ALIKE = 0.8


def mapping(pairs: Sequence[str]) -> dict[str, str]:
    """'OURS=THEIRS' pairs as a dictionary.

    Parameters
    ----------
    pairs
        As of the option --column.

    Raises
    ------
    FitError
        For a name that is none of ours, and for one that is there twice.
    """
    columns: dict[str, str] = {}
    for pair in pairs:
        ours, equals, theirs = pair.partition("=")
        if not equals or not theirs or (ours not in COLUMNS and ours != "run"):
            meant = [column for column, others in ALIASES.items() if _plain(ours) in others]
            close = meant or difflib.get_close_matches(ours, [*COLUMNS, "run"], n=1, cutoff=0.0)
            raise FitError(
                f"{pair!r} does not map a column of ours",
                where="--column",
                fix=f"--column {close[0]}={theirs or 'THEIRS'}",
            )
        if ours in columns or theirs in columns.values():
            raise FitError(f"{pair!r} maps a column for the second time", where="--column")
        columns[ours] = theirs
    return columns


def renamed(table: pd.DataFrame, columns: Mapping[str, str], path: Path) -> pd.DataFrame:
    """A table under our names; what is called so, but is not meant, steps aside.

    Parameters
    ----------
    table
        Anyone's table of runs.
    columns
        Our name -> theirs.
    path
        The file, for an error.

    Raises
    ------
    FitError
        For a column of theirs that is not there.
    """
    if not isinstance(columns, Mapping) or not all(
        isinstance(name, str) for pair in columns.items() for name in pair
    ):
        raise FitError(
            f"columns is a mapping of our names to those of the table, not {columns!r}"[:200],
            where=str(path),
            fix="columns={'dev_loss': 'val_loss'}",
        )
    unknown = [theirs for theirs in columns.values() if theirs not in table]
    if unknown:
        raise _unknown(unknown, list(table.columns), path)
    aside = {ours: f"{ours} (theirs)" for ours in columns if ours in table}
    back = {theirs: ours for ours, theirs in columns.items()}
    return table.rename(columns={**aside, **back})


def factor(ours: str, theirs: str) -> float:
    """By how much a column of others is to be multiplied, as its name says: 1e6 of 'params (M)'.

    Parameters
    ----------
    ours
        The column of ours that it stands for.
    theirs
        Its name: the unit is the last word, in brackets or after a mark.

    Raises
    ------
    FitError
        For a name that says a unit in another way, or logarithms: its numbers would be taken for
        ones.
    """
    if ours not in COUNTED:
        return 1.0
    words = _plain(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", theirs))
    if LOGARITHM.search(words):
        raise FitError(
            f"column {theirs} says that it holds logarithms",
            where=f"column {ours}",
            fix="a column of the numbers themselves, such as 10 ** it",
        )
    unit = UNITS.search(words)
    if unit is None:
        # A unit that is said and not read would put the numbers off by millions; 'tokens_per_day'
        # and 'step_time_days' are no amounts at all.
        if said := UNREAD.search(words):
            raise FitError(
                f"column {theirs} says a unit ({said[0].strip('_')}) that is not read",
                where=f"column {ours}",
                fix=f"name it by what its numbers are to be multiplied with: {ours}_1e6",
            )
        return 1.0
    if unit["first"]:
        return numerals.WORDS[unit["first"].removesuffix("s")]
    if unit["count"]:
        return numerals.FACTORS[unit["count"]]
    if unit["ten"]:
        return 10.0 ** int(unit["ten"])
    compute = ours in ("flops", "budget")
    if unit["days"]:
        return PETAFLOPS_DAY * TIMES[unit["days"][0]] if compute else 1.0
    prefix = unit["flops"] or unit["prefix"]
    prefix = prefix.removesuffix("s") if len(prefix) > 2 else prefix
    prefix = SI.get(prefix, prefix)
    if prefix in numerals.FLOPS:
        return numerals.FLOPS[prefix] if compute else 1.0
    millions = dict.fromkeys(("mio", "mil", "mln"), 1e6)
    return {**numerals.FACTORS, **numerals.WORDS, **millions}[prefix]


def missing(names: Sequence[str], table: pd.DataFrame, path: Path) -> FitError:
    """The error of a table without some columns of ours: it names those that may be meant.

    Parameters
    ----------
    names
        What is missing; one may be a choice, such as 'budget or flops'.
    table
        Of which the columns of numbers that are none of ours may be meant.
    path
        The file.
    """
    there = [str(name) for name in table.columns]
    free = [name for name in there if name not in COLUMNS and _numeric(table[name])]
    free = [name for name in free if not LOGARITHM.search(_plain(name))]
    guesses = {}
    wanted = [part for either in names for part in either.split(" or ")]
    for name in wanted:
        # A column stands for one of ours alone, and budgets or FLOPs are enough.
        if name == "flops" and "budget" in guesses:
            continue
        left = [n for n in free if n not in guesses.values()]
        if name == "dev_loss":  # a loss in training is no held-out one
            left = [n for n in left if "train" not in _plain(n)]
        meant = _meant(name, left)
        if meant:
            guesses[name] = meant
    given = set(there) | set(guesses)
    options = [f"--column {shlex.quote(f'{o}={t}')}" for o, t in guesses.items()]
    computed = {"params", "samples", "flops"} - given
    if "budget" in given:
        computed -= {"flops"}
    lacking = set(wanted) - given
    if len(computed) == 1 and computed & {"samples", "flops"} & lacking:
        options.append("--assume-6nd")
    said = f"columns there are: {', '.join(there[:40])}{', ...' * (len(there) > 40)}"
    return FitError(
        f"columns are missing: {', '.join(names)}",
        where=str(path),
        fix=f"{' '.join(options)}   ({said})" if options else f"--column OURS=THEIRS ({said})",
    )


def _unknown(names: list[str], there: list[str], path: Path) -> FitError:
    close = {name: difflib.get_close_matches(name, there, n=1, cutoff=ALIKE) for name in names}
    perhaps = [f"{c[0]} for {name}" for name, c in close.items() if c]
    fix = f"columns there are: {', '.join(there[:40])}{', ...' * (len(there) > 40)}"
    if perhaps:
        fix += f"; perhaps {', '.join(perhaps)}"
    return FitError(f"columns are missing: {', '.join(names)}", where=str(path), fix=fix)


def _numeric(column: pd.Series) -> bool:
    """Whether a column holds numbers, or texts that begin like them."""
    values = column.dropna()
    if not len(values):
        return False
    if pd.api.types.is_numeric_dtype(values):
        return True
    return values.astype(str).str.match(r"\s*[-+.]?\d").mean() > 0.5


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _without_unit(name: str) -> str:
    return UNITS.sub("", _plain(name)).strip("_") or _plain(name)


def _meant(ours: str, free: list[str]) -> str | None:
    """The column that is meant by one of ours, if a name says so."""
    plain = {_plain(name): name for name in reversed(free)}
    # 'params (M)' is no other column than 'params'; `factor` has the unit.
    plain |= {short: name for name in reversed(free) if (short := _without_unit(name)) not in plain}
    known = (ours, *ALIASES.get(ours, ()))
    for alias in known:
        if alias in plain:
            return plain[alias]
    # The last words of a dotted or prefixed name, such as summary.val_loss.
    for alias in known:
        for name, theirs in plain.items():
            if len(alias) > 2 and name.endswith(f"_{alias}"):
                return theirs
    for alias in known:
        close = difflib.get_close_matches(alias, plain, n=1, cutoff=ALIKE)
        if close and len(alias) > 2:
            return plain[close[0]]
    return None
