"""The player: reads the screen, answers prompts, else asks its behaviours in order of priority."""

from collections import Counter, deque
from itertools import pairwise
from random import Random

from ilscaling.domains.nethack.bot import (
    descending,
    eating,
    emergencies,
    exploring,
    fighting,
    items,
    prompts,
    wandering,
)
from ilscaling.domains.nethack.bot import glyphs as g
from ilscaling.domains.nethack.bot import keys as k
from ilscaling.domains.nethack.bot.level import Level
from ilscaling.domains.nethack.bot.paths import KEYS, gap, on_map, squares
from ilscaling.domains.nethack.bot.view import FIELDS, View

__all__ = ["BEHAVIOURS", "FIELDS", "Bot"]

# The first that has a key to press decides.
BEHAVIOURS = (
    wandering.unstick,
    emergencies.pray,
    emergencies.quaff,
    emergencies.shelter,
    emergencies.pray_anyway,
    fighting.attack,
    items.drop_gold,
    items.enhance,
    fighting.avoid,
    fighting.approach,
    eating.eat_corpse,
    eating.eat,
    emergencies.rest,
    items.wear,
    items.pick_up,
    descending.leave,
    exploring.explore,
    exploring.kick,
    descending.leave_anyway,
    exploring.squeeze,
    fighting.clear,
    exploring.search,
    wandering.wander,
)
# Keys after which the next is read without a prompt.
PREFIXES = frozenset((k.FIGHT, k.TRAVEL, *map(ord, "0123456789<>")))
# Said of the square under the bot, where nothing is to be seen.
TRAPPED = ("bear trap", "fall into a pit", "a web", "trap here", "pit here", "arrow shoots out",
           "dart shoots out", "sleeping gas", "trap door in the ceiling")  # fmt: skip


