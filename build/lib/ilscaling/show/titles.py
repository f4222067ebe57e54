"""How games are called in figures and reports."""

from collections.abc import Sequence

from ilscaling import registry


def title(game: str) -> str:
    """A game's name as people write it: 'space_invaders' -> 'Space Invaders', and a section's with
    its setting: 'nethack_context_8' -> 'NetHack: context 8', 'breakout__wsd' -> 'Breakout: wsd'."""
    if any(c.isupper() for c in game):
        return game
    written = _written()
    first, _, setting = game.partition("__" if "__" in game else "_")
    if first not in written and "__" not in game:
        return game.replace("_", " ").title()
    for family, label in _families().items():
        setting = setting.replace(family, label)
    setting = setting.strip("_").replace("_", " ")
    name = written.get(first) or title(first)
    return f"{name}: {setting}" if setting else name


def _written() -> dict[str, str]:
    """Names that the domains write in their own way, by what sections' names begin with."""
    domains = [registry.get("DOMAIN", name) for name in registry.names("DOMAIN")]
    return {first: name for domain in domains for first, name in domain.titles.items()}


def _families() -> dict[str, str]:
    """Families whose names people write in another way."""
    families = [registry.get("FAMILY", name) for name in registry.names("FAMILY")]
    return {family.name: family.label for family in families if family.label}


def together(games: Sequence[str]) -> str:
    """Sections that share something, in one title: 'NetHack: context 8, context 32'."""
    names = [title(game) for game in games]
    first, _, _ = names[0].partition(": ")
    if len(names) > 1 and all(name.partition(": ")[0] == first for name in names):
        settings = [name.partition(": ")[2] or "default" for name in names]
        return f"{first}: {', '.join(settings)}"
    return ", ".join(names)
