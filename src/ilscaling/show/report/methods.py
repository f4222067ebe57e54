"""The methods of a study as a paragraph for a paper, and what to cite."""

import pandas as pd

from ilscaling.laws import StudyFit
from ilscaling.show import looks, titles

BIBTEX = """\
@software{ilscaling,
  title   = {ilscaling: scaling laws of imitation learning in games},
  version = {%(version)s},
  year    = {2026},
  note    = {%(where)s}
}
@article{tuyls2024scaling,
  title   = {Scaling Laws for Imitation Learning in Single-Agent Games},
  author  = {Tuyls, Jens and Madeka, Dhruv and Torkkola, Kari and Foster, Dean and Narasimhan,
             Karthik and Kakade, Sham},
  journal = {Transactions on Machine Learning Research},
  year    = {2024},
  note    = {arXiv:2307.09423}
}
@inproceedings{hoffmann2022training,
  title     = {Training Compute-Optimal Large Language Models},
  author    = {Hoffmann, Jordan and Borgeaud, Sebastian and Mensch, Arthur and others},
  booktitle = {Advances in Neural Information Processing Systems},
  year      = {2022},
  note      = {arXiv:2203.15556}
}"""


def paragraph(fit: StudyFit, table: pd.DataFrame, params: dict) -> str:
    """What was done, in sentences that a paper can take; cites the entries of `BIBTEX`.

    Parameters
    ----------
    fit
        The fits of a study.
    table
        Its results table.
    params
        The study's parameters as plain values, of which laws.bootstrap counts here.
    """
    games = ", ".join(titles.title(game) for game in fit.games)
    done = table[table["status"] == "done"]
    level = next((100 * record["level"] for record in fit.fits if record["level"]), 95)
    laws = params.get("laws", {})
    sentences = [
        f"Policies were trained by imitation of an expert in {games}, at "
        f"{done['params'].nunique()} sizes of {done['params'].min():,.0f} to "
        f"{done['params'].max():,.0f} parameters and training budgets from "
        f"{done['budget'].min():.2g} to {done['budget'].max():.2g} FLOPs ({len(done)} measured "
        "cells), after Tuyls et al. (2024).",
        "Held-out loss is the mean cross-entropy over whole episodes that nothing trained on; "
        "sizes were chosen by the dev split and losses are those of the test split, where there is "
        "one.",
        "Returns are the games' own scores over whole episodes, with actions sampled from the "
        "policy.",
    ]
    methods = {game: looks.METHODS[fit.method(game)].phrase for game in fit.games}
    by = "; ".join(
        f"{titles.title(game)}: {phrase}" if len(set(methods.values())) > 1 else phrase
        for game, phrase in (
            methods.items() if len(set(methods.values())) > 1 else [*methods.items()][:1]
        )
    )
    sentences.append(
        f"Compute-optimal points were found on isoFLOP profiles (Hoffmann et al., 2022) by {by}; "
        "power laws were fitted to them by least squares in logarithms."
    )
    if laws.get("bootstrap"):
        sentences.append(
            f"Intervals have level {level:g} % and come from {laws['bootstrap']:,} resamples of "
            "whole runs, each with its optima found anew; where resamples do not give one, from "
            "Student's t."
        )
    return " ".join(sentences)


def bibtex(provenance: dict) -> str:
    """Entries to cite."""
    version = provenance.get("versions", {}).get("ilscaling", "")
    commit = provenance.get("commit", "")
    return BIBTEX % {"version": version, "where": f"commit {commit}" if commit else "ilscaling"}
