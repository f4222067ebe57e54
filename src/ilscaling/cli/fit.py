"""Verbs from anyone's table of runs to laws: `fit` and `forecast`."""

import math
import shlex
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from ilscaling import files
from ilscaling.cli import outputs
from ilscaling.cli.options import PARAMS, ParamsFile, Study
from ilscaling.errors import FitError

Compute = Literal["realised", "nominal"]
Loss = Literal["measured", "expected", "excess"]
Weighing = Literal["equal", "standard_error"]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        help="OURS=THEIRS: a column of the table by another name. Ours are params, samples,"
        " dev_loss, budget, flops, return_mean, game, seed and others: docs/laws.md.",
    ),
]
Table = Annotated[
    Path,
    typer.Argument(help="Table of runs, a row a run at one budget: CSV, JSON, Parquet, Feather."),
]
SixND = Annotated[
    bool,
    typer.Option("--assume-6nd", help="A missing column samples or flops is made of C = 6 N D."),
]
Flops = Annotated[
    Compute | None, typer.Option(help="FLOPs to fit on; default: as the parameters say.")
]
MinSizes = Annotated[
    int | None,
    typer.Option(help="Budgets with fewer sizes are left out of the laws of optima.", min=1),
]
Window = Annotated[
    float | None,
    typer.Option(help="Sizes up to so many times off a budget's best enter; 0: all sizes."),
]
Rho = Annotated[
    float | None, typer.Option(help="Exponent of N in C = k N^rho D; default: estimated.")
]
Huber = Annotated[
    float | None,
    typer.Option(
        help="Residual of ln L beyond which Chinchilla's surface counts it by its size, no longer"
        " by its square; inf: least squares."
    ),
]
Weights = Annotated[
    Weighing | None,
    typer.Option(help="What a cell counts: the same, or by the standard error of its loss."),
]
Seed = Annotated[int | None, typer.Option(help="Of the resampling.", min=0)]
Level = Annotated[float | None, typer.Option(help="Of the intervals, such as 0.95.")]
Bootstrap = Annotated[int | None, typer.Option(help="Resamples of the runs; 0: none.", min=0)]
MinUpdates = Annotated[
    int | None, typer.Option(help="Cells with fewer gradient steps are left out.", min=0)
]
MaxEpochs = Annotated[
    float | None, typer.Option(help="Cells that saw their data more often are left out.")
]
# What is predicted, and in what.
SAID = {
    "L_min": "lowest dev loss", "N_opt": "parameters", "D_opt": "samples",
    "R_max": "highest return", "R_on_1/L": "return by loss",
}  # fmt: skip
RETURNS = ("R_max", "R_on_1/L")


def read_study(path: Path, study: list[Path] | None):
    """The study of a parameter file and its overlays; None where there is neither.

    Parameters
    ----------
    path
        Parameter file.
    study
        Overlays of it.

    Returns
    -------
    params.Params or None
    """
    from ilscaling import params

    return params.read(path, *(study or [])) if path.exists() or study else None


def table_and_settings(
    table: Path,
    columns: list[str] | None,
    study,
    assume_6nd: bool = False,
    **changes,
):
    """A results table and how it is to be fitted.

    Parameters
    ----------
    table
        The file.
    columns
        'OURS=THEIRS' pairs.
    study : params.Params or None
        By `read_study`; without one the defaults count.
    assume_6nd
        See tables.read_table.
    **changes
        Settings of params.Laws given by hand, which win; None is not given. A window of 0 is none.

    Returns
    -------
    table : DataFrame
    settings : params.Laws
    """
    from ilscaling import laws, params, tables

    settings = study.laws if study else params.Laws()
    given = {name: value for name, value in changes.items() if value is not None}
    if given.get("window") == 0:
        given["window"] = None
    settings = laws.changed(settings, given)
    named = tables.mapping(columns or [])
    return tables.read_table(table, columns=named, assume_6nd=assume_6nd), settings


def buildable(study, read) -> dict[str, list[tuple[int, int]]]:
    """Sizes and parameters that can be built for each game of the table.

    Parameters
    ----------
    study : params.Params or None
        Games that it has no section for are left out.
    read : DataFrame
        A results table.

    Returns
    -------
    dict
        Game -> (size, parameters), rising, up to the first with more than 100 times the game's
        largest parameters in the table.
    """
    from ilscaling import grid

    largest = read.groupby("game")["params"].max()
    return {
        name: grid.buildable(name, game, 100 * largest[name])
        for name, game in (study.games.items() if study else ())
        if name in largest
    }


