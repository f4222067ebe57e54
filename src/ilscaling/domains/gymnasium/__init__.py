"""Games of extensions, as Gymnasium environments."""

from ilscaling import registry
from ilscaling.domains.domain import Domain
from ilscaling.domains.gymnasium.section import Gymnasium


class _Games(Domain):
    def refuse_unknown(self, section: Gymnasium, where: str) -> None:
        registry.get("GAME", section.game, f"params: {where}.game")
        registry.get("EXPERT", section.expert.name, f"params: {where}.expert.name")


DOMAIN = _Games(
    "gymnasium", Gymnasium, shows="observation", module="ilscaling.domains.gymnasium.game"
)
