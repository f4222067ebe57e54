"""The guide knows where the door is, and mostly goes there."""

import numpy as np

from ilscaling.games import episodes
from ilscaling.games.jobs import job as share


def record(game, section, job: int, out) -> None:
    wrong = section.expert.wrong

    def act(observation, episode, fresh):
        right = (game.door > game.at)[:, None]
        return np.where(right, [wrong, 1 - wrong], [1 - wrong, wrong])

    seeds, steps = share(section.demonstrations, section.emulator.max_steps, job)
    attributes = {
        **game.spec.attributes(section.emulator),
        "expert": {"player": "the guide", "wrong turns": wrong},
        "versions": {},
    }
    episodes.write(out, game, act, attributes, seeds=seeds, steps=steps)
