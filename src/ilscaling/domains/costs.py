"""What a domain says of its costs before anything runs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Play:
    """How fast a domain's games are, on one thread: seconds a step, or a start."""

    record: float  # a step of the expert in its game
    restart: float  # starting an episode
    shard: float  # a step from recording to store
    play: float  # a step of a policy in the game, many episodes side by side


@dataclass(frozen=True)
class Steps:
    """What an episode holds, for the plan.

    Parameters
    ----------
    episode
        Steps of an episode of a policy that is neither good nor hopeless.
    bytes
        Of a step, compressed.
    expert
        Steps of an episode of the expert, where they were measured.
    """

    episode: float
    bytes: float
    expert: float | None = None

    @property
    def demonstration(self) -> float:
        """Steps of an episode of the demonstrations, as far as is known."""
        return self.expert or self.episode
