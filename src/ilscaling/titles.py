"""How games are called in figures and reports."""

from collections.abc import Sequence

# Domains of one game: their sections are settings of it, which may be compared with each other.
ONE_GAME = ("nethack",)


def title(game: str) -> str:
    """A game's name as people write it: 'space_invaders' -> 'Space Invaders', and a section of
    NetHack with its setting: 'nethack_context_8' -> 'NetHack: context 8'."""
    if any(c.isupper() for c in game):
        return game
    first, _, setting = game.partition("_")
    if first == "nethack":
        setting = setting.replace("lstm", "LSTM").replace("_", " ")
        return f"NetHack: {setting}" if setting else "NetHack"
    return game.replace("_", " ").title()


def together(games: Sequence[str]) -> str:
    """Sections that share something, in one title: 'NetHack: context 8, context 32'."""
    names = [title(game) for game in games]
    first, _, _ = names[0].partition(": ")
    if len(names) > 1 and all(name.partition(": ")[0] == first for name in names):
        settings = [name.partition(": ")[2] or "default" for name in names]
        return f"{first}: {', '.join(settings)}"
    return ", ".join(names)
