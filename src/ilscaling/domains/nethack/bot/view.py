"""What the bot reads off NLE's observation before each key."""

import re
from dataclasses import dataclass

import numpy as np
from nle import nethack as nh

from ilscaling.domains.nethack.bot import glyphs as g
from ilscaling.domains.nethack.bot.paths import WIDTH, gap

FIELDS = (
    "glyphs",
    "blstats",
    "message",
    "misc",
    "inv_glyphs",
    "inv_letters",
    "inv_oclasses",
    "inv_strs",
    "tty_chars",
)
_DEADLY = nh.BL_MASK_STONE | nh.BL_MASK_SLIME | nh.BL_MASK_STRNGL | nh.BL_MASK_FOODPOIS
_MENU_LINE = re.compile(r"(?:^|\s)([a-zA-Z]) - (.+?)\s*$")


@dataclass(slots=True)
class Monster:
    """One glyph of a monster on the map; kind -1: something unseen."""

    square: int
    kind: int
    distance: int  # moves from the bot if nothing were in the way


@dataclass(slots=True)
class Item:
    """One line of the inventory; `key`: its letter."""

    key: int
    kind: int  # NLE's object class
    glyph: int
    text: str

    @property
    def count(self) -> int:
        first = self.text.split(" ", 1)[0]
        return int(first) if first.isdigit() else 1


class View:
    """The observation as numbers, texts and objects; `read` before every key."""

    def __init__(self):
        self._inventory: bytes | None = None
        self.items: list[Item] = []

    def read(self, observation: dict[str, np.ndarray]) -> None:
        self.observation = observation
        stats = observation["blstats"].tolist()
        self.here = WIDTH * stats[nh.NLE_BL_Y] + stats[nh.NLE_BL_X]
        self.hp, self.hp_most = stats[nh.NLE_BL_HP], max(1, stats[nh.NLE_BL_HPMAX])
        self.depth, self.branch = stats[nh.NLE_BL_DEPTH], stats[nh.NLE_BL_DNUM]
        self.place = (self.branch, stats[nh.NLE_BL_DLEVEL])
        self.turn, self.rank = stats[nh.NLE_BL_TIME], stats[nh.NLE_BL_XP]
        self.hunger, self.load = stats[nh.NLE_BL_HUNGER], stats[nh.NLE_BL_CAP]
        self.experience = stats[nh.NLE_BL_EXP]
        condition = stats[nh.NLE_BL_CONDITION]
        self.blind = bool(condition & nh.BL_MASK_BLIND)
        self.hallucinating = bool(condition & nh.BL_MASK_HALLU)
        self.floating = bool(condition & nh.BL_MASK_LEV)
        self.dying = bool(condition & _DEADLY)
        self.asked, self.typing, self.waiting = map(bool, observation["misc"].tolist())
        self.message = observation["message"].tobytes().split(b"\0", 1)[0].decode("latin-1")

    def look(self) -> None:
        """The map and the inventory, needed only where a decision is due."""
        glyphs = self.observation["glyphs"]
        self.planes = g.planes(glyphs)
        self.monsters = []
        bits = self.planes[g.MONSTER] & ~(1 << self.here)
        while bits:
            low = bits & -bits
            square = low.bit_length() - 1
            bits ^= low
            kind = g.kind(int(glyphs[square // WIDTH, square % WIDTH]))
            self.monsters.append(Monster(square, kind, gap(square, self.here)))
        texts = self.observation["inv_strs"].tobytes()
        if texts != self._inventory:
            self._inventory = texts
            letters = self.observation["inv_letters"].tolist()
            kinds = self.observation["inv_oclasses"].tolist()
            shown = self.observation["inv_glyphs"].tolist()
            lines = [texts[start : start + 80] for start in range(0, len(texts), 80)]
            self.items = [
                Item(letter, kind, glyph, line.split(b"\0", 1)[0].decode("latin-1"))
                for letter, kind, glyph, line in zip(letters, kinds, shown, lines, strict=True)
                if letter
            ]

    def glyph(self, square: int) -> int:
        return int(self.observation["glyphs"][square // WIDTH, square % WIDTH])

    def screen(self) -> list[str]:
        """The rows of the terminal as text."""
        return [bytes(row).decode("latin-1").rstrip() for row in self.observation["tty_chars"]]

    def menu(self) -> list[tuple[int, str]]:
        """(letter, text) of the lines of a menu that are not chosen yet."""
        entries = []
        for line in self.screen():
            match = _MENU_LINE.search(line)
            if match:
                entries.append((ord(match[1]), match[2]))
        return entries
