"""Write the report of the study: one HTML file that opens offline."""

import argparse
from pathlib import Path

from ilscaling import laws, registry, store, tables
from ilscaling.pipeline import result_folder, run_metadata, study_context
from ilscaling.show import report, titles
from ilscaling.show.figures import gallery
from ilscaling.store.floor import expert_entropy


def demonstrations(known: study_context.Study, figures: Path) -> dict[str, dict]:
    """What the report shows of each game's data and expert.

    Parameters
    ----------
    known
        The study.
    figures
        Folder of its pictures.

    Returns
    -------
    dict
        Game -> splits, images, who played, and what else its domain says.
    """
    games = {}
    for game, paths in known.games.items():
        attrs = store.open_split(paths["demos"], "train").attrs
        domain = registry.get("DOMAIN", known.params.games[game].domain)
        shown = {
            "splits": attrs["splits"],
            "images": gallery.paths(attrs["domain"], figures, game),
            **domain.facts(known.params.games[game], Path(paths["demos"]), paths["expert"]),
        }
        floor = expert_entropy(store.open_split(paths["demos"], "dev"))
        if floor is not None:
            about = "" if floor.se is None else f" ± {floor.se:.2g}"
            shown["expert"] = {
                **shown["expert"],
                "entropy": f"{floor.mean:.4g}{about} nats a step of dev, the floor of the dev loss",
            }
        if (film := figures / f"agents-{game}.gif").is_file():
            caption = "Agents by training budget beside the expert, in one game (the same seed)"
            shown["images"] = {caption: film, **shown["images"]}
        if domain.replays:
            shown["replay"] = figures / f"replay-{game}.json"
        games[game] = shown
    return games


def make(study: study_context.Study, out: Path, inputs: argparse.Namespace) -> dict:
    """The step `report`.

    Parameters
    ----------
    study
        What is reported.
    out
        Folder of the step.
    inputs
        Folder of each step that it uses: `table`, `fit`, `figures` and, maybe None, `forecast`.

    Returns
    -------
    dict
        Nothing more for `done.json`.
    """
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