class Bot:
    """Plays one game: deterministic given `seed` and what it sees."""

    def __init__(self, seed: int):
        self.random = Random(seed)
        self.view = View()
        self.levels: dict[tuple[int, int], Level] = {}
        self.level: Level | None = None
        self.queue: deque[tuple[int, bool]] = deque()
        self.wanted: tuple[str, ...] = ()  # what to choose in the menu to come
        self.heard: list[str] = []  # messages since the last decision
        self.eating_here = self.can_enhance = self.diving = self.clearing = False
        self.word, self.written = -1, 0  # square of Elbereth, times it was written there
        self.sheltered = self.asked_for_gold = False
        self.last_hp = self.last_meal = 0
        self.hurt = False
        self.camped = 0  # turns waited for enemies
        self.next_prayer, self.next_meal = emergencies.FIRST_PRAYER, 0
        self.rest_until = emergencies.REST
        self.target = self.ahead = self.step = 0
        self.chased = self.no_chase = 0
        self.tried: set[tuple[int, str]] = set()
        self.search_place: int | None = None
        self.taken: int | None = None
        self.travels = self.digs = self.dig_failures = 0
        self.undiggable = self.ways_down = self.goals = 0
        self.pick = None
        self.mines_done = self.mines_below = self.level_done = False
        self.here = -1
        self.still = self.last_turn = 0
        self.progress, self.progress_turn = (0, 0, 0), 0
        self.wandering = 0
        self.rounds: Counter[tuple[int, str]] = Counter()
        self.decided_by = ""

    def act(self, game) -> int:
        """The next key for `game` (a `games.nethack.Game` with the fields FIELDS)."""
        view = self.view
        view.read(game.observation)
        if view.message:
            self.heard.append(view.message)
        key = prompts.answer(self)
        if key is not None:
            return key
        if self.queue:
            key, free = self.queue.popleft()
            if free:
                return key
            self.queue.clear()
        return self._decide()

    def _decide(self) -> int:
        view = self.view
        self.wanted, self.eating_here = (), False
        view.look()
        self._remember()
        self._listen(" ".join(self.heard))
        self.heard.clear()
        self.step, self.here = 0, view.here
        for behaviour in BEHAVIOURS:
            key = behaviour(self)
            if key is not None:
                self.decided_by = behaviour.__name__
                self.rounds[view.here, self.decided_by] += self.step != 0
                return key
        raise AssertionError("the last behaviour always acts")

    def _remember(self) -> None:
        """Bring the memory of levels and monsters up to date."""
        view = self.view
        level = self.levels.get(view.place)
        if level is not self.level or level is None:
            if self.level is not None and self.taken is not None:
                self.level.leads[self.taken] = view.branch
            if level is None:
                level = self.levels[view.place] = Level(view.branch, view.depth)
            self.level, self.search_place, self.step = level, None, 0
            self.target = self.word = -1
            self.dig_failures = self.digs = self.undiggable = 0
            self.chased = self.travels = 0
        self.taken = None
        if self.step and view.here == self.here:
            self._bumped(view.here + self.step)
        self.hurt = view.hp < self.last_hp
        self.last_hp = view.hp
        level.see(view.planes, view.here, view.blind, view.turn)
        if self.decided_by != "clear":
            self.clearing = False
        self._sort_monsters()
        self.pick = next((item for item in view.items if item.glyph in g.PICK_AXE), None)
        self.wields_pick = self.pick is not None and "weapon in hand" in self.pick.text
        self._want()
        turn = view.turn
        self.still = self.still + 1 if turn == self.last_turn else 0
        self.last_turn = turn
        progress = (len(self.levels), level.visited.bit_count(), view.experience)
        if progress != self.progress:
            self.progress, self.progress_turn = progress, turn
            self.rounds.clear()

    def _bumped(self, square: int) -> None:
        """A step did not happen: after the third time the square counts as blocked for a while."""
        level = self.level
        level.failures[square] += 1
        if level.failures[square] % 3 == 0:
            level.block(square, self.view.turn + 20 * level.failures[square])

    def _sort_monsters(self) -> None:
        """Tell enemies from those that are to be left alone, which obstruct the way."""
        view, level = self.view, self.level
        self.enemies = []
        for monster in view.monsters:
            if monster.kind in g.PEACEFUL or self._is_peaceful(monster):
                level.walk &= ~(1 << monster.square)
            elif monster.kind in g.UNTOUCHABLE and not (view.hallucinating or self._dares(monster)):
                if monster.kind in g.STATIONARY:
                    level.posts[monster.square] = monster.kind
                level.walk &= ~(1 << monster.square)
            else:
                self.enemies.append(monster)
        shown = view.planes[g.MONSTER]
        for square in list(level.posts):
            if not shown >> square & 1 and gap(square, view.here) <= 1:
                del level.posts[square]
            else:
                level.walk &= ~(1 << square)

    def _dares(self, monster) -> bool:
        """Is the bot hale enough to hit what is better left alone?"""
        view = self.view
        if monster.kind in g.BURSTING:
            return view.hp > 26
        return monster.square in self.level.posts and self.clearing and fighting.hale(self)

    def _is_peaceful(self, monster) -> bool:
        turn = self.view.turn
        if monster.distance == 1 and self.hurt:
            return False
        for number, (kind, square, seen) in enumerate(self.level.peaceful):
            if kind == monster.kind and gap(square, monster.square) <= 1 + (turn - seen):
                self.level.peaceful[number] = (kind, monster.square, turn)
                return True
        return False

    def found_peaceful(self) -> None:
        """NetHack asks whether we really want to attack the last target."""
        square = self.target if self.step == 0 else self.here + self.step
        for monster in self.view.monsters:
            if monster.square == square:
                self.level.peaceful.append((monster.kind, square, self.view.turn))
        self.queue.clear()

    def _want(self) -> None:
        """Note the squares of things worth a walk."""
        view, level = self.view, self.level
        hidden = 1 << view.here | view.planes[g.MONSTER] | view.planes[g.PET]
        objects = view.planes[g.OBJECT] | level.objects & hidden
        level.wanted &= objects
        if objects == level.objects:
            return
        kinds = self.useful_glyphs()
        for square in squares(objects & ~level.objects & ~hidden):
            if view.glyph(square) in kinds:
                level.wanted |= 1 << square
                level.ignored &= ~(1 << square)
        level.objects = objects

    def useful_glyphs(self) -> frozenset[int]:
        """Glyphs on the floor that are worth a walk."""
        worn = [item for item in self.view.items if "being worn" in item.text]
        kinds = frozenset()
        if self.pick is None:
            kinds |= g.PICK_AXE | g.DWARF_CORPSES
        for pieces in (g.HELMETS, g.BOOTS):
            if not any(item.glyph in pieces for item in worn):
                kinds |= pieces
        return kinds

    @property
    def useful(self) -> tuple[str, ...]:
        """Names, in a menu, of things to take."""
        return items.NAMES if self.pick is None else items.NAMES[1:]

    def _listen(self, text: str) -> None:
        """What messages say about the level and the bot."""
        if not text:
            return
        level, view = self.level, self.view
        ahead = self.here + self.step
        if self.step and on_map(ahead):
            if "door is locked" in text:
                level.locked |= level.closed & 1 << ahead
            elif (
                "in vain" in text
                or "that's why you cannot" in text
                or "wall" in text
                or ("solid stone" in text or "diagonally" in text)
            ):
                level.block(ahead, view.turn + 300)
            if "Closed for inventory" in text:
                for square in squares(level.closed):
                    if gap(square, view.here) == 1:
                        level.blocked |= 1 << square
            if "Welcome" in text and "to" in text and view.here != self.here:
                level.forbid_room(view.here, view.here + self.step)
        if "You kill the" in text and self.target >= 0:
            level.fresh[self.target] = view.turn
        if any(part in text for part in TRAPPED):
            level.traps |= 1 << view.here
        if "drop that gold" in text or "drop that money" in text:
            self.asked_for_gold = True
        if "confident in your" in text:
            self.can_enhance = True
        if "too hard to" in text or "cannot dig" in text or "can't dig" in text:
            self.undiggable |= 1 << view.here
            self.dig_failures += 1

    def press(self, *keys: int) -> int:
        """Press the first now, and the others as NetHack asks for them."""
        self.queue.clear()
        for before, key in pairwise(keys):
            self.queue.append((key, before in PREFIXES))
        return keys[0]

    @property
    def escapes(self) -> bool:
        """Deep down the way out of a fight is down."""
        view = self.view
        deep = view.branch == descending.MAIN and view.depth >= descending.DEEP
        can = self.pick is not None and self.dig_failures < 3 and not view.floating
        return self.diving and deep and can

    def walk(self, offset: int) -> int:
        """One step."""
        self.step = self.ahead = offset
        return KEYS[offset]

    def threats(self, distance: int) -> bool:
        """Is an enemy that moves within so many moves?"""
        return any(
            enemy.distance <= distance and (enemy.kind not in g.STATIONARY or enemy.distance == 1)
            for enemy in self.enemies
        )

    @property
    def in_mines(self) -> bool:
        return self.view.branch == descending.MINES
