"""The reference study's forecasts that studies/ahead.yaml trained, in the table of its forecasts.

    snakemake --cores all --configfile studies/ahead.yaml
    python benchmarks/ahead.py results/ahead/results.csv

writes docs/tables/reference_forecast.json: for each game of that table of runs what the laws of
docs/tables/reference.csv proposed and foretold at its budget, and its rows.
"""

import json
import sys
from pathlib import Path

from ilscaling import laws, params, tables
from ilscaling.pipeline import plan_extrapolation

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "docs/tables/reference.csv"
FORECAST = ROOT / "docs/tables/reference_forecast.json"


def foretold(name: str, budget: float) -> tuple[dict, list[dict]]:
    """What the laws propose for a game at a budget, and every prediction."""
    study = params.read(ROOT / "params.yaml", ROOT / "studies/reference.yaml")
    table = tables.read_table(TABLE)
    rows = table[table["game"] == name]
    fit = laws.fit_table(rows, study.laws)
    proposed, predictions = plan_extrapolation.foretell(study, fit, rows, name, budget)
    proposed["flags"] = [*proposed["flags"], "more demonstrations: studies/ahead.yaml"]
    return proposed, predictions


def records(table) -> list[dict]:
    """Rows ready for JSON; None where nothing is known."""
    return table.astype(object).where(table.notna(), None).to_dict("records")


def main() -> None:
    trained = tables.read_table(Path(sys.argv[1]))
    shipped = json.loads(FORECAST.read_text(encoding="utf-8"))
    order = list(dict.fromkeys(tables.read_table(TABLE)["game"]))
    for name, rows in trained.groupby("game", sort=False):
        proposed, predictions = foretold(name, float(rows["budget"].iloc[0]))
        parts = {"proposals": [proposed], "predictions": predictions, "realised": records(rows)}
        for part, new in parts.items():
            shipped[part] = [one for one in shipped[part] if one["game"] != name] + new
    for part in shipped.values():
        part.sort(key=lambda one: order.index(one["game"]))
    FORECAST.write_text(json.dumps(shipped, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
