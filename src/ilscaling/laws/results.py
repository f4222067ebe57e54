"""The laws of a table as an object to ask: estimates, intervals, draws, predictions, a picture."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from ilscaling import tables
from ilscaling.errors import FitError, ParamsError
from ilscaling.files import atomic
from ilscaling.laws import arguments, more_seeds, prediction, sizing
from ilscaling.laws.doubts import determined
from ilscaling.laws.fitted import FittedGame, fitted
from ilscaling.laws.frontier import Frontier
from ilscaling.laws.records import LAWS, Fit
from ilscaling.laws.study import StudyFit, fit_table
from ilscaling.params import Laws

# What names an estimate.
KEY = ["game", "law", "method", "form", "parameter"]
# Of a size that `precision` simulates: what a study could have, and a memory hold.
MOST_SEEDS = 1000


def fit(
    table: pd.DataFrame | str | Path,
    columns: Mapping[str, str] | None = None,
    *,
    games: Sequence[str] | None = None,
    assume_6nd: bool = False,
    validate: bool = True,
    processes: int = 1,
    **settings,
) -> "LawFit":
    """Fit the scaling laws of a table of runs.

    Parameters
    ----------
    table : DataFrame, str or Path
        A row a run at one budget, or a file of it (see tables.read_table).
    columns : mapping of str to str, optional
        Our names of columns -> those of the table, such as {"dev_loss": "val_loss"}.
    games : sequence of str, optional
        Only these.
    assume_6nd : bool
        Make a missing column samples or flops of C = 6 N D.
    validate : bool
        Test every law on larger budgets, which takes most of the time.
    processes : int
        Games are fitted in parallel.
    **settings
        Of `ilscaling.params.Laws`: level, bootstrap, min_sizes, rho, seed, flops, ...

    Returns
    -------
    LawFit

    Raises
    ------
    FitError
        For a table that cannot be read, or of which no law could be fitted.
    """
    options = changed(Laws(), settings)
    games = None if games is None else arguments.names(games, "games")
    processes = arguments.whole(processes, "processes", 1)
    if not isinstance(table, str | Path | pd.DataFrame):
        raise FitError(
            f"a table is a path or a DataFrame, not {type(table).__name__}",
            fix="laws.fit(pandas.DataFrame(rows))",
        )
    if isinstance(table, pd.DataFrame):
        read = tables.standard(table.copy(), columns, assume_6nd=assume_6nd)
    else:
        read = tables.read_table(table, columns, assume_6nd=assume_6nd)
    if games is not None:
        absent = sorted(set(games) - set(read["game"]))
        if absent:
            there = ", ".join(sorted(read["game"].unique()))
            raise FitError(f"the table has no game {', '.join(absent)}", fix=f"there are: {there}")
        notes = read.attrs["notes"]
        read = read[read["game"].isin(games)].reset_index(drop=True)
        read.attrs["notes"] = notes
    study = fit_table(read, options, games=games, processes=processes, validate=validate)
    if not any(record["estimate"] is not None for record in study.fits):
        raise FitError(f"no law could be fitted: {'; '.join(study.notes)}")
    return LawFit(read, options, study)


def changed(settings: Laws, values: Mapping[str, object]) -> Laws:
    """Settings with some of them changed.

    Parameters
    ----------
    settings
        The others stay as here.
    values
        Name -> value.

    Raises
    ------
    ParamsError
        For a name that is no setting, or a value out of bounds.
    """
    from pydantic import ValidationError

    try:
        return Laws.model_validate({**settings.model_dump(), **values})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        known = ", ".join(sorted(Laws.model_fields))
        unknown = first["type"] == "extra_forbidden"
        raise ParamsError(
            "no such setting of the laws" if unknown else f"{first['msg']}: {first['input']!r}",
            where=name,
            fix=f"settings are: {known}" if unknown else _usual(name),
        ) from None


def _usual(name: str) -> str:
    """What to type instead of a setting out of bounds."""
    usual, option = getattr(Laws(), name.partition(".")[0]), name.replace("_", "-")
    if usual is None:
        return f"leave {name} out   (--{option})"
    return f"--{option} {usual}   ({name}={usual!r} in Python), as by default"


def _in_words(record: Fit) -> str:
    """An exponent to quote, and how well it is known."""
    if record["estimate"] is None:
        return "not quoted"
    ends = "" if record["ci_low"] is None else f" [{record['ci_low']:.4g}, {record['ci_high']:.4g}]"
    return f"{record['estimate']:.4g}{ends} by {record['method']}, {determined(record)}"


class LawFit:
    """The laws of a table.

    Parameters
    ----------
    table : DataFrame
        The results table that was fitted (see tables.standard).
    settings : params.Laws
        How it was fitted.
    study : StudyFit
        All records, optima, cells, tests of prediction, verdicts and notes, as tables.
    """

    def __init__(self, table: pd.DataFrame, settings: Laws, study: StudyFit):
        self.table, self.settings, self.study = table, settings, study

    def __getstate__(self) -> dict:
        # What is computed when asked for holds functions, which no pickle keeps.
        return {"table": self.table, "settings": self.settings, "study": self.study}

    @property
    def games(self) -> list[str]:
        return self.study.games

    @property
    def notes(self) -> list[str]:
        """What was dropped, averaged, made up or left unchecked."""
        return self.study.notes

    @cached_property
    def frontiers(self) -> dict[str, list[Frontier]]:
        """Game -> what each method says of it, for all draws."""
        return {name: of for name, _, of in self._fitted}

    @property
    def draws(self) -> pd.DataFrame:
        """Every parameter in the measurement, draw 0, and in its resamples.

        Returns
        -------
        DataFrame (draws, parameters)
            Columns by game, law, method, form and parameter; NaN where a draw has none. Any
            function of its columns has an interval by its quantiles.
        """
        return self._draws.copy()

    @cached_property
    def _draws(self) -> pd.DataFrame:
        columns = {
            (game, law, frontier.method, frontier.form, name): values
            for game, of in self.frontiers.items()
            for frontier in of
            for (law, name), values in frontier.parameters.items()
        }
        # Games with few runs have no resamples, one with very many cells has fewer.
        rows = max((len(values) for values in columns.values()), default=1)
        padded = {
            key: np.pad(np.asarray(v, float), (0, rows - len(v)), constant_values=np.nan)
            for key, v in columns.items()
        }
        frame = pd.DataFrame(padded)
        frame.columns = pd.MultiIndex.from_tuples(list(padded), names=KEY)
        return frame.sort_index(axis=1).rename_axis("draw")

    @property
    def params(self) -> pd.Series:
        """Every estimate (parameters,), by game, law, method, form and parameter."""
        return self._estimates.groupby(KEY, sort=False)["estimate"].first()

    @property
    def bse(self) -> pd.Series:
        """Standard errors (parameters,): the resamples' standard deviations."""
        spread = self.draws.iloc[1:].std()
        return spread.reindex(self.params.index).rename("standard error")

    def conf_int(self, level: float | None = None) -> pd.DataFrame:
        """Intervals of all estimates.

        Parameters
        ----------
        level : float, optional
            By default that of the fit; another is taken from the draws, by bootstrap alone.

        Returns
        -------
        DataFrame
            estimate, low and high, by game, law, method, form, parameter and interval (t,
            bootstrap or delta; docs/laws.md says how often each covers).
        """
        if level is None or level == self.settings.level:
            frame = self._estimates.set_index([*KEY, "interval"])
            return frame[["estimate", "ci_low", "ci_high"]].set_axis(
                ["estimate", "low", "high"], axis=1
            )
        again = fit_table(
            self.table,
            changed(self.settings, {"level": level}),
            games=self.games,
            validate=False,
        )
        return LawFit(self.table, self.settings, again).conf_int()

    def surface(self, game: str | None = None, method: str = "varpro") -> pd.Series:
        """Coefficients of the loss as a surface over N and D.

        Parameters
        ----------
        game
            May be left out where there is one game.
        method
            'varpro' or 'chinchilla': E, A, B, alpha, beta of L = E + A / N^alpha + B / D^beta
            (nats). 'quadratic': b0, bN, bD, bNN, bND, bDD of ln L in ln N and ln D.

        Raises
        ------
        FitError
            For a game that is not there, or a method without a surface.
        """
        return self._loss(game, method).iloc[0].rename(method)

    def cov_params(self, game: str | None = None, method: str = "varpro") -> pd.DataFrame:
        """Covariance of the coefficients of a surface over the resamples.

        A and B are heavy-tailed, their logarithms are in `draws` to take.

        Parameters
        ----------
        game, method
            See `surface`.

        Returns
        -------
        DataFrame (coefficients, coefficients)
        """
        return self._loss(game, method).iloc[1:].cov()

    def predict(
        self,
        budget: float | Sequence[float],
        game: str | None = None,
        *,
        level: float | None = None,
    ) -> pd.DataFrame:
        """What every method says at one or several budgets.

        Parameters
        ----------
        budget : float or sequence of float
            Training FLOPs.
        game : str, optional
            Only this game.
        level : float, optional
            Of the prediction intervals; by default the fit's.

        Returns
        -------
        DataFrame
            prediction.COLUMNS: L_min, N_opt, D_opt, R_max and R_on_1/L by method and form, with the
            interval of a new measurement.

        Raises
        ------
        FitError
            For a game that is not there, and a budget that is no positive number.
        ParamsError
            For a level out of bounds.
        """
        games = self.games if game is None else [self._game(game)]
        if level is not None:
            level = changed(self.settings, {"level": level}).level
        parts = [
            prediction.of_game(self.table, one, at, level=level or self.settings.level)
            for at in arguments.numbers(budget, "a budget")
            for one in self._fitted
            if one[0] in games
        ]
        return pd.concat(parts, ignore_index=True)

    def precision(self, seeds: Sequence[int] = more_seeds.SEEDS) -> pd.DataFrame:
        """How wide the interval of N_opt's exponent would be with other numbers of seeds.

        Parameters
        ----------
        seeds
            Of every size.

        Returns
        -------
        DataFrame
            See more_seeds.precision: half of the interval, by game and seeds.
        """
        several = arguments.numbers(seeds, "seeds")
        if any(not 1 <= number <= MOST_SEEDS or number != int(number) for number in several):
            raise FitError(
                f"seeds are whole numbers from 1 to {MOST_SEEDS}", fix="fit.precision([1, 2, 3])"
            )
        return more_seeds.precision(self.table, self.settings, seeds=tuple(map(int, several)))

    def excess_compute(
        self,
        budget: float | Sequence[float],
        params: float | Sequence[float],
        game: str | None = None,
        method: str = "varpro",
        *,
        level: float | None = None,
    ) -> pd.DataFrame:
        """Which multiple of compute a size spends beyond what the optimal size needs for its loss.

        Parameters
        ----------
        budget : float or sequence of float
            Training FLOPs.
        params : float or sequence of float
            Parameters; a sequence is of the budgets, one each, or all at the one budget.
        game
            May be left out where there is one game.
        method
            'varpro', 'chinchilla' or 'quadratic'.
        level : float, optional
            Of the interval; by default the fit's.

        Returns
        -------
        DataFrame
            sizing.COLUMNS, a row a pair: `estimate` is C / C*, with the interval from `low` to
            `high` by the resamples.

        Raises
        ------
        FitError
            For a game that is not there, a method without a surface, and a budget or parameters
            that are not positive.
        ParamsError
            For a level out of bounds.
        """
        name = self._game(game)
        sizing.pairs(budget, params)  # a slip is told before the fits
        self._loss(name, method)  # refuses a method without a surface
        runs = next(admitted.runs for of, admitted, _ in self._fitted if of == name)
        surface = next(f for f in self.frontiers[name] if f.method == method)
        if level is not None:
            level = changed(self.settings, {"level": level}).level
        level = level or self.settings.level
        return sizing.of_game(runs, surface, budget, params, level=level)

    def plot(self, path: str | Path | None = None, game: str | None = None):
        """A picture of the laws of each game: optima and lines by grid and vertex, surfaces.

        Parameters
        ----------
        path : str or Path, optional
            File to write it to: .png, .pdf, .svg or another kind that matplotlib knows. One that is
            there is replaced.
        game
            Only this one.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        FitError
            For a game that is not there, and a file that is no picture.
        """
        from ilscaling.laws import plot  # matplotlib, for those who draw

        games = self.games if game is None else [self._game(game)]
        path = None if path is None else plot.picture(path)
        figure = plot.laws(self, games)
        if path is not None:
            with atomic(path) as temporary:
                figure.savefig(temporary)
        return figure

    def summary(self) -> str:
        """Exponents and surfaces of every game with intervals, the verdicts, and the notes."""
        lines = []
        for game in self.games:
            quoted = self.study.method(game)
            lines += [f"{game}: power laws of compute C, in training FLOPs", ""]
            rows = self._table(game)
            lines += [rows.to_string(index=False, float_format="%.4g", na_rep=""), ""]
            for law in LAWS:
                record = self.study.quoted(game, law)
                lines.append(f"{law}: {_in_words(record)}")
            judged = self.study.verdicts
            judged = judged[(judged["game"] == game) & (judged["method"] == quoted)]
            for law, verdict in judged.groupby("law", sort=False)["verdict"].first().items():
                lines.append(f"{law} by {quoted}: {verdict}")
            lines.append("")
        lines += [f"note: {note}" for note in self.notes]
        return "\n".join(lines).rstrip() + "\n"

    def __repr__(self) -> str:
        sizes = ", ".join(
            f"{game} ({(self.table['game'] == game).sum()} rows)" for game in self.games
        )
        head = f"LawFit of {sizes}; level {self.settings.level:g}\n"
        return head + "\n".join(
            f"{game}\n{self._table(game).to_string(index=False, float_format='%.4g', na_rep='')}"
            for game in self.games
        )

    @cached_property
    def _fitted(self) -> list[FittedGame]:
        return fitted(self.table, self.settings)

    @property
    def _estimates(self) -> pd.DataFrame:
        frame = pd.DataFrame(self.study.fits)
        return frame[frame["estimate"].notna()]

    def _table(self, game: str) -> pd.DataFrame:
        """Estimates of one game with the interval to trust: by bootstrap where there is one."""
        rows = self._estimates
        rows = rows[(rows["game"] == game) & rows["form"].isin(("power", "surface"))]
        best = rows.assign(order=rows["interval"].map({"bootstrap": 0, "delta": 1, "t": 2}))
        best = best[best["ci_low"].notna() | (best["order"] == 0)].sort_values(
            "order", kind="stable"
        )
        best = best.drop_duplicates(KEY).sort_index()
        columns = ["law", "method", "parameter", "estimate", "ci_low", "ci_high", "interval", "n"]
        return best[columns]

    def _game(self, game: str | None) -> str:
        if game is None and len(self.games) == 1:
            return self.games[0]
        if game is None:
            raise FitError("which game?", fix=f"game= one of {', '.join(self.games)}")
        return arguments.one_of(game, self.games, "game")

    def _loss(self, game: str | None, method: str) -> pd.DataFrame:
        """Draws of the coefficients of a surface (draws, coefficients)."""
        columns = self._draws.columns
        surfaces = columns[columns.get_level_values("form") == "surface"]
        known = list(surfaces.get_level_values("method").unique())
        key = (self._game(game), "loss", arguments.one_of(method, known, "method"), "surface")
        if key not in columns.droplevel("parameter"):
            raise FitError(f"{key[0]} has no surface by {method}")
        return self._draws.loc[:, key][self._names(key)]

    def _names(self, key: tuple) -> list[str]:
        """Coefficients of a surface in their order."""
        game, law, method, _ = key
        frontier = next(f for f in self.frontiers[game] if f.method == method)
        return [name for of, name in frontier.parameters if of == law]
