"""How often the intervals of laws of more than size and data hold their planted truth.

    python benchmarks/relations.py --tables 100

Each table is made by the law itself, with a luck that all snapshots of a run share and a smaller
one of each cell; docs/relations.md has the numbers.
"""

import argparse

import numpy as np
import pandas as pd

from ilscaling import registry, tabulate
from ilscaling.laws import relations

LEVEL, LUCK, CHANCE = 0.95, 0.03, 0.01


def repeated(rng) -> tuple[pd.DataFrame, dict]:
    """Five sizes, three amounts of unique data, six numbers of epochs, two seeds."""
    law = registry.get("RELATION", "repeated")
    truth = dict(zip(law.parameters, (0.5, 20.0, 60.0, 0.4, 0.35, 12.0, 5.0), strict=True))
    rows = []
    for size, N in enumerate(np.geomspace(2e3, 3e5, 5)):
        for part, U in enumerate((1e4, 1e5, 1e6)):
            for seed in (0, 1):
                luck = LUCK / 3 * rng.standard_normal()
                for epochs in (0.3, 1, 2, 5, 12, 40):
                    x = {"params": N, "samples": epochs * U, "unique_samples": min(U, epochs * U)}
                    values = {name: np.array([value]) for name, value in x.items()}
                    loss = law.mean(values, np.array(list(truth.values())))[0]
                    loss *= np.exp(luck + CHANCE / 3 * rng.standard_normal())
                    rows.append({**x, "size": size, "seed": seed, "run": part, "dev_loss": loss})
    return pd.DataFrame(rows), {"R_D": truth["R_D"], "beta": truth["beta"], "E": truth["E"]}


def returns(rng) -> tuple[pd.DataFrame, dict]:
    """Six sizes, ten budgets, two seeds; the luck of a run moves its losses along the sigmoid."""
    rows = []
    for size, N in enumerate(np.geomspace(1e3, 1e5, 6)):
        for seed in (0, 1):
            luck = LUCK * rng.standard_normal()
            for position, C in enumerate(np.geomspace(1e10, 1e13, 10)):
                away = np.log(N / (1e3 * (C / 1e10) ** 0.5))
                loss = 0.9 * (C / 1e10) ** -0.2 * np.exp(0.05 * away**2 + luck)
                share = 1 / (1 + (loss / 0.4) ** 4) + CHANCE * rng.standard_normal()
                rows.append(
                    {"size": size, "seed": seed, "params": N, "position": position,
                     "dev_loss": loss, "return_mean": share, "expert_return": 1.0,
                     "random_return": 0.0}
                )  # fmt: skip
    return pd.DataFrame(rows), {"half": 0.4, "steepness": 4.0}


def horizon(rng) -> tuple[pd.DataFrame, dict]:
    """Twelve runs, five horizons; each run's luck is in all of its regrets."""
    rows, steps = [], np.array([50, 100, 200, 400, 800])
    for run, loss in enumerate(np.geomspace(0.02, 0.8, 12)):
        luck = 3 * LUCK * rng.standard_normal() + CHANCE * rng.standard_normal(5)
        own = dict(zip(steps, 1e4 - 3 * loss**1.3 * steps * np.exp(luck), strict=True))
        rows.append(
            {"run": run, "dev_loss": loss, "returns_after": tabulate.after(own),
             "expert_returns_after": tabulate.after(dict.fromkeys(steps, 1e4))}
        )  # fmt: skip
    return pd.DataFrame(rows), {"p": 1.3, "q": 1.0}


def demonstrations(rng) -> tuple[pd.DataFrame, dict]:
    """K = 1 ... 256 episodes, three seeds."""
    rows = [
        {"run": f"{K}-{seed}", "demonstrations": K, "expert_return": 30.0,
         "return_mean": 30 - 25 * K**-0.6 * np.exp(3 * LUCK * rng.standard_normal())}
        for K in (1, 4, 16, 64, 256) for seed in range(3)
    ]  # fmt: skip
    return pd.DataFrame(rows), {"gamma": 0.6}


def steps(rng) -> tuple[pd.DataFrame, dict]:
    """Three sizes, twelve numbers of steps, three seeds; a run's luck moves its half of them."""
    rows = []
    for size, worse in ((4, 0.3), (8, 0.0), (16, 0.2)):
        for seed in range(3):
            luck = 3 * LUCK * rng.standard_normal()
            for position, S in enumerate(np.geomspace(1e4, 1e7, 12)):
                above = 40 / (1 + (8e5 * np.exp(luck) / S) ** 1.2) * (1 - worse)
                above += 40 * CHANCE * rng.standard_normal()
                rows.append(
                    {"size": size, "seed": seed, "params": 10.0 * size, "position": position,
                     "env_steps": S, "unique_samples": S, "return_mean": above - 20,
                     "random_return": -20.0}
                )  # fmt: skip
    return pd.DataFrame(rows), {"ceiling": 40.0, "half": 8e5, "steepness": 1.2}


DESIGNS = {"repeated": repeated, "return_sigmoid": returns, "horizon": horizon,
           "demonstrations": demonstrations, "return_on_steps_sigmoid": steps}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", type=int, default=100)
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--only", choices=DESIGNS)
    arguments = parser.parse_args()
    print("| law | parameter | truth | mean estimate | rms error | interval holds |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, make in DESIGNS.items():
        if arguments.only not in (None, name):
            continue
        found, truth = [], {}
        for k in range(arguments.tables):
            table, truth = make(np.random.default_rng([k, 7]))
            law = registry.get("RELATION", name)
            fitted = relations.fit(law, table, draws=arguments.draws, seed=k)
            ends = fitted.conf_int(LEVEL)
            found.append({p: (fitted.params[p], *ends.loc[p]) for p in truth})
        for parameter, value in truth.items():
            estimate, low, high = np.array([row[parameter] for row in found]).T
            held = np.mean((low <= value) & (value <= high))
            error = np.sqrt(np.mean((estimate - value) ** 2))
            print(f"| `{name}` | {parameter} | {value:g} | {estimate.mean():.4g} | {error:.3g} "
                  f"| {held:.2f} of {arguments.tables} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