def fit(
    table: Table,
    out: Annotated[Path, typer.Option(help="Folder for fits, tables, notes and figures.")],
    path: ParamsFile = PARAMS,
    study: Study = None,
    column: Columns = None,
    assume_6nd: SixND = False,
    flops: Flops = None,
    min_sizes: MinSizes = None,
    window: Window = None,
    rho: Rho = None,
    huber: Huber = None,
    weights: Weights = None,
    seed: Seed = None,
    level: Level = None,
    bootstrap: Bootstrap = None,
    min_updates: MinUpdates = None,
    max_epochs: MaxEpochs = None,
    loss: Annotated[
        Loss,
        typer.Option(
            help="Loss to fit: as measured, its expectation under the expert's distribution, or"
            " the excess over the expert's entropy (columns of tables whose floor is known)."
        ),
    ] = "measured",
    processes: Annotated[int, typer.Option(help="Games are fitted in parallel.", min=1)] = 1,
    validate: Annotated[
        bool,
        typer.Option(help="Test every law on larger budgets, which takes most of the time."),
    ] = True,
    pictures: Annotated[bool, typer.Option("--figures/--no-figures", help="Draw, too.")] = True,
    metrics: Annotated[Path | None, typer.Option(help="Headline numbers (JSON).")] = None,
) -> None:
    """Fit the scaling laws of a table of runs, ours or anyone's.

    Writes fits.json, fits.md and the tables behind them (docs/laws.md), and figures. Status 0 says
    that a law was fitted.
    """
    from ilscaling.laws import excess
    from ilscaling.show import fits, quoted

    outputs.refuse_foreign(out, [*fits.FILES, *["figures"] * pictures], "fits.json", table)
    known = read_study(path, study)
    read, settings = table_and_settings(
        table,
        column,
        known,
        assume_6nd,
        flops=flops,
        min_sizes=min_sizes,
        window=window,
        rho=rho,
        huber=huber,
        weights=weights,
        seed=seed,
        level=level,
        bootstrap=bootstrap,
        min_updates=min_updates,
        max_epochs=max_epochs,
    )
    read = excess.by_loss(read, loss)
    # Nothing else is said until all is done, which is minutes for a large table.
    quicker = [*["--no-validate"] * validate, *["--no-figures"] * pictures]
    less = f" ({' '.join(quicker)}: sooner)" if quicker else ""
    print(f"fitting {len(read):,} rows, seconds to minutes{less}", file=sys.stderr, flush=True)
    fitted = fits.write(
        read, settings, out, metrics=metrics, processes=processes, validate=validate
    )
    if not any(record["estimate"] is not None for record in fitted.fits):
        raise nothing_fitted(fitted.fits, str(table), shlex.join(["cat", str(out / "fits.md")]))
    if pictures:
        from ilscaling.show import figures as drawing

        drawing.draw_all(read, fitted, out / "figures", processes=processes)
    for game in fitted.games:
        print(f"{game}: exponents of compute C, in training FLOPs")
        returns = has_returns(read, game)
        print("\n".join(quoted.lines(fitted, game, returns=returns)), end="\n\n")
    print(out / "fits.md")


def has_returns(read, game: str) -> bool:
    """Whether a game of a results table has a return at all."""
    if "return_mean" not in read:
        return False
    return bool(read.loc[read["game"] == game, "return_mean"].notna().any())


def nothing_fitted(fits: list[dict], where: str, fix: str) -> FitError:
    """The error of a table that gives no law: what its records say.

    Parameters
    ----------
    fits : list of Fit
        From whose flags up to three reasons are taken.
    where
        The table.
    fix
        What to do about it.
    """
    reasons = dict.fromkeys(
        flag.partition(": ")[2]
        for record in reversed(fits)
        for flag in record["flags"]
        if flag.partition(":")[0] not in ("plateau", "chosen_on", "window", "no_bootstrap")
    )
    return FitError(f"no law could be fitted: {'; '.join([*reasons][:3])}", where=where, fix=fix)


