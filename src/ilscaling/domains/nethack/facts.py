"""What the report says of who played a store of NetHack games."""

from pathlib import Path

import pandas as pd

from ilscaling import files, store
from ilscaling.domains.nethack.section import NetHack


def facts(section: NetHack, demos: Path) -> dict:
    """Who played, and what was taken of the recordings.

    Parameters
    ----------
    section
        Of the study.
    demos
        The store, beside which is `ingest.json`.

    Returns
    -------
    dict
        `expert`: name -> text; `ingest`: numbers of the games, read, kept and left out.
    """
    attrs = store.open_split(demos, "train").attrs
    read = files.read_json(demos.parent / "ingest.json")
    kept = pd.DataFrame(read["kept"])
    recorder, own = attrs["recorder"], section.expert.name
    player = "the built-in bot" if recorder == "bot" else f"recordings: {recorder}"
    player = f"{own} of an extension" if own else player
    return {
        "expert": {"player": player},
        "ingest": {
            "games": len(kept) + sum(read["left_out"].values()),
            "kept": len(kept),
            "left_out": read["left_out"],
            "roles": kept["role"].value_counts().to_dict(),
            "score_mean": kept["points"].mean(),
            "score_median": kept["points"].median(),
            "depth_mean": kept["depth"].mean(),
            "depth_max": int(kept["depth"].max()),
            "turns_mean": kept["turns"].mean(),
        },
    }
