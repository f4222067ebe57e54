"""Write the report of the study: one HTML file that opens offline."""

import argparse
from pathlib import Path

import pandas as pd

from ilscaling import files, laws, store, tables
from ilscaling.domains.gymnasium.section import Gymnasium
from ilscaling.domains.nethack.section import NetHack
from ilscaling.pipeline import result_folder, run_metadata, study_context
from ilscaling.show import report, titles
from ilscaling.show.figures import gallery


def ppo_expert(file: str) -> dict[str, str]:
    """What an Atari expert's record says of it."""
    record = files.read_json(Path(file).with_suffix(".json"))
    expert = {
        "algorithm": record.get("algorithm"),
        "agent steps": f"{record['steps']:,}" if "steps" in record else "not recorded",
        "file": file,
        "SHA-256": record["sha256"],
    }
    measured = record.get("measured")
    if measured:
        expert["return over whole episodes"] = (
            f"{measured['return_mean']:.1f} ± {measured['return_se']:.1f} (standard error), "
            f"median {measured['return_median']:g}, {measured['episodes']} episodes"
        )
    return expert


def extension_expert(attrs: dict) -> dict[str, str]:
    """What the store of an extension's game says of who played it."""
    expert = attrs["expert"]
    shown = {"player": f"{expert['name']} of an extension", "SHA-256": expert["digest"]}
    if expert["file"] is not None:
        shown |= {"file": expert["file"], "SHA-256 of the file": expert["file_digest"]}
    return {**shown, "temperature": f"{expert['temperature']:g}", "noise": f"{expert['noise']:g}"}


def nethack_expert(demos: Path, attrs: dict) -> dict:
    """Who played a store of NetHack games, and what was taken of the recordings."""
    read = files.read_json(demos.parent / "ingest.json")
    kept = pd.DataFrame(read["kept"])
    bot = "the built-in bot" if attrs["recorder"] == "bot" else f"recordings: {attrs['recorder']}"
    return {
        "expert": {"player": bot},
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


def demonstrations(known: study_context.Study, figures: Path) -> dict[str, dict]:
    """What the report shows of each game's data and expert."""
    found = {}
    for game, paths in known.games.items():
        attrs = store.open_split(paths["demos"], "train").attrs
        shown = {
            "splits": attrs["splits"],
            "images": gallery.paths(attrs["domain"], figures, game),
        }
        if isinstance(known.params.games[game], NetHack):
            shown |= nethack_expert(Path(paths["demos"]), attrs)
            shown["replay"] = figures / f"replay-{game}.json"
        elif isinstance(known.params.games[game], Gymnasium):
            shown["expert"] = extension_expert(attrs)
        else:
            shown["expert"] = ppo_expert(paths["expert"])
        found[game] = shown
    return found


def make(study: study_context.Study, out: Path, inputs: argparse.Namespace) -> dict:
    """The step `report`."""
    report.write(
        out / "report.html",
        title=f"Scaling laws of imitation learning: {titles.together(list(study.games))}",
        params=study.params.model_dump(mode="json", exclude={"machine"}),
        table=tables.read_table(inputs.table / "results.csv"),
        fit=laws.read(inputs.fit / "laws"),
        figures_dir=inputs.figures,
        demonstrations=demonstrations(study, inputs.figures),
        provenance=run_metadata.gather(study),
        forecast=study_context.forecast(inputs.forecast),
        links={
            "results table": "results.csv",
            "fits": "laws/fits.json",
            "optima": "laws/optima.csv",
            "metrics": "metrics.json",
        },
    )
    return {}


if __name__ == "__main__":
    result_folder.main(make, __doc__, "table", "fit", "figures", "forecast")
