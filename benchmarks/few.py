"""What studies/few.yaml says: return of each algorithm by the number of demonstrations.

    python benchmarks/few.py docs/tables/few.csv [FIGURE.png]        prints Markdown
    python benchmarks/few.py docs/tables/few_play.csv                of studies/few_play.yaml

At the largest budget, the mean over sizes and seeds and its standard error, as results/LOG.md laid
down before a cell was trained. Nothing is chosen. Of a table without cloning: returns by steps of
play.
"""

import sys

import numpy as np
import pandas as pd
from equal_flops import largest, markdown

from ilscaling.show.figures import style

ALGORITHMS = ("cloning", "soft", "dagger", "iq", "adversarial")


def mean(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Of a column over sizes and seeds: a row a number of demonstrations, a column an algorithm."""
    found = largest(table).groupby(["demonstrations", "algorithm"])[column].mean()
    return found.unstack()[list(ALGORITHMS)]


def error(table: pd.DataFrame) -> pd.DataFrame:
    """Standard error of the mean return, as `mean` has it."""
    found = largest(table).groupby(["demonstrations", "algorithm"])["return_mean"].sem()
    return found.unstack()[list(ALGORITHMS)]


def returns(table: pd.DataFrame) -> str:
    """Markdown of the returns, with standard errors."""
    at, se = mean(table, "return_mean"), error(table)
    return by_episodes(pd.DataFrame({name: said(at[name], se[name], "") for name in at}, at.index))


def gains(table: pd.DataFrame) -> str:
    """Markdown of what each has beyond cloning, with standard errors of the difference."""
    at, se = mean(table, "return_mean"), error(table)
    plain, *others = ALGORITHMS
    errors = {name: np.hypot(se[name], se[plain]) for name in others}
    shown = {name: said(at[name] - at[plain], errors[name], "+") for name in others}
    return by_episodes(pd.DataFrame(shown, at.index))


def said(values: pd.Series, errors: pd.Series, sign: str) -> list[str]:
    """'1.8 ± 0.2' of each."""
    return [f"{v:{sign}.1f} ± {e:.1f}" for v, e in zip(values, errors, strict=True)]


def losses(table: pd.DataFrame) -> str:
    """Markdown of the losses: on the demonstrations' states, on the policy's own."""
    shown, own = mean(table, "dev_expected_loss"), mean(table, "own_loss")
    return by_episodes(shown.map("{:.3f}".format) + " / " + own.map("{:.3f}".format))


def by_episodes(frame: pd.DataFrame) -> str:
    """Markdown of texts by the number of demonstrations."""
    return markdown(["episodes", *frame], [[f"{k:g}", *row] for k, *row in frame.itertuples()])


def by_play(table: pd.DataFrame) -> str:
    """Markdown of the returns by steps of play, means over seeds with standard errors."""
    found = table[table["status"] == "done"].groupby(["algorithm", "demonstrations", "env_steps"])
    at, se = found["return_mean"].mean().unstack(), found["return_mean"].sem().unstack()
    lines = [[*map("{}".format, key), *said(row, se.loc[key], "")] for key, row in at.iterrows()]
    return markdown(["algorithm", "episodes", *(f"{n:,} steps" for n in at)], lines)


def draw(table: pd.DataFrame, path: str) -> None:
    """Returns on numbers of demonstrations, a line an algorithm."""
    at, se, colours = mean(table, "return_mean"), error(table), style.kinds(ALGORITHMS)
    most = table[table["demonstrations"] == table["demonstrations"].max()]
    levels = {"expert": most["expert_return"].mean(), "random": table["random_return"].mean()}
    with style.look():
        figure, axes = style.panels(1, 1, width=6.4, height=3.8)
        ax = axes[0, 0]
        for name in ALGORITHMS:
            ax.errorbar(at.index, at[name], se[name], color=colours[name], marker="o", ms=4,
                        elinewidth=0.8, label=name)  # fmt: skip
        style.log_axis(ax.xaxis, at.index.min(), at.index.max(), plain=True)
        ax.set_xticks(at.index)
        style.return_axis(ax, [*at.to_numpy().ravel(), *levels.values()])
        style.level_lines(ax, levels)
        ax.set_xlabel("demonstrated episodes")
        ax.set_ylabel("return, mean over sizes and seeds")
        figure.legend(loc="outside lower center", ncols=len(ALGORITHMS))
        figure.savefig(path)


def main(path: str, picture: str | None = None) -> None:
    table = pd.read_csv(path)
    if "cloning" not in set(table["algorithm"]):
        return print(by_play(table))
    print(returns(table), gains(table), losses(table), sep="\n\n")
    if picture:
        draw(table, picture)


if __name__ == "__main__":
    main(*sys.argv[1:3])
