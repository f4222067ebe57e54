"""Which seed an evaluation episode has."""


def of_episode(first: int, number: int) -> int:
    """Seed of the episode `number` (0, 1, ...) for a setting `evaluation.seed` of `first`."""
    return first + number
