"""A row of the table: what was checked, what came out, and what was asked."""

import traceback
from dataclasses import asdict, dataclass

import torch


@dataclass(frozen=True)
class Row:
    """One number or fact.

    Parameters
    ----------
    check, case
        Which.
    verdict
        'passed', 'failed', 'recorded' (nothing was asked), 'skipped' or 'error'.
    value
        What came out.
    bound
        What it had to be: at most this.
    note
        Its unit, or why.
    """

    check: str
    case: str
    verdict: str
    value: object = None
    bound: float | None = None
    note: str = ""

    def record(self) -> dict:
        """For JSON."""
        return asdict(self)

    def __str__(self) -> str:
        value = f"{self.value:.4g}" if isinstance(self.value, float) else str(self.value)
        bound = "" if self.bound is None else f" (at most {self.bound:g})"
        shown = "" if self.value is None else f" {value}{bound}"
        note = f"  {self.note}" if self.note else ""
        return f"{self.verdict:9}{self.check:15}{self.case:42}{shown}{note}"


def at_most(check: str, case: str, value: float, bound: float, note: str = "") -> Row:
    """A row that passes up to a bound."""
    verdict = "passed" if value <= bound else "failed"  # a NaN fails
    return Row(check, case, verdict, float(value), bound, note)


def holds(check: str, case: str, true: bool, note: str = "") -> Row:
    """A row that passes where something holds."""
    return Row(check, case, "passed" if true else "failed", bool(true), note=note)


def error(check: str, problem: Exception, case: str = "") -> Row:
    """A row for what ended a check."""
    where = traceback.extract_tb(problem.__traceback__)[-1]
    text = str(problem).strip().split("\n")[0][:300]
    at = f"{where.filename.rsplit('/', 1)[-1]}:{where.lineno}"
    return Row(check, case, "error", note=f"{type(problem).__name__}: {text} ({at})")


def relative(value: torch.Tensor, exact: torch.Tensor) -> float:
    """||value - exact|| / ||exact||, in float64 on the CPU."""
    value, exact = value.detach().double().cpu(), exact.detach().double().cpu()
    return float((value - exact).norm() / exact.norm().clamp_min(1e-300))
