"""Tables of studies that take hours stand in the repository and give the numbers quoted of them."""

import json

import pytest
from conftest import ROOT

from ilscaling import laws, params, tables

TABLES = sorted(path.stem for path in (ROOT / "docs/tables").glob("*.csv"))


@pytest.mark.parametrize("name", TABLES)
def test_a_shipped_table_gives_the_exponents_that_stand_in_the_repository(name):
    study = params.read(ROOT / "params.yaml", ROOT / f"studies/{name}.yaml")
    quoted = json.loads((ROOT / f"results/{name}/metrics.json").read_text(encoding="utf-8"))
    settings = study.laws.model_copy(update={"bootstrap": 0})
    table = tables.read_table(ROOT / f"docs/tables/{name}.csv")
    fit = laws.fit_table(table, settings, validate=False)
    games = set(table["game"])
    assert games == {game for game in quoted if isinstance(quoted[game], dict)}
    compared = 0
    for game in games:
        law = quoted[game]
        if law["L_min"] is None:
            continue
        estimate = fit.power(game, "L_min", law["L_min_method"])["estimate"]
        assert estimate == pytest.approx(law["L_min"], rel=1e-6), game
        compared += 1
    assert compared or name in ("lot", "human")  # of these no law is quoted
