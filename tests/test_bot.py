"""The NetHack bot: paths, prompts, and what each behaviour does in a drawn situation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nle import nethack as nh

from ilscaling.domains.nethack.bot import FIELDS, Bot, paths
from ilscaling.domains.nethack.bot import glyphs as g
from ilscaling.domains.nethack.bot import keys as k
from ilscaling.domains.nethack.bot.level import Level
from ilscaling.domains.nethack.bot.play import measure, play
from ilscaling.domains.nethack.game import Game
from ilscaling.domains.nethack.section import NetHackEmulator

TERRAIN = {" ": 0, "|": 1, "-": 2, "'": 14, "+": 15, ".": 19, "#": 21, "<": 23, ">": 24, "^": 46}
PEOPLE = {"d": "jackal", "e": "floating eye", "s": "shopkeeper", "h": "dwarf", "F": "lichen"}
THINGS = {"(": "pick-axe", "0": "boulder", "$": "gold piece"}
MONK = nh.GLYPH_MON_OFF + g.NUMBER["monk"]


def glyph(symbol: str) -> int:
    if symbol == "@":
        return MONK
    if symbol in PEOPLE:
        return nh.GLYPH_MON_OFF + g.NUMBER[PEOPLE[symbol]]
    if symbol in THINGS:
        return nh.GLYPH_OBJ_OFF + g.OBJECTS.index(THINGS[symbol])
    return nh.GLYPH_CMAP_OFF + TERRAIN[symbol]


class Stage:
    """A game that stands still: the map drawn at row 5, column 10, with chosen status."""

    def __init__(self, drawing: str, **status):
        self.observation = {
            "glyphs": np.full((21, 79), nh.GLYPH_CMAP_OFF, np.int16),
            "blstats": np.zeros(27, np.int64),
            "message": np.zeros(256, np.uint8),
            "misc": np.zeros(3, np.int32),
            "inv_glyphs": np.zeros(55, np.int16),
            "inv_letters": np.zeros(55, np.uint8),
            "inv_oclasses": np.zeros(55, np.uint8),
            "inv_strs": np.zeros((55, 80), np.uint8),
            "tty_chars": np.full((24, 80), ord(" "), np.uint8),
        }
        assert set(self.observation) == set(FIELDS)
        self.draw(drawing)
        self.set(hp=14, hp_most=14, rank=1, depth=1, turn=1, hunger=1)
        self.set(**status)

    def draw(self, drawing: str) -> None:
        self.observation["glyphs"][:] = nh.GLYPH_CMAP_OFF
        for row, line in enumerate(drawing.strip("\n").split("\n"), 5):
            for column, symbol in enumerate(line, 10):
                self.observation["glyphs"][row, column] = glyph(symbol)
                if symbol == "@":
                    self.observation["blstats"][:2] = column, row

    def set(self, **status) -> None:
        entries = {
            "hp": [nh.NLE_BL_HP], "hp_most": [nh.NLE_BL_HPMAX], "rank": [nh.NLE_BL_XP],
            "depth": [nh.NLE_BL_DEPTH, nh.NLE_BL_DLEVEL], "turn": [nh.NLE_BL_TIME],
            "hunger": [nh.NLE_BL_HUNGER], "branch": [nh.NLE_BL_DNUM],
        }  # fmt: skip
        for name, value in status.items():
            self.observation["blstats"][entries[name]] = value

    def give(self, letter: str, name: str, kind: int, text: str) -> None:
        place = int((self.observation["inv_letters"] != 0).sum())
        self.observation["inv_letters"][place] = ord(letter)
        self.observation["inv_oclasses"][place] = kind
        self.observation["inv_glyphs"][place] = nh.GLYPH_OBJ_OFF + g.OBJECTS.index(name)
        self.observation["inv_strs"][place, : len(text)] = np.frombuffer(text.encode(), np.uint8)

    def say(self, text: str, *, asked=False, typing=False, waiting=False, rows=()) -> None:
        self.observation["message"][:] = 0
        self.observation["message"][: len(text)] = np.frombuffer(text.encode(), np.uint8)
        self.observation["misc"][:] = asked, typing, waiting
        self.observation["tty_chars"][:] = ord(" ")
        for row, line in enumerate((text, *rows)):
            line = line[:80]
            self.observation["tty_chars"][row, : len(line)] = np.frombuffer(line.encode(), np.uint8)


def keys(bot: Bot, stage: Stage, count: int) -> str:
    """What the bot types while nothing changes but the prompts that follow each key."""
    return "".join(chr(bot.act(stage)) for _ in range(count))


ROOM = """
---------
|.......|
|.......|
|...@...|
|.......|
---------
"""


def room(*, at: dict[tuple[int, int], str] | None = None) -> str:
    """The room above with symbols at (row, column) offsets from the monk."""
    lines = [list(line) for line in ROOM.strip("\n").split("\n")]
    for (row, column), symbol in (at or {}).items():
        lines[3 + row][4 + column] = symbol
    return "\n".join(map("".join, lines))


# Paths


def plain_distance(start, targets, walk, doors):
    """Breadth-first search square by square: the reference."""
    seen, wave, distance = {start}, [start], 0
    while wave:
        if distance and any(square in targets for square in wave):
            return distance
        following = []
        for square in wave:
            if square in targets and square != start:
                continue
            for offset in paths.OFFSETS:
                other = square + offset
                if other in seen or other not in walk | targets:
                    continue
                if offset not in paths.STRAIGHT and (square in doors or other in doors):
                    continue
                seen.add(other)
                following.append(other)
        wave, distance = following, distance + 1
    return None


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_first_step_is_on_a_shortest_path(seed):
    rng = np.random.default_rng(seed)
    area = [paths.square(row, column) for row in range(6) for column in (*range(7), *range(74, 79))]
    walk = {square for square in area if rng.random() < 0.6}
    doors = {square for square in walk if rng.random() < 0.2}
    start = int(rng.choice(area))
    targets = {int(square) for square in rng.choice(area, 2)} - {start}
    bits = [sum(1 << square for square in group) for group in (targets, walk, doors)]
    found = paths.first_step(start, *bits)
    expected = plain_distance(start, targets, walk | {start}, doors)
    assert (found and found[1]) == expected
    if found and expected > 1:
        after = plain_distance(start + found[0], targets, walk | {start}, doors)
        assert start + found[0] in walk and after == expected - 1


def test_planes_are_the_flags_of_the_glyphs():
    glyphs = np.random.default_rng(0).integers(0, nh.MAX_GLYPH, (21, 79)).astype(np.int16)
    planes = g.planes(glyphs)
    for row, column in ((0, 0), (3, 78), (20, 0), (20, 78), (11, 40)):
        flags = sum(flag for flag, bits in planes.items() if bits >> paths.square(row, column) & 1)
        assert flags == g.FLAGS[glyphs[row, column]]


# Prompts


def test_text_windows_are_passed_and_unknown_questions_refused():
    bot, stage = Bot(0), Stage(ROOM)
    stage.say("You hear the footsteps of a guard on patrol.--More--", waiting=True)
    assert bot.act(stage) == k.SPACE
    stage.say("Do you want to play the passtune? [ynq]", asked=True)
    assert bot.act(stage) == k.ESC


def test_the_guard_of_a_vault_is_followed_without_its_gold():
    bot, stage = Bot(0), Stage(ROOM)
    stage.say('"Hello stranger, who are you?" - ', typing=True)
    assert keys(bot, stage, 6) == "Agent\r"
    stage.say('"Please drop that gold and follow me."')
    assert bot.act(stage) == k.DROP
    stage.say("What do you want to drop? [$ or ?*]", asked=True)
    assert bot.act(stage) == k.GOLD


def test_only_what_is_useful_is_chosen_from_a_pile():
    bot, stage = Bot(0), Stage(ROOM)
    bot.act(stage)
    bot.wanted = bot.useful
    rows = ("Weapons", "a - an axe", "Tools", "b - a pick-axe", "(end)")
    stage.say("Pick up what?", waiting=True, rows=rows)
    assert bot.act(stage) == ord("b")
    stage.say("Pick up what?", waiting=True, rows=(*rows[:3], "b + a pick-axe", "(end)"))
    assert bot.act(stage) == k.ENTER


def test_no_burden_is_taken_up_but_the_pick_axe():
    bot, stage = Bot(0), Stage(ROOM)
    bot.act(stage)
    for thing, key in (("a dwarf corpse", k.ESC), ("a pick-axe", k.YES)):
        bot.wanted = bot.useful
        stage.say(f"You have a little trouble lifting {thing}.  Continue? [ynq] (q)", asked=True)
        assert bot.act(stage) == key


def test_a_key_that_waits_for_a_prompt_is_dropped_with_the_prompt():
    bot, stage = Bot(0), Stage(room(at={(0, 2): "d"}), hp=3, turn=500)
    assert bot.act(stage) == k.PRAY
    stage.set(hp=14)
    assert bot.act(stage) != k.YES


# Fighting


def test_an_enemy_beside_is_hit_and_one_in_sight_approached():
    assert Bot(0).act(Stage(room(at={(0, 1): "d"}))) == ord("l")
    assert Bot(0).act(Stage(room(at={(-1, -1): "d"}))) == ord("y")
    assert Bot(0).act(Stage(room(at={(0, -3): "d"}))) == ord("h")


@pytest.mark.parametrize("symbol", ["e", "s"])
def test_floating_eyes_and_shopkeepers_are_left_alone(symbol):
    bot, stage = Bot(0), Stage(room(at={(0, 1): symbol}), hp=50, hp_most=50)
    for turn in range(40):
        stage.set(turn=turn)
        assert bot.act(stage) != ord("l")


def test_a_peaceful_one_is_not_attacked_twice():
    bot, stage = Bot(0), Stage(room(at={(0, 1): "h"}))
    assert bot.act(stage) == ord("l")
    stage.say("Really attack the dwarf? [yn] (n)", asked=True)
    assert bot.act(stage) == k.ESC
    stage.say("")
    for turn in range(2, 30):
        stage.set(turn=turn)
        assert bot.act(stage) != ord("l")


# Staying alive


def test_prayer_when_low_but_not_again_soon():
    bot, stage = Bot(0), Stage(ROOM, hp=2, turn=400)
    assert bot.act(stage) == k.PRAY
    stage.say("Are you sure you want to pray? [yn] (n)", asked=True)
    assert bot.act(stage) == k.YES
    stage.say("")
    stage.set(turn=500)
    assert bot.act(stage) != k.PRAY


def test_the_gods_are_not_bothered_at_the_start_of_the_game():
    assert Bot(0).act(Stage(ROOM, hp=2, turn=50)) != k.PRAY


def test_healing_is_drunk_beside_an_enemy_only():
    for enemy, drinks in (({(0, 1): "d"}, True), ({}, False)):
        stage = Stage(room(at=enemy), hp=6, hp_most=30, turn=10)
        stage.give("e", "healing", nh.POTION_CLASS, "3 uncursed potions of healing")
        bot = Bot(0)
        assert (bot.act(stage) == k.QUAFF) == drinks
        if drinks:
            stage.say("What do you want to drink? [e or ?*]", asked=True)
            assert bot.act(stage) == ord("e")


def test_wounds_are_slept_off_when_nobody_is_in_sight():
    assert keys(Bot(0), Stage(ROOM, hp=5, hp_most=14, turn=50), 3) == "20s"


def test_hunger_is_stilled_from_the_pack_and_no_strange_corpse_is_eaten():
    stage = Stage(ROOM, hunger=2)
    stage.give("f", "food ration", nh.FOOD_CLASS, "2 uncursed food rations")
    bot = Bot(0)
    assert bot.act(stage) == k.EAT
    stage.say("There is a kobold corpse here; eat it? [ynq] (n)", asked=True)
    assert bot.act(stage) == k.NO
    stage.say("What do you want to eat? [f or ?*]", asked=True)
    assert bot.act(stage) == ord("f")


# Exploring


def test_the_unknown_behind_a_door_is_the_next_goal():
    drawing = room(at={(0, 4): "'"})
    assert Bot(0).act(Stage(drawing)) == ord("l")


def test_doors_are_not_passed_diagonally():
    stage = Stage("------\n|....|\n|@...|\n--+---")
    assert Bot(0).act(stage) == ord("l")


def test_a_locked_door_is_kicked_in():
    bot, stage = Bot(0), Stage("---\n|@+\n---")
    assert bot.act(stage) == ord("l")
    stage.say("This door is locked.")
    stage.set(turn=2)
    assert bot.act(stage) == k.KICK
    stage.say("In what direction?", asked=True)
    assert bot.act(stage) == ord("l")


def test_hidden_ways_are_searched_for_where_nothing_is_left():
    bot, stage = Bot(0), Stage("---\n|@|\n---")
    assert keys(bot, stage, 3) == "12s"


# Things and levels


def test_a_pick_axe_is_fetched_and_gold_walked_over():
    assert Bot(0).act(Stage(room(at={(0, 3): "("}))) == ord("l")
    assert Bot(0).act(Stage(room(at={(0, -3): "$"}))) == ord("h")


def digger(**status) -> Stage:
    stage = Stage(ROOM, **status)
    stage.give("x", "pick-axe", nh.TOOL_CLASS, "an uncursed pick-axe")
    return stage


def test_with_a_pick_axe_and_rank_the_way_is_straight_down():
    bot, stage = Bot(0), digger(rank=9, depth=6, hp=60, hp_most=60)
    assert bot.act(stage) == k.APPLY
    stage.say("What do you want to use or apply? [x or ?*]", asked=True)
    assert bot.act(stage) == ord("x")
    stage.say("In what direction do you want to dig? [><.]", asked=True)
    assert bot.act(stage) == k.DOWN


def test_the_mines_are_left_before_the_dive():
    stage = digger(rank=9, depth=4, branch=2, hp=60, hp_most=60)
    stage.draw(room(at={(0, -2): "<"}))
    assert Bot(0).act(stage) == ord("h")


def test_an_explored_level_is_left_by_the_stairs():
    bot, stage = Bot(0), Stage(room(at={(0, 1): ">"}), rank=3)
    assert bot.act(stage) == ord("l")
    stage.draw(room(at={(0, 0): ".", (0, 1): "@"}))
    stage.set(turn=2)
    assert bot.act(stage) == k.DOWN


def test_no_screen_holds_the_bot_for_ever():
    """Keys that change nothing and take no time lead to others."""
    bot, stage = Bot(0), Stage(room(at={(0, 1): "d"}))
    pressed = keys(bot, stage, 200)
    assert "s" in pressed[:60] and "\x1b" in pressed[:60] and len(set(pressed)) > 4


def test_a_step_off_the_map_blocks_nothing():
    level = Level(0, 1)
    for square in (-3, 79, 80 * 21):
        level.block(square, 10)
    level.block(5, 10)
    assert level.blocks == {5: 10}


# Whole games


def test_games_are_deterministic():
    def pressed(seed):
        game, bot, found = Game(NetHackEmulator(), fields=FIELDS), Bot(seed), []
        game.start(seed)
        while not game.over and len(found) < 1500:
            found.append(bot.act(game))
            game.press(found[-1])
        game.close()
        return found

    assert pressed(7) == pressed(7)


def test_games_end_by_themselves_and_score():
    result = measure(NetHackEmulator(), range(40, 44))
    assert result["truncated"] == 0 and result["episodes"] == 4
    # Random play scores under 50.
    assert result["return_mean"] > 600
    assert result["return_mean"] == np.mean([game["score"] for game in result["games"]])
    again = play(NetHackEmulator(), 40)
    assert again["score"] == result["games"][0]["score"]


def test_step_limits_cut_a_game():
    game = play(NetHackEmulator(max_steps=200), 3)
    assert game["truncated"] and game["steps"] == 200
