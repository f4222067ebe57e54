"""Figures of a study: each drawn from the tidy CSV beside it, so that the two cannot disagree."""

from pathlib import Path

import pandas as pd

from ilscaling.files import atomic, write_json
from ilscaling.laws import StudyFit
from ilscaling.laws.processes import of_each
from ilscaling.show.figures import across as _across
from ilscaling.show.figures import conditions as _conditions
from ilscaling.show.figures import currencies as _currencies
from ilscaling.show.figures import curves as _curves
from ilscaling.show.figures import expert as _expert
from ilscaling.show.figures import forecast as _forecast
from ilscaling.show.figures import forms as _forms
from ilscaling.show.figures import held_out as _held_out
from ilscaling.show.figures import laws as _laws
from ilscaling.show.figures import methods as _methods
from ilscaling.show.figures import profiles as _profiles
from ilscaling.show.figures import relation as _relation
from ilscaling.show.figures import style
from ilscaling.show.figures import validation as _validation

__all__ = ["FIGURES", "draw", "draw_all", "redraw"]

# In the order of a report; a new figure is one module with NAME, TITLE, data, draw, caption.
_FITS = (_methods, _forms, _held_out, _validation, _across)  # drawn from the fits alone
_ALL = (_profiles, _laws, _relation, _conditions, _currencies, *_FITS, _forecast, _curves, _expert)
FIGURES = {module.NAME: module for module in _ALL}


def draw_all(
    table: pd.DataFrame,
    fit: StudyFit,
    out: str | Path,
    *,
    curves: pd.DataFrame | None = None,
    returns: pd.DataFrame | None = None,
    human: dict[str, float] | None = None,
    forecast: dict | None = None,
    processes: int = 1,
) -> dict[str, dict[str, Path]]:
    """Draw every figure that there is data for.

    Games come in the order of `fit`. `out`/figures.json, which a report reads, holds each figure's
    title, caption and files.

    Parameters
    ----------
    table
        Results table (`tables.COLUMNS`).
    fit
        Its laws.
    out
        Folder for the figures.
    curves
        Rows of all runs' curve.csv (samples, flops, loss in nats) with game, size, seed.
    returns
        game, split, return: a row an expert's episode.
    human
        Game -> published return of a human player.
    forecast
        What was foretold and what came out (see figures.forecast.data).
    processes
        How many figures are drawn at once, which changes none.

    Returns
    -------
    dict
        Name -> its files {png, svg, csv}.
    """
    out, human = Path(out), human or {}
    table = _ordered(table, fit.games)
    drawn = {
        _profiles: _profiles.data(table, fit, human),
        _laws: _laws.data(fit),
        _relation: _relation.data(table, fit, human),
        _conditions: _conditions.data(table, fit),
        _currencies: _currencies.data(table),
        **{module: module.data(fit) for module in _FITS},
    }
    if forecast is not None:
        drawn[_forecast] = _forecast.data(fit, forecast)
    if curves is not None and len(curves):
        drawn[_curves] = _curves.data(_ordered(curves, fit.games))
    if returns is not None and len(returns):
        has = "random_return" in table
        random = table.groupby("game")["random_return"].mean().to_dict() if has else {}
        drawn[_expert] = _expert.data(_ordered(returns, fit.games), human, random)
    work = [(module.NAME, data, out) for module, data in drawn.items() if len(data)]
    manifest = dict(zip((name for name, *_ in work), of_each(_draw, work, processes), strict=True))
    write_json(out / "figures.json", manifest)
    return {
        name: {kind: out / file for kind, file in entry["files"].items()}
        for name, entry in manifest.items()
    }


def placeholder(stem: Path, why: str) -> None:
    """A figure that says why there is nothing to draw, as PNG and SVG.

    Parameters
    ----------
    stem
        Path without an ending.
    why
        What it says.
    """
    with style.look():
        figure, axes = style.panels(1, 1, width=7.2, height=2.4)
        style.empty(axes.flat[0], why)
        style.save(figure, stem)


def _ordered(rows: pd.DataFrame, games: list[str]) -> pd.DataFrame:
    """`rows` game by game in the order of `games`, otherwise as they stand."""
    place = {game: i for i, game in enumerate(games)}
    at = rows["game"].map(lambda game: place.get(game, len(place)))
    return rows.iloc[at.to_numpy().argsort(kind="stable")]


def _draw(name: str, data: pd.DataFrame, out: Path) -> dict:
    """As `draw`, by name: another process cannot be given a module."""
    return draw(FIGURES[name], data, out)


def draw(module, data: pd.DataFrame, out: Path) -> dict:
    """Write one figure's CSV, PNG and SVG.

    Parameters
    ----------
    module
        One of FIGURES.
    data
        As the module's `data` returns it.
    out
        Folder to write into.

    Returns
    -------
    dict
        The figure's entry of the manifest: title, caption, files.
    """
    stem = out / module.NAME
    with atomic(stem.with_suffix(".csv")) as temporary:
        data.to_csv(temporary, index=False, float_format="%.8g")
    redraw(stem.with_suffix(".csv"))
    return {
        "title": module.TITLE,
        "caption": module.caption(data),
        "files": {kind: f"{module.NAME}.{kind}" for kind in ("png", "svg", "csv")},
    }


def redraw(csv: str | Path) -> None:
    """Draw the figure that `csv` holds the data of, as PNG and SVG beside it."""
    csv = Path(csv)
    style.save(FIGURES[csv.stem].draw(pd.read_csv(csv)), csv.with_suffix(""))
