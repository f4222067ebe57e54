"""Scaling laws from a table of runs, without torch.

    from ilscaling import laws

    fit = laws.fit("runs.csv")
    print(fit.summary())

`fit` takes anyone's table and returns an object to ask (`results`). Behind it,
`fit_table` takes a results table (ours or published by others) and finds, for each game, the
compute-optimal points of the isoFLOP profiles (`profiles`, `optima`), the power laws of these
points on compute (`lines`), their other forms (`forms`, `verdicts`), the loss as a surface over
size and data (`surfaces`), intervals from resampled runs (`draws`), and how well each law predicts
larger budgets (`validation`, `prediction`). What does not enter is listed (`regime`, `cells`); what
cannot be fitted is a record with its reason (`records`). docs/laws.md is the account of it.
"""

NAMES = [
    "FORMS",
    "LAWS",
    "METHODS",
    "POWER",
    "Fit",
    "Form",
    "LawFit",
    "Line",
    "StudyFit",
    "Toward",
    "changed",
    "curve",
    "curves",
    "determined",
    "excess_compute",
    "fit",
    "fit_table",
    "forecast",
    "goals",
    "metrics",
    "power_law",
    "precision",
    "predict",
    "proposal",
    "read",
    "read_fits",
    "summary",
    "write",
]
__all__ = list(NAMES)


def __getattr__(name):
    # Snakemake's own process asks the forms of laws for their names, and needs none of the rest.
    if name not in NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import ilscaling.laws.names as names

    return getattr(names, name)


def __dir__():
    return sorted({*globals(), *NAMES})
