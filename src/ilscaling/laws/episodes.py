"""What each held-out episode says of every loss, and the losses of episodes that are drawn anew.

All runs of a game are measured on the same held-out episodes. What these have of their own is no
deviation of a run: it moves the losses of all cells together, of large policies more than of small
ones, and so the exponents. Draws of runs alone know nothing of it.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ilscaling.errors import FitError

# A cell's loss and the mean of its episodes' are the same number but for rounding.
SAME = 1e-3


@dataclass(frozen=True)
class Episodes:
    """Losses of rows on the episodes of a split.

    Parameters
    ----------
    steps : array (episodes,)
        Of each episode.
    losses : array (rows, episodes)
        Mean loss there, nats; NaN in rows without a loss.
    """

    steps: np.ndarray
    losses: np.ndarray

    def where(self, rows: np.ndarray) -> "Episodes":
        """Those of the rows that a mask (rows,) selects, or in an order."""
        return replace(self, losses=self.losses[rows])

    @property
    def mean(self) -> np.ndarray:
        """Each row's loss on all of them, nats (rows,)."""
        return self.losses @ self.steps / self.steps.sum()

    def drawn(self, count: int, random: np.random.Generator) -> np.ndarray:
        """Each row's loss on episodes drawn with replacement, over its loss on all.

        Of m episodes the resamples' variance is (m - 1) / m of that of new ones, so deviations are
        made as much larger.

        Parameters
        ----------
        count
            Draws.
        random
            Where they come from.

        Returns
        -------
        array (draws, rows)
            1 in rows without a loss.
        """
        episodes = len(self.steps)
        taken = random.multinomial(episodes, np.full(episodes, 1 / episodes), size=count)
        steps = taken * self.steps
        ratio = steps @ self.losses.T / steps.sum(axis=1, keepdims=True) / self.mean
        return np.nan_to_num(ratio, nan=1.0) ** np.sqrt(episodes / (episodes - 1))

    def anew(self, losses: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Losses (1 + draws, rows) of which all but the first are of episodes drawn anew.

        Parameters
        ----------
        losses
            Of the measurement and of its resamples.
        random
            See `drawn`.
        """
        measured = np.ones((1, losses.shape[1]))
        return losses * np.vstack([measured, self.drawn(len(losses) - 1, random)])


def read(rows: pd.DataFrame, split: str) -> Episodes | None:
    """The episodes of a split, from the texts of a results table.

    Parameters
    ----------
    rows
        Of one game, with `SPLIT_losses`, texts such as '4023:0.52 3920:0.61', and `SPLIT_loss`.
    split
        'dev' or 'test'.

    Returns
    -------
    Episodes or None
        None where a row with a loss lacks them, where they are not the same episodes in all rows,
        fewer than two, or not those behind the loss.

    Raises
    ------
    FitError
        For a text that is no list of steps and losses.
    """
    column = f"{split}_losses"
    if column not in rows or f"{split}_loss" not in rows:
        return None
    loss = pd.to_numeric(rows[f"{split}_loss"], errors="coerce").to_numpy(np.float64)
    there = np.isfinite(loss)
    texts = rows[column].fillna("").astype(str).str.strip().to_numpy()
    if not there.any() or (texts[there] == "").any():
        return None
    parts = [_parsed(text, column) for text in texts[there]]
    steps = np.array([count for count, _ in parts[0]])
    if len(steps) < 2 or any([count for count, _ in part] != list(steps) for part in parts):
        return None
    losses = np.full((len(rows), len(steps)), np.nan)
    losses[there] = [[value for _, value in part] for part in parts]
    found = Episodes(steps, losses)
    close = np.abs(found.mean[there] / loss[there] - 1) < SAME
    return found if close.all() else None


def _parsed(text: str, column: str) -> list[tuple[float, float]]:
    try:
        parts = [part.split(":") for part in text.split()]
        pairs = [(float(steps), float(loss)) for steps, loss in parts]
    except ValueError:
        pairs = []
    if not pairs or not all(steps > 0 and np.isfinite(loss) for steps, loss in pairs):
        raise FitError(
            f"no list of steps and losses: {text[:40]!r}",
            where=f"column {column}",
            fix="write it as '4023:0.52 3920:0.61', or leave the column out",
        )
    return pairs
