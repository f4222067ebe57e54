"""What a glyph of the map means to a walker, as bit flags by glyph number."""

import numpy as np
from nle import nethack as nh

ROWS, COLUMNS = 21, 79

(
    WALK,  # terrain or objects that one can step on
    DOOR,  # open or closed: never entered or left diagonally
    CLOSED,
    DARK,  # nothing seen there yet, or solid rock
    MONSTER,  # whatever acts against or beside us, pets excepted
    PET,
    BOULDER,
    TRAP,
    HOLE,  # holes and trap doors: a way down
    DOWN,
    UP,
    CORRIDOR,
    WALL,
    LIQUID,
    TREASURE,  # what autopickup takes: coins, potions, scrolls, wands
    OBJECT,
) = (1 << bit for bit in range(16))
PLANES = 16

# Order of NetHack 3.6's `defsyms`.
_ROCK, _WALLS, _DOORWAY = 0, range(1, 12), 12
_OPEN_DOORS, _CLOSED_DOORS = (13, 14), (15, 16)
_UP, _DOWN = (23, 25), (24, 26)
_FLOOR = (12, *range(19, 32), 33, 35, 36)
_CORRIDORS, _LIQUIDS = (21, 22), (32, 34, 41)
# Sleeping gas and land mines are no trap to walk into knowingly, whatever lies behind.
_TRAPS, _HOLES = (*range(42, 47), 48, *range(50, 65)), (54, 55)

MONSTERS = tuple(nh.permonst(number).mname for number in range(nh.NUMMONS))
NUMBER = {name: number for number, name in reversed(list(enumerate(MONSTERS)))}
OBJECTS = tuple(nh.OBJ_NAME(nh.objclass(number)) or "" for number in range(nh.NUM_OBJECTS))
CLASSES = tuple(ord(nh.objclass(number).oc_class) for number in range(nh.NUM_OBJECTS))
_TREASURES = (nh.COIN_CLASS, nh.POTION_CLASS, nh.SCROLL_CLASS, nh.WAND_CLASS)


def objects(*names: str) -> frozenset[int]:
    """Glyphs of these kinds of objects on the floor."""
    return frozenset(nh.GLYPH_OBJ_OFF + OBJECTS.index(name) for name in names)


BOULDERS = objects("boulder")
PICK_AXE = objects("pick-axe")
HELMETS = objects("dwarvish iron helm", "orcish helm", "helmet", "elven leather helm")
BOOTS = objects("iron shoes", "high boots", "low boots")


def _table() -> np.ndarray:
    table = np.zeros(nh.MAX_GLYPH + 1, np.uint16)

    def terrain(symbols, flags):
        for symbol in symbols:
            table[nh.GLYPH_CMAP_OFF + symbol] |= flags

    terrain(_FLOOR, WALK)
    terrain(_CORRIDORS, CORRIDOR)
    terrain((_ROCK,), DARK)
    terrain(_WALLS, WALL)
    terrain(_OPEN_DOORS, WALK | DOOR)
    terrain(_CLOSED_DOORS, WALK | DOOR | CLOSED)
    terrain(_UP, UP)
    terrain(_DOWN, DOWN)
    terrain(_LIQUIDS, LIQUID)
    terrain(_TRAPS, TRAP)
    terrain(_HOLES, HOLE)
    things = slice(nh.GLYPH_OBJ_OFF, nh.GLYPH_OBJ_OFF + nh.NUM_OBJECTS)
    table[things] = WALK | OBJECT
    for number, kind in enumerate(CLASSES):
        if kind in _TREASURES:
            table[nh.GLYPH_OBJ_OFF + number] |= TREASURE
    for glyph in BOULDERS:
        table[glyph] = BOULDER
    table[nh.GLYPH_BODY_OFF : nh.GLYPH_BODY_OFF + nh.NUMMONS] = WALK | OBJECT
    table[nh.GLYPH_STATUE_OFF : nh.GLYPH_STATUE_OFF + nh.NUMMONS] = WALK | OBJECT
    table[nh.GLYPH_MON_OFF : nh.GLYPH_PET_OFF] = MONSTER
    table[nh.GLYPH_PET_OFF : nh.GLYPH_PET_OFF + nh.NUMMONS] = PET
    table[nh.GLYPH_INVISIBLE] = MONSTER
    table[nh.GLYPH_DETECT_OFF : nh.GLYPH_BODY_OFF] = MONSTER
    table[nh.GLYPH_RIDDEN_OFF : nh.GLYPH_OBJ_OFF] = MONSTER
    table[nh.GLYPH_WARNING_OFF : nh.GLYPH_STATUE_OFF] = MONSTER
    return table


