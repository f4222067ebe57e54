"""What the fitted laws propose and predict at the forecast's budget, before anything is trained."""

from ilscaling import laws, plan, tables
from ilscaling.pipeline import extrapolation_study, result_markers, study_context


def main() -> None:
    given = study_context.arguments(__doc__, "table", "laws")
    wanted, fit = given.study.params, laws.read(given.laws)
    table = tables.read_table(given.table)
    proposals, predictions = [], []
    for name, game in wanted.games.items():
        budget = extrapolation_study.budget(wanted, name)
        largest = table.loc[table["game"] == name, "params"].max()
        sizes = plan.buildable(name, game, 100 * largest)
        rows = table[table["game"] == name]
        found = laws.forecast(rows, wanted.laws, budget, sizes={name: sizes})
        predictions += found.astype(object).where(found.notna(), None).to_dict("records")
        proposals.append(laws.proposal(fit, found, name, budget, sizes))
    extrapolation_study.refuse_impossible(extrapolation_study.study(wanted, proposals))
    result_markers.write(given.stamp, {"proposals": proposals, "predictions": predictions})


if __name__ == "__main__":
    main()
