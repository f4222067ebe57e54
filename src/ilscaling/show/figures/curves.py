"""Learning curves of all runs on compute, and the frontier below them."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ilscaling.show import looks
from ilscaling.show.figures import style
from ilscaling.show.figures.style import title

NAME, TITLE = "curves", "Learning curves"
BINS = 16  # points a decade of compute; finer would draw the noise of single batches


def data(curves: pd.DataFrame) -> pd.DataFrame:
    """What the figure draws: learning curves, and the frontier below them.

    A point is the mean training loss over the samples of 1/16 decade of FLOPs. frontier: the lowest
    loss that any run reached with so much compute, the compute-efficient frontier.

    Parameters
    ----------
    curves
        Rows of all runs' curve.csv (samples, flops, loss in nats) with game, size and seed.

    Returns
    -------
    DataFrame
        A row a point: game, kind (run, frontier), size, seed, flops, loss.
    """
    rows = []
    known = curves[np.isfinite(curves["loss"])].sort_values(
        ["size", "seed", "flops"], kind="stable"
    )
    for game in dict.fromkeys(curves["game"]):
        of = known[known["game"] == game]
        points = []
        for (size, seed), run in of.groupby(["size", "seed"], sort=True):
            weight = run["samples"].diff().fillna(run["samples"]).clip(lower=0)
            step = np.floor(np.log10(run["flops"]) * BINS).astype(int)
            total = weight.groupby(step).sum()
            loss = (weight * run["loss"]).groupby(step).sum() / total
            points += [
                {"game": game, "kind": "run", "size": size, "seed": seed}
                | {"step": s, "loss": loss[s]}
                for s in loss.index[total > 0]
            ]
        rows += points
        best = pd.DataFrame(points).groupby("step", sort=True)["loss"].min().cummin()
        rows += [
            {"game": game, "kind": "frontier", "step": s, "loss": low} for s, low in best.items()
        ]
    points = pd.DataFrame(rows, columns=["game", "kind", "size", "seed", "step", "loss"])
    flops = 10 ** ((points["step"].astype(float) + 0.5) / BINS)
    return points.assign(flops=flops).drop(columns="step")


def draw(data: pd.DataFrame) -> Figure:
    """One panel a game, three in a row; colour is the size."""
    games = list(dict.fromkeys(data["game"]))
    with style.look():
        rows, columns = style.facets(max(len(games), 1))
        width = 7.2 if columns == 1 else 4.4 * columns
        figure, axes = style.panels(rows, columns, width=width, height=3.8)
        for ax in axes.flat[len(games) :]:
            ax.set_visible(False)
        for ax, game in zip(axes.flat, games, strict=False):
            part = data[data["game"] == game]
            runs, frontier = part[part["kind"] == "run"], part[part["kind"] == "frontier"]
            colours = style.shades(runs["size"], "plasma")
            for (size, _), run in runs.groupby(["size", "seed"], sort=True):
                ax.plot(run["flops"], run["loss"], color=colours[size], lw=1.1, alpha=0.9)
            # What PPO descends is no loss of imitation: it may be negative, and none is the best.
            lossy = part["loss"].min() > 0
            if lossy:
                ax.plot(frontier["flops"], frontier["loss"], color=looks.INK, lw=2.4, alpha=0.85)
            style.log_axis(ax.xaxis, part["flops"].min(), part["flops"].max(), room=0.02, most=5)
            # The first batches of an untrained policy would squeeze all that follows.
            top = min(
                runs["loss"].max(), 1.6 * runs.groupby(["size", "seed"])["loss"].median().max()
            )
            if lossy:
                style.log_axis(ax.yaxis, part["loss"].min(), top, plain=True)
            ax.set_xlabel(looks.FLOPS)
            ax.set_ylabel("training loss (nats a step)" if lossy else "objective of training")
            ax.grid(True, which="major")
            ax.set_title(title(game), loc="left")
            entries = [style.handle(f"{size:g}", color=colours[size]) for size in sorted(colours)]
            if lossy:
                entries.append(style.handle("frontier", color=looks.INK, lw=2.4))
            ax.legend(
                handles=entries,
                title="size",
                loc="upper left",
                bbox_to_anchor=(1.0, 1.02),
                alignment="left",
                handlelength=1.4,
                labelspacing=0.3,
            )
    return figure


def caption(data: pd.DataFrame) -> str:
    """What a reader needs beside the figure."""
    runs = len(data[data["kind"] == "run"].drop_duplicates(["game", "size", "seed"]))
    return (
        f"Training loss of {runs} run{'s' * (runs != 1)} against training FLOPs, one colour a "
        f"size, averaged over 1/{BINS} of a decade. Black: the compute-efficient frontier, the "
        "lowest loss that any run reached with so much compute."
    )
