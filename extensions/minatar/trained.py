"""An expert of a MinAtar game that is a policy of a study: `expert.file` is a snapshot.

studies/minatar_expert.yaml trains such policies from rewards, docs/sparse.md says how one becomes
an expert.
"""

from pathlib import Path

import numpy as np

from ilscaling.domains.expert import Act, Expert

NETWORK = Path(__file__).with_name("cnn.py")


def player(file: Path | None) -> Act:
    """The policy's probabilities. Observations (lanes, 2, 10, 10, channels)."""
    from ilscaling import agents  # only here: plans and keys need no torch
    from ilscaling.errors import GameError

    if file is None:
        raise GameError(
            "no file of a policy",
            where="params: expert",
            fix="expert.file: experts/minatar/space_invaders.safetensors",
        )
    agent = agents.load_policy(file, extensions=[str(NETWORK)])

    def act(observations: np.ndarray, fresh: np.ndarray) -> np.ndarray:
        return agent.probabilities(observations).numpy()

    return act


EXPERT = Expert(name="minatar_trained", player=player, frames=2)
