"""Published learning curves of RL: a sigmoid in steps of play, or a power law?

    python benchmarks/play_curves.py TABLES        prints Markdown, in three minutes

TABLES holds ppo/: evaluations of rl-trained-agents (PPO), RLlib's PPO, and Dopamine's Rainbow. A
point is the mean of half an octave of steps. docs/relations.md has the result.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from ilscaling.laws import relations
from ilscaling.params import Laws

# Random play, of the table that Wang et al. 2016 and most papers since print (dqn_zoo has it).
RANDOM = {
    "bankheist": 14.2, "battlezone": 2360.0, "beamrider": 363.9, "boxing": 0.1, "breakout": 1.7,
    "doubledunk": -18.6, "enduro": 0.0, "namethisgame": 2292.3, "phoenix": 761.4, "pong": -20.7,
    "qbert": 163.9, "spaceinvaders": 148.0,
}  # fmt: skip
# Dopamine's iteration, in steps of the agent.
ITERATION = 250_000
SIGMOID, POWER = "return_on_steps_sigmoid", "return_on_steps_power"


def curves(folder: Path) -> pd.DataFrame:
    """A row a measurement: `source`, `played` (the game), `steps`, `return_mean`."""
    zoo = pd.read_csv(folder / "sb3_zoo_atari_evaluations.csv").query("algo == 'ppo'")
    zoo = zoo.rename(columns={"game": "played", "timesteps": "steps", "mean": "return_mean"})
    rllib = pd.read_csv(folder / "rllib_ppo_atari_2020.csv").dropna()
    rllib["played"] = rllib["run"].str.extract("PPO_([A-Za-z]+)NoFrameskip")[0]
    rllib = rllib.rename(columns={"timesteps_total": "steps", "episode_reward_mean": "return_mean"})
    rainbow = pd.read_csv(folder / "dopamine_atari.csv").query("agent == 'Rainbow'")
    rainbow = rainbow.rename(columns={"game": "played", "value": "return_mean"})
    rainbow["steps"] = (rainbow["iteration"] + 1) * ITERATION
    sources = {"PPO, zoo": zoo, "PPO, RLlib": rllib, "Rainbow, Dopamine": rainbow}
    read = pd.concat([of.assign(source=name) for name, of in sources.items()])
    read["played"] = read["played"].str.lower()
    return read[["source", "played", "steps", "return_mean"]]


def table(read: pd.DataFrame) -> pd.DataFrame:
    """The curves as a results table: a game is a curve, a budget half an octave of steps."""
    octave = 2.0 ** (np.ceil(2 * np.log2(read["steps"])) / 2)
    return pd.DataFrame(
        {
            "game": read["source"] + ": " + read["played"],
            "budget": octave, "flops": octave, "params": 1.0, "size": 1.0, "status": "done",
            "env_steps": read["steps"].astype(float), "unique_samples": 0.0, "expert_labels": 0.0,
            "return_mean": read["return_mean"], "random_return": read["played"].map(RANDOM),
        }
    ).reset_index(drop=True)  # fmt: skip


def main() -> None:
    judged = relations.table(table(curves(Path(sys.argv[1]) / "ppo")), Laws(bootstrap=0))
    columns = (
        "curve",
        "points",
        "delta AICc",
        "sigmoid",
        "power law",
        "ceiling",
        "half",
        "verdict",
    )
    print(f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}", sep="\n")
    for game, of in judged.groupby("game", sort=False):
        power = of[of["relation"] == POWER].iloc[0]
        sigmoid = of[of["relation"] == SIGMOID].set_index("parameter")
        first = sigmoid.iloc[0]
        ceiling = sigmoid.loc["ceiling", "estimate"] + RANDOM[game.partition(": ")[2]]
        cells = (
            game, str(first["n"]), f"{power['aic'] - first['aic']:.1f}",
            f"{first['next_error']:.3g}", f"{power['next_error']:.3g}", f"{ceiling:.3g}",
            f"{sigmoid.loc['half', 'estimate']:.2g}", first["verdict"].partition(":")[0],
        )  # fmt: skip
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
