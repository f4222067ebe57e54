"""What the fitted laws propose and predict at the forecast's budget, before anything is trained."""

import forecast
import stamps
import study

from ilscaling import laws, plan, tables


def main() -> None:
    given = study.arguments(__doc__, "table", "laws")
    wanted, fit = given.study.params, laws.read(given.laws)
    table = tables.read_table(given.table)
    proposals, predictions = [], []
    for name, game in wanted.games.items():
        budget = forecast.budget(wanted, name)
        largest = table.loc[table["game"] == name, "params"].max()
        sizes = plan.buildable(name, game, 100 * largest)
        rows = table[table["game"] == name]
        found = laws.forecast(rows, wanted.laws, budget, sizes={name: sizes})
        predictions += found.astype(object).where(found.notna(), None).to_dict("records")
        proposals.append(laws.proposal(fit, found, name, budget, sizes))
    forecast.refuse_impossible(forecast.study(wanted, proposals))
    stamps.write(given.stamp, {"proposals": proposals, "predictions": predictions})


if __name__ == "__main__":
    main()
