"""Write the report of the study: one HTML file that opens offline."""

import argparse
from pathlib import Path

import provenance
import stamps
from keys import Keys

from ilscaling import cells, files, laws, params, report, store


def demonstrations(keys: Keys, figures: Path) -> dict[str, dict]:
    """What the report shows of each game's data and expert."""
    found = {}
    for game in keys.params.games:
        attrs = store.open_split(keys.demos(game), "train").attrs
        record = files.read_json(Path(keys.expert(game)).with_suffix(".json"))
        measured = record.get("measured", {})
        expert = {
            "algorithm": record.get("algorithm"),
            "agent steps": f"{record['steps']:,}" if "steps" in record else "not recorded",
            "file": keys.expert(game),
            "SHA-256": record["sha256"],
        }
        if measured:
            expert["return over whole episodes"] = (
                f"{measured['return_mean']:.1f} ± {measured['return_se']:.1f} (standard error), "
                f"median {measured['return_median']:g}, {measured['episodes']} episodes"
            )
        found[game] = {
            "splits": attrs["splits"],
            "expert": expert,
            "images": {
                "Screens of recorded episodes": figures / f"expert-{game}.png",
                "The most rewarding stretch of a recorded episode": figures / f"expert-{game}.gif",
            },
        }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--params", type=Path, required=True)
    parser.add_argument("--table", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--stamp", type=Path, required=True)
    arguments = parser.parse_args()
    study = params.read(arguments.params)
    keys = Keys(study)
    table = cells.read_table(arguments.table)
    figures = arguments.out.parent / "figures"
    names = ", ".join(cells.title(game) for game in study.games)
    report.write(
        arguments.out,
        title=f"Scaling laws of imitation learning: {names}",
        params=study.model_dump(mode="json"),
        table=table,
        fit=laws.fit_table(table, study.laws, games=list(study.games)),
        figures_dir=figures,
        demonstrations=demonstrations(keys, figures),
        provenance=provenance.gather(keys),
        links={
            "results table": "results.csv",
            "fits": "laws/fits.json",
            "optima": "laws/optima.csv",
            "metrics": "metrics.json",
        },
    )
    stamps.write(arguments.stamp, {"sha256": files.sha256(arguments.out)})


if __name__ == "__main__":
    main()