def show_predicted(predicted) -> None:
    """Print predictions as a table that a terminal holds, and what is to be said of its rows below.

    Parameters
    ----------
    predicted : DataFrame
        Of laws.forecast.
    """
    said = [flags for flags in dict.fromkeys(predicted["flags"]) if flags]
    notes = {flags: number for number, flags in enumerate(said, 1)}
    shown = predicted.assign(
        quantity=predicted["quantity"].map(SAID).fillna(predicted["quantity"]),
        note=predicted["flags"].map(notes),
    )
    names = ["game", "quantity", "estimate", "low", "high", "method", "form", "size", "note"]
    shown = shown[[name for name in names if name in shown and shown[name].notna().any()]]
    print(shown.to_string(index=False, float_format="%.4g", na_rep=""))
    for flags, number in notes.items():
        print(f"  {number}  {flags}")


def forecast(
    table: Table,
    budget: Annotated[float, typer.Option(help="Training FLOPs to forecast for.")],
    game: Annotated[str | None, typer.Option("--game", help="Only this game.")] = None,
    wanted: Annotated[
        float | None, typer.Option("--return", help="Also: the budget that reaches this return.")
    ] = None,
    size_params: Annotated[
        float | None,
        typer.Option(
            help="Also: the compute that a model of so many parameters spends beyond what the"
            " optimal size needs for its loss.",
            min=1,
        ),
    ] = None,
    path: ParamsFile = PARAMS,
    study: Study = None,
    column: Columns = None,
    assume_6nd: SixND = False,
    flops: Flops = None,
    min_sizes: MinSizes = None,
    window: Window = None,
    rho: Rho = None,
    huber: Huber = None,
    weights: Weights = None,
    seed: Seed = None,
    level: Level = None,
    bootstrap: Bootstrap = None,
    every: Annotated[
        bool, typer.Option("--every", help="Also what every method and form predicts.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write what every method predicts here (CSV).")
    ] = None,
) -> None:
    """Parameters, samples, dev loss and return at a larger budget, with intervals."""
    from ilscaling import laws
    from ilscaling.laws import fitted

    # Before the fits, which take their time.
    usual = {"--budget": "1e13", "--return": "30", "--size-params": "1e6"}
    for option, value in zip(usual, (budget, wanted, size_params), strict=True):
        if value is not None and not 0 < value < math.inf:
            raise FitError(
                f"laws hold of what is positive, not of {value:g}",
                where=option,
                fix=f"{option} {usual[option]}",
            )
    known = read_study(path, study)
    read, settings = table_and_settings(
        table,
        column,
        known,
        assume_6nd,
        flops=flops,
        min_sizes=min_sizes,
        window=window,
        rho=rho,
        huber=huber,
        weights=weights,
        seed=seed,
        level=level,
        bootstrap=bootstrap,
    )
    if game is not None:
        there = sorted(read["game"].unique())
        if game not in there:
            raise FitError(
                f"the table has no game {game!r}",
                where=str(table),
                fix="--game " + " or ".join(there[:20]),
            )
        read = read[read["game"] == game]
    sizes = buildable(known, read)
    games = fitted.fitted(read, settings)
    predicted = laws.forecast(read, settings, budget, sizes=sizes, games=games)
    if not predicted["estimate"].notna().any():
        why = "; ".join(predicted["flags"].head(1))
        raise FitError(f"no law predicts anything here: {why}", where=str(table))
    print(f"At {budget:.4g} training FLOPs, as the verdicts choose:")
    show_predicted(predicted[predicted["quoted"]])
    if every:
        without = [name for name in predicted["game"].unique() if not has_returns(read, name)]
        no_return = predicted["game"].isin(without) & predicted["quantity"].isin(RETURNS)
        print("\nBy every method and form:")
        show_predicted(predicted[~no_return])
    else:
        print(f"\n{len(predicted)} predictions by every method and form: --every")
    if wanted is not None:
        reached = laws.goals(read, settings, wanted, games=games)
        print(f"\n{reached.to_string(index=False, float_format='%.4g', na_rep='')}")
    if size_params is not None:
        spent = laws.excess_compute(read, settings, budget, size_params, games=games)
        print(f"\nCompute of {size_params:.4g} parameters over the optimal size's for their loss:")
        print(spent.to_string(index=False, float_format="%.4g", na_rep=""))
    if out:
        with files.atomic(out) as temporary:
            predicted.to_csv(temporary, index=False)
