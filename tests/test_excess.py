"""The floor of the loss, where it is known: laws on the excess, and estimates of E against it."""

import numpy as np
import pandas as pd
import pytest

from ilscaling import laws
from ilscaling.errors import FitError
from ilscaling.laws import excess
from ilscaling.params import Laws

ALPHA, BETA, FLOOR = 0.35, 0.3, 0.4
SETTINGS = Laws(bootstrap=60, min_updates=1)


def planted(floor: float = FLOOR, noise: float = 0.004, seed: int = 0) -> pd.DataFrame:
    """A table of excess A / N^alpha + B / D^beta over a floor; two runs a size, whose snapshots
    share their luck. The demonstrated actions' losses have a chance of their own."""
    rng = np.random.default_rng(seed)
    rows = []
    for size, N in enumerate(np.geomspace(2e3, 4e5, 9)):
        for run in (0, 1):
            luck = np.exp(noise * rng.standard_normal())
            for C in np.geomspace(1e10, 1e12, 9):
                D = C / (6 * N)
                if not 2e3 < D < 1e8:
                    continue
                kl = (3.0 * N**-ALPHA + 6.0 * D**-BETA) * luck
                chance = 0.002 * rng.standard_normal()
                rows.append(
                    {
                        "game": "pong", "family": "cnn", "size": size, "seed": run, "budget": C,
                        "flops": C, "params": N, "samples": D, "updates": 1e4, "epochs": 0.1,
                        "dev_loss": floor + kl + chance, "dev_expected_loss": floor + kl,
                        "dev_kl": kl, "test_loss": floor + kl + chance,
                        "test_expected_loss": floor + kl, "test_kl": kl, "return_mean": 10 - kl,
                        "action_entropy": 1.386 + floor, "expert_entropy": floor,
                        "expert_entropy_se": 0.001, "test_expert_entropy": floor,
                        "test_expert_entropy_se": 0.001, "status": "done",
                    }
                )  # fmt: skip
    return pd.DataFrame(rows)


def test_the_laws_on_the_excess_have_the_planted_exponents_and_no_floor():
    table = planted()
    other = table.assign(game="unknown", expert_entropy=np.nan)
    both = pd.concat([table, other], ignore_index=True)
    wanted = excess.by_loss(both, "excess")
    assert set(wanted["game"]) == {"pong"} and "unknown has no" in wanted.attrs["notes"][-1]
    assert (wanted["dev_loss"] == table["dev_kl"]).all()
    assert wanted["action_entropy"].tolist() == pytest.approx([1.386] * len(wanted))
    fit = laws.fit_table(wanted, SETTINGS, validate=False)
    gamma = -ALPHA * BETA / (ALPHA + BETA)
    assert fit.power("pong", "L_min", "grid")["estimate"] == pytest.approx(gamma, abs=0.02)
    # Of the losses with their floor the same line is far off.
    plain = laws.fit_table(table, SETTINGS, validate=False)
    assert plain.power("pong", "L_min", "grid")["estimate"] > gamma / 2
    # What was not measured is made up for by the difference.
    bare = excess.by_loss(table.drop(columns=["dev_kl", "test_kl"]), "excess")
    assert bare["dev_loss"].tolist() == pytest.approx(list(table["dev_loss"] - FLOOR))


def test_estimates_of_the_floor_are_judged_by_it():
    table = planted()
    judged = excess.judged(table, laws.fit_table(table, SETTINGS, validate=False))
    assert set(judged["method"]) == {"grid", "vertex", "chinchilla", "varpro"}
    by = judged.set_index("method")
    assert by["floor"].tolist() == pytest.approx([FLOOR] * 4)
    assert abs(by.loc["varpro", "error"]) < 0.05 and by.loc["varpro", "covered"] is True
    assert by["error"].tolist() == pytest.approx(list(by["estimate"] - FLOOR))
    # A floor that is not that of these losses is not covered.
    wrong = table.assign(expert_entropy=FLOOR + 0.3, test_expert_entropy=FLOOR + 0.3)
    judged = excess.judged(wrong, laws.fit_table(table, SETTINGS, validate=False))
    assert judged.set_index("method").loc["varpro", "covered"] is False


def test_without_a_floor_there_is_no_excess():
    table = planted().drop(columns="expert_entropy")
    with pytest.raises(FitError, match="no game's floor is known") as error:
        excess.by_loss(table, "excess")
    assert error.value.fix == "--loss measured"
    assert excess.by_loss(table, "measured") is table
    assert excess.judged(table, laws.fit_table(table, SETTINGS, validate=False)).empty
