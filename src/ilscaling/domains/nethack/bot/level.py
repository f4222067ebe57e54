"""What the bot remembers of one level."""

from collections import Counter

from ilscaling.domains.nethack.bot import glyphs as g
from ilscaling.domains.nethack.bot.paths import FULL, WIDTH, around, beside, on_map, reach, squares

LARGEST_SHOP = 200  # squares; more is not a room behind a door


class Level:
    """Sets of squares as integers (see `paths`); `see` brings them up to date."""

    def __init__(self, branch: int, depth: int):
        self.branch, self.depth = branch, depth
        self.visited = 0
        self.down = self.up = 0
        self.holes = self.traps = 0
        self.doors = self.closed = 0
        self.locked = 0
        self.forbidden = 0  # shops
        self.blocked = 0  # found impassable whatever the map says
        self.ignored = 0  # things that could not be picked up
        self.wanted = self.objects = 0  # squares of useful things; of all things, as last seen
        self.leads: dict[int, int] = {}  # stairs down -> the branch they lead to
        self.blocks: dict[int, int] = {}  # square -> turn until which it counts as blocked
        self.searched: Counter[int] = Counter()
        self.failures: Counter[int] = Counter()
        self.peaceful: list[tuple[int, int, int]] = []  # kind, square, turn when last seen
        self.posts: dict[int, int] = {}  # square -> kind of those that stay and are not touched
        self.fresh: dict[int, int] = {}  # square -> turn at which something was killed there
        self.errands = 0  # steps towards things
        self.searches = self.desperate = 0
        self.explored = False

    def block(self, square: int, until: int) -> None:
        """Count a square as blocked until that turn. Steps off the map do not happen either."""
        if on_map(square):
            self.blocks[square] = until

    def see(self, seen: dict[int, int], here: int, blind: bool, turn: int) -> None:
        """Take over the planes of the map.

        Parameters
        ----------
        seen
            By flag, as of `glyphs.planes`.
        here
            Square that the bot stands on.
        blind
            Whether it cannot see: what it passes does not count as visited.
        turn
            NetHack's T.
        """
        self.seen = seen
        bit = 1 << here
        if not blind:
            self.visited |= bit
        hidden = seen[g.MONSTER] | seen[g.PET] | seen[g.OBJECT] | bit
        self.doors = seen[g.DOOR] | self.doors & hidden
        self.closed = seen[g.CLOSED]
        self.locked &= self.closed
        self.traps = seen[g.TRAP] | self.traps & hidden
        self.holes = seen[g.HOLE] | self.holes & hidden
        self.down = seen[g.DOWN] | self.down & hidden
        self.up = seen[g.UP] | self.up & hidden
        self.boulders = seen[g.BOULDER]
        for square in [square for square, until in self.blocks.items() if until < turn]:
            del self.blocks[square]
        self.closed_off = self.blocked | sum(1 << square for square in self.blocks)
        # A monster stands where one can stand, but for those that swim or pass walls.
        self.ground = seen[g.WALK] | seen[g.CORRIDOR] | seen[g.DOWN] | seen[g.UP] | bit
        self.walk = (self.ground | seen[g.MONSTER] | seen[g.PET] | self.holes) & ~(
            self.forbidden | self.closed_off | self.traps & ~self.holes
        )
        self.unknown = seen[g.DARK] & ~around(self.visited) & FULL

    @property
    def frontier(self) -> int:
        """Known squares beside the unknown that the bot has not stood on."""
        return self.walk & around(self.unknown) & ~self.visited

    def forbid_room(self, door: int, inside: int) -> None:
        """Keep out of the room behind `door` from now on."""
        floor = (self.ground | self.seen[g.MONSTER]) & ~(self.doors | 1 << door)
        room = reach(1 << inside, floor, 0)
        if room.bit_count() <= LARGEST_SHOP:
            self.forbidden |= room

    def hiding_places(self) -> list[tuple[int, int]]:
        """(square, merit in moves) of places where a search may find a hidden way."""
        places = []
        ground = self.walk
        corridors = self.seen[g.CORRIDOR] & ground
        walls = self.seen[g.WALL]
        rock = self.seen[g.DARK]
        for square in squares(corridors):
            ways = squares(around(1 << square) & ground & ~(1 << square))
            if len(ways) <= 1 or (len(ways) == 2 and abs(ways[0] - ways[1]) in (1, WIDTH)):
                places.append((square, 100))
        sides = (walls << 1) & (walls >> 1) | (walls << WIDTH) & (walls >> WIDTH)
        for square in squares(ground & sides & ~corridors):
            if (beside(1 << square) & ground).bit_count() <= 1:
                places.append((square, 100))
        rooms = self.ground & ~corridors & ~self.doors & around(walls) & ground
        for square in squares(rooms):
            merit = 0
            for offset in (1, -1, WIDTH, -WIDTH):
                if square + offset >= 0 and walls >> (square + offset) & 1:
                    beyond = [square + offset * far for far in range(2, 10)]
                    if offset in (1, -1):
                        beyond = [b for b in beyond if b // WIDTH == square // WIDTH]
                    room = sum(1 for b in beyond if b >= 0 and rock >> b & 1)
                    merit = max(merit, 3 * room)
            if merit:
                places.append((square, merit))
        return places