FLAGS = _table()
_BITS = (1 << np.arange(PLANES, dtype=np.uint16))[:, None]


def planes(glyphs: np.ndarray) -> dict[int, int]:
    """Sets of squares by flag, each one integer: bit 80 * row + column.

    Parameters
    ----------
    glyphs
        NLE's numbers of what the map shows, (21, 79).
    """
    flags = np.zeros((ROWS, COLUMNS + 1), np.uint16)
    flags[:, :COLUMNS] = FLAGS[glyphs]
    packed = np.packbits((flags.reshape(1, -1) & _BITS) != 0, axis=1, bitorder="little")
    return {1 << bit: int.from_bytes(row.tobytes(), "little") for bit, row in enumerate(packed)}


def kind(glyph: int) -> int:
    """Number of the monster that a glyph of a monster shows; -1: something unseen."""
    for start in (nh.GLYPH_MON_OFF, nh.GLYPH_PET_OFF, nh.GLYPH_DETECT_OFF, nh.GLYPH_RIDDEN_OFF):
        if start <= glyph < start + nh.NUMMONS:
            return glyph - start
    return -1


def kinds(*names: str) -> frozenset[int]:
    """Numbers of the monsters of these names; both forms of one name."""
    numbers = frozenset(number for number, name in enumerate(MONSTERS) if name in names)
    assert len({MONSTERS[number] for number in numbers}) == len(names), names
    return numbers


# Nobody's business: they never attack first, and it costs dearly to attack them.
PEACEFUL = kinds(
    "shopkeeper", "guard", "aligned priest", "high priest", "watchman", "watch captain", "Oracle",
    "prisoner",
)  # fmt: skip
GUARDS = kinds("guard")
# They harm whoever touches them, or burst; most never move.
UNTOUCHABLE = kinds(
    "floating eye", "blue jelly", "spotted jelly", "brown mold", "yellow mold", "green mold",
    "red mold", "gas spore", "gelatinous cube",
)  # fmt: skip
PARALYSING = kinds("floating eye")
BURSTING = kinds("gas spore")
STATIONARY = UNTOUCHABLE - kinds("gelatinous cube", "gas spore") | kinds(
    "lichen", "violet fungus", "shrieker"
)
SWIMMERS = kinds("electric eel", "giant eel", "shark", "kraken", "jellyfish", "piranha")
DWARF_CORPSES = frozenset(
    nh.GLYPH_BODY_OFF + number for number in kinds("dwarf", "dwarf lord", "dwarf king")
)
# Fresh corpses that do no harm.
EDIBLE = kinds(
    "newt", "gecko", "iguana", "baby crocodile", "crocodile", "lizard", "jackal", "fox", "coyote",
    "wolf", "winter wolf cub", "jaguar", "lynx", "panther", "tiger", "hobbit", "dwarf",
    "dwarf lord", "dwarf king", "bugbear", "imp", "tengu", "goblin", "hobgoblin", "hill orc",
    "Mordor orc", "Uruk-hai", "orc shaman", "orc-captain", "orc", "rock piercer", "iron piercer",
    "rothe", "leocrotta", "wumpus", "titanothere", "sewer rat", "giant rat", "rock mole",
    "woodchuck", "cave spider", "pony", "horse", "warhorse", "white unicorn", "gray unicorn",
    "black unicorn", "baby long worm", "lichen", "shrieker", "violet fungus", "gnome",
    "gnome lord", "gnomish wizard", "gnome king", "giant ant", "fire ant", "acid blob", "owlbear",
    "ape", "carnivorous ape", "yeti", "monkey", "sasquatch", "garter snake", "python", "raven",
    "plains centaur", "forest centaur", "mountain centaur", "ogre", "ogre lord", "ogre king",
    "hill giant", "stone giant", "giant", "fire giant", "frost giant", "ettin", "troll",
    "wraith", "floating eye", "mumak", "mastodon", "baby purple worm", "zruty",
)  # fmt: skip
# Not worth a walk: out of reach, or fast and dangerous and better left to come.
ELUSIVE = SWIMMERS | kinds("white unicorn", "gray unicorn", "black unicorn", "leprechaun")
# Elbereth does not scare them.
FEARLESS = kinds("minotaur") | frozenset(
    number
    for number in range(nh.NUMMONS)
    if nh.permonst(number).mlet == nh.permonst(NUMBER["shopkeeper"]).mlet
)
