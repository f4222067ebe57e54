"""Typed parameters of a study: defaults, bounds, units, and one clear error per bad key.

`params.yaml` is the only configuration. Here stand its types; the comments a user reads stand in
the file itself. Every number is a number: a string such as '1e-3' (which YAML does not read as a
float) is refused, and so is an unknown key, with the nearest known one.
"""

import difflib
import math
from pathlib import Path
from typing import Annotated, Literal, get_args

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from ilscaling import extensions
from ilscaling.errors import ParamsError

Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
EPISODES = 2**28  # that can be played for a purpose: see games.seeds
Episode = Annotated[int, Field(ge=0, lt=EPISODES)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class Model(BaseModel):
    """Base of every section: strict types, no unknown keys, immutable."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Emulator(Model):
    """How an Atari game is run; stickiness as Machado et al. (JAIR 2018)."""

    frame_skip: Count = Field(4, description="emulator frames a step")
    sticky: Fraction = Field(0.25, description="probability that an action is repeated")
    noop_max: Annotated[int, Field(ge=0)] = Field(
        30, description="idle frames at the start, at most"
    )
    max_steps: Count = Field(4500, description="steps after which an episode is cut")


class NetHackEmulator(Model):
    """How NetHack is run: the keyboard and options of the NetHack Challenge."""

    role: Annotated[str, Field(pattern=r"^[a-z]{3}-[a-z]{3}-[a-z]{3}-[a-z]{3}$|^@$")] = Field(
        "mon-hum-neu-mal", description="role-race-alignment-gender; @: drawn at random"
    )
    max_steps: Count = Field(100_000, description="keys after which a game is cut")
    no_progress: Count = Field(
        1_000, description="keys without a turn passing after which a game is cut"
    )


class PPO(Model):
    """PPO with the published Atari settings of RL Baselines3 Zoo."""

    steps: Count = Field(10_000_000, description="agent steps (frame_skip emulator frames each)")
    seed: Seed = Field(0, description="seed of weights, episodes and sampling")
    width: Positive = Field(1.0, description="1 is the Nature CNN; channels scale with it")
    lanes: Count = Field(8, description="games played side by side")
    horizon: Count = Field(128, description="steps a lane between two updates")
    epochs: Count = Field(4, description="passes over a rollout")
    batch: Count = Field(256, description="samples a gradient step")
    rate: Positive = Field(2.5e-4, description="Adam's rate at the start; falls linearly to 0")
    clip: Positive = Field(0.1, description="clip range at the start; falls linearly to 0")
    discount: Annotated[float, Field(gt=0, lt=1)] = Field(0.99, description="discount a step")
    gae: Annotated[float, Field(ge=0, le=1)] = Field(0.95, description="lambda of the advantage")
    value: Positive = Field(0.5, description="weight of the value loss")
    entropy: Annotated[float, Field(ge=0)] = Field(0.01, description="weight of the entropy bonus")


class Expert(Model):
    """Who plays the demonstrations."""

    file: str | None = Field(None, description="a trained expert; null: train one by PPO")
    temperature: Annotated[float, Field(ge=0)] = Field(
        1.0, description="1 samples the policy as trained, 0 plays its best action"
    )
    min_return: float | None = Field(
        None, description="an expert that is known to return less is not recorded; null: any"
    )
    ppo: PPO = Field(default_factory=PPO, description="how an expert is trained if file is null")


class Recorded(Model):
    """What is recorded, of whatever game."""

    train_steps: Count = Field(500_000, description="steps to train on, at least")
    dev_steps: Count = Field(20_000, description="steps of held-out episodes for the dev loss")
    test_steps: Count = Field(20_000, description="steps of held-out episodes nobody selects by")
    jobs: Count = Field(4, description="parallel recording jobs over disjoint seeds")
    seed: Episode = Field(0, description="first episode's number, and seed of the splits")
    chunk_steps: Count = Field(256, description="steps a Zarr chunk (the unit of decompression)")
    shard_steps: Count = Field(32_768, description="steps a Zarr shard (the unit of storage)")

    @model_validator(mode="after")
    def _shards_hold_chunks(self):
        if self.shard_steps % self.chunk_steps:
            raise ValueError(
                f"shard_steps ({self.shard_steps}) must be a multiple of "
                f"chunk_steps ({self.chunk_steps})"
            )
        return self


class Demonstrations(Recorded):
    """What is recorded of a game of Atari or of an extension."""

    # Before a block of shuffled stacks a chunk is read for its last screens: shorter than a block.
    chunk_steps: Count = Field(64, description="steps a Zarr chunk (the unit of decompression)")
    lanes: Count = Field(8, description="games side by side in one job")


class Games(Recorded):
    """What is recorded, or taken from recordings, of NetHack."""


class Rule(Model):
    """A quantity as a power of the size: value * (size / at) ** power."""

    value: Positive = Field(description="the quantity at size `at`")
    at: Positive = Field(16, description="the size at which `value` holds")
    power: float = Field(0.0, description="exponent; 0: the same for every size")

    def __call__(self, size: float) -> float:
        return self.value * (size / self.at) ** self.power


def _threads(value: object) -> object:
    if value == "auto" or (type(value) is int and value >= 1):
        return value
    raise ValueError(f"a whole number from 1 on, or auto, not {value!r}")


class Training(Model):
    """Behaviour cloning, of whatever policy."""

    batch: Rule = Field(Rule(value=64), description="samples a step, rounded to a power of two")
    rate: Rule = Field(Rule(value=0.002), description="Adam's rate")
    warmup_steps: Annotated[int, Field(ge=0)] = Field(100, description="linear warm-up")
    schedule: Literal["constant", "cosine", "wsd"] = Field(
        "constant",
        description="the rate after the warm-up; cosine: every cell is a run of its own; "
        "wsd: one trunk a run, each budget branches off a cooldown",
    )
    cooldown: Annotated[float, Field(ge=0.01, le=0.5)] = Field(
        0.2, description="wsd: share of a budget in which the rate falls"
    )
    final: Fraction = Field(
        0.0, description="cosine, wsd: rate at a cell's last update, as a share of the full one"
    )
    ema: Fraction = Field(
        0.0,
        description="averaged weights: horizon as a share of the steps so far; 0: off",
    )
    buffer_steps: Count = Field(16_384, description="samples shuffled together")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="auto: bfloat16 where the device is faster at it"
    )
    threads: Annotated[int | Literal["auto"], BeforeValidator(_threads)] = Field(
        1,
        description="CPU threads a run; auto: by its share of the work, so that another machine "
        "gives other last bits",
    )
    checkpoint_seconds: Positive = Field(60.0, description="time between resumable states")

    def batch_of(self, size: int) -> int:
        """Samples a step at `size`: the rule's value rounded to a power of two."""
        return 2 ** max(0, round(math.log2(self.batch(size))))


class Train(Training):
    """Behaviour cloning from stacks of frames, by Adam."""

    frames: Count = Field(4, description="frames that the policy sees")


class TrainSequences(Training):
    """Behaviour cloning from stretches of play, by AdamW; a sample is one frame."""

    context: Annotated[int, Field(ge=1)] = Field(
        32, description="frames of a stretch, and how far back the transformer sees; 2 ** k"
    )
    depth: Count | None = Field(None, description="layers; null: by the family's rule")
    inventory: bool = Field(False, description="show the policy what the player carries")
    clip: Positive = Field(1.0, description="largest norm of the gradient")
    beta2: Annotated[float, Field(gt=0, lt=1)] = Field(0.98, description="AdamW's second beta")
    weight_decay: Annotated[float, Field(ge=0)] = Field(0.01, description="AdamW's, of matrices")

    @model_validator(mode="after")
    def _context_divides_batches(self):
        if self.context & (self.context - 1):
            raise ValueError(f"context ({self.context}) must be a power of two, as batches are")
        return self


class Cells(Model):
    """The cells: sizes x seeds, each measured at every budget on its way."""

    sizes: Annotated[list[Count], Field(min_length=1)] = Field(
        description="the family's size dial (cnn: width of the first convolution; "
        "transformer, lstm: width of a layer)"
    )
    seeds: Annotated[list[Seed], Field(min_length=1)] = Field([0], description="one run each")
    budgets: Annotated[list[Positive], Field(min_length=1)] = Field(
        description="training FLOPs at which a run is measured, rising"
    )
    flops: Literal["exact", "published", "6nd"] = Field(
        "exact", description="FLOP convention of budgets; 6nd: 6 x parameters x samples"
    )
    min_updates: Count = Field(
        100, description="cells with fewer gradient steps are left out of the grid"
    )
    max_epochs: Positive = Field(
        4.0, description="cells that would see their data more often are left out of the grid"
    )

    @model_validator(mode="after")
    def _rising_and_once(self):
        if any(b <= a for a, b in zip(self.budgets, self.budgets[1:], strict=False)):
            raise ValueError(f"budgets must rise, each once: {self.budgets}")
        for name in ("sizes", "seeds"):
            values = getattr(self, name)
            if len(set(values)) < len(values):
                raise ValueError(f"{name} holds a value twice: {values}")
        return self


class Grid(Cells):
    """The cells of an Atari game."""

    family: Name = Field("cnn", description="policy family: cnn, or an extension's")


class SequenceGrid(Cells):
    """The cells of NetHack."""

    family: Literal["transformer", "lstm"] = Field("transformer", description="policy family")


class Evaluation(Model):
    """How a cell is measured."""

    episodes: Count = Field(20, description="full episodes for the return")
    lanes: Count = Field(8, description="games side by side; no effect on the results")
    seed: Episode = Field(0, description="first episode's number; never one that was recorded")
    temperature: Annotated[float, Field(ge=0)] = Field(
        1.0, description="1 samples the policy, 0 plays its best action"
    )
    random_episodes: Count = Field(100, description="episodes of uniformly random play")


class Atari(Model):
    """One Atari game of the study."""

    domain: Literal["atari"] = Field(description="which interface plays it")
    emulator: Emulator = Field(default_factory=Emulator, description="how the game is run")
    expert: Expert = Field(default_factory=Expert, description="who plays the demonstrations")
    demonstrations: Demonstrations = Field(
        default_factory=Demonstrations, description="what is recorded"
    )
    grid: Grid = Field(description="the cells")
    train: Train = Field(default_factory=Train, description="behaviour cloning")
    evaluation: Evaluation = Field(default_factory=Evaluation, description="measurement")


class Options(Model):
    """How a game of an extension is run."""

    options: dict[str, bool | int | float | str] = Field(
        {}, description="arguments of the game's `make`"
    )
    max_steps: Count = Field(1000, description="steps after which an episode is cut")


class Player(Model):
    """Who plays the demonstrations."""

    name: Name = Field(description="an extension's expert")
    file: str | None = Field(None, description="what it reads, such as weights; null: nothing")
    temperature: Annotated[float, Field(ge=0)] = Field(
        1.0, description="1 samples its probabilities, 0 plays its best action"
    )
    noise: Fraction = Field(0.0, description="share of steps at which it plays at random")


class FamilyGrid(Cells):
    """The cells of an extension's game."""

    family: Name = Field(description="policy family: an extension's, or cnn for screens")


class Gymnasium(Model):
    """A game of an extension; the section's name is free, as NetHack's."""

    domain: Literal["gymnasium"] = Field(description="which interface plays it")
    game: Name = Field(description="an extension's game")
    emulator: Options = Field(default_factory=Options, description="how the game is run")
    expert: Player = Field(description="who plays the demonstrations")
    demonstrations: Demonstrations = Field(
        default_factory=Demonstrations, description="what is recorded"
    )
    grid: FamilyGrid = Field(description="the cells")
    train: Train = Field(default_factory=Train, description="behaviour cloning")
    evaluation: Evaluation = Field(default_factory=Evaluation, description="measurement")


class Recordings(Model):
    """Games that somebody else has recorded, in the layout of NLD: DIR/<any name>/*.xlogfile."""

    path: str = Field(description="the folder DIR")
    roles: list[str] | None = Field(None, description="roles to take, such as Mon; null: all")
    races: list[str] | None = Field(None, description="races to take, such as Hum; null: all")
    min_points: int | None = Field(None, description="fewest points of a game; null: any")
    max_games: Count | None = Field(None, description="games to take, at most; null: all")


class NetHackExpert(Model):
    """Who plays the demonstrations."""

    recordings: Recordings | None = Field(None, description="null: the built-in bot plays")


class NetHack(Model):
    """NetHack; the section's name is free, so that a study may compare several settings."""

    domain: Literal["nethack"] = Field(description="which interface plays it")
    emulator: NetHackEmulator = Field(
        default_factory=NetHackEmulator, description="how the game is run"
    )
    expert: NetHackExpert = Field(
        default_factory=NetHackExpert, description="who plays the demonstrations"
    )
    demonstrations: Games = Field(default_factory=Games, description="what is recorded")
    grid: SequenceGrid = Field(description="the cells")
    train: TrainSequences = Field(default_factory=TrainSequences, description="behaviour cloning")
    evaluation: Evaluation = Field(default_factory=Evaluation, description="measurement")

    @model_validator(mode="after")
    def _batches_hold_stretches(self):
        for size in self.grid.sizes:
            if self.train.batch_of(size) < self.train.context:
                raise ValueError(
                    f"train.batch is {self.train.batch_of(size)} frames at size {size}, less than "
                    f"one stretch of train.context ({self.train.context})"
                )
        return self


SECTIONS = {"atari": Atari, "nethack": NetHack, "gymnasium": Gymnasium}
Game = Annotated[Atari | NetHack | Gymnasium, Field(discriminator="domain")]


class Forecast(Model):
    """What `snakemake forecast` trains: the size that the law proposes at a larger budget."""

    factor: Annotated[float, Field(gt=1)] = Field(
        2.0, description="the budget, in multiples of the game's largest"
    )


class Laws(Model):
    """How laws are fitted."""

    level: Annotated[float, Field(gt=0.5, lt=1)] = Field(0.95, description="of the intervals")
    flops: Literal["realised", "nominal"] = Field(
        "realised", description="compute that is fitted on"
    )
    vertex_within: Annotated[float, Field(gt=1)] = Field(
        2.0, description="cells enter a parabola up to so many times the budget's lowest loss"
    )
    plateau: Annotated[float, Field(gt=0)] = Field(
        0.95,
        description="budgets whose lowest loss exceeds this share of the action entropy are "
        "before the law's regime and left out of the fits",
    )
    min_updates: Annotated[int, Field(ge=0)] = Field(
        100, description="cells with fewer gradient steps are left out of the fits"
    )
    max_epochs: Positive = Field(
        4.0, description="cells that saw their data more often are left out"
    )
    min_sizes: Count = Field(3, description="budgets with fewer sizes are left out of the fits")
    hold_out: Count = Field(
        1, description="largest budgets that the test of prediction holds out of its fits"
    )
    bootstrap: Annotated[int, Field(ge=0)] = Field(
        1000, description="resamples of the runs behind the bootstrap intervals; 0: none"
    )
    seed: Annotated[int, Field(ge=0)] = Field(0, description="of the resampling")
    rho: Positive | None = Field(
        None,
        description="exponent of N in C = k N^rho D; null: estimated from the cells",
    )
    forecast: Forecast = Field(default_factory=Forecast, description="the forecast target")


class Devices(Rule):
    """GPUs that a run takes, as a power of its parameters: value * (parameters / at) ** power."""

    value: Positive = Field(1.0, description="GPUs of a run of `at` parameters")
    at: Positive = Field(1e6, description="parameters")
    power: float = Field(0.0, description="exponent; 0: the same for every run")

    def __call__(self, parameters: float) -> float:
        """A power of two from 1/16 on; below 1 the share of one GPU."""
        return 2.0 ** max(-4, round(math.log2(super().__call__(parameters))))


class Machine(Model):
    """What a run takes of the machine; changes no result beyond rounding and is in no key."""

    gpus: Devices = Field(
        Devices(), description="GPUs a run, a power of two; below 1: the share of one"
    )


class Params(Model):
    """A whole study."""

    extensions: list[str] = Field(
        [], description="Python files that add games, experts and policy families"
    )
    games: Annotated[dict[Name, Game], Field(min_length=1)] = Field(
        description="the games: Atari by ROM name, others by any name"
    )
    laws: Laws = Field(default_factory=Laws, description="how laws are fitted")
    machine: Machine = Field(default_factory=Machine, description="what a run takes of it")


def schema() -> dict:
    """JSON schema of `params.yaml`, which Snakemake validates with."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Params.model_json_schema()}


def explain(model: type[Model] = Params, prefix: str = "") -> list[str]:
    """One line a key: its place, type or default, and meaning."""
    lines = []
    for name, field in model.model_fields.items():
        key = f"{prefix}{name}"
        if name == "games" and model is Params:
            for section in SECTIONS.values():
                lines += explain(section, f"games.<{section.__name__}>.")
            continue
        inner = _section(field.annotation)
        if inner is not None and not issubclass(inner, Rule):
            lines.append(f"{key}: {field.description}")
            lines += explain(inner, f"{key}.")
            continue
        default = "required" if field.is_required() else f"default {field.get_default()}"
        lines.append(f"{key}: {field.description} ({default})")
    return lines


def _section(annotation) -> type[Model] | None:
    """The section that a field holds (or may hold), None for a plain value."""
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, Model):
            return kind
    return None


def overlay(base: dict, change: dict) -> dict:
    """`base` with `change` laid over it, section by section; null removes a key of `games`."""
    merged = dict(base)
    for key, value in change.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = overlay(merged[key], value)
        else:
            merged[key] = value
    if isinstance(merged.get("games"), dict):
        merged["games"] = {k: v for k, v in merged["games"].items() if v is not None}
    return merged


def read(path: str | Path, *studies: str | Path) -> Params:
    """Read and check a parameter file and the studies laid over it."""
    values: dict = {}
    for file in (path, *studies):
        try:
            text = Path(file).read_text()
        except OSError as error:
            raise ParamsError(
                f"cannot read parameters: {error.strerror}", where=str(file)
            ) from None
        try:
            part = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ParamsError(f"not YAML: {error}", where=str(file)) from None
        if not isinstance(part, dict):
            raise ParamsError("a parameter file is a mapping of sections", where=str(file))
        values = overlay(values, part)
    return check(values, where=" + ".join(str(f) for f in (path, *studies)))


def check(values: dict, *, where: str = "params.yaml") -> Params:
    """Validate a mapping and load the extensions that it names.

    Raises ParamsError that lists every bad key at once, ExtensionError for a bad extension.

    A game with the key `like: NAME` starts from game NAME of the same mapping, and its other keys
    are laid over it: so that a study may compare settings without repeating them.
    """
    if isinstance(values.get("games"), dict):
        values = {**values, "games": _likes(values["games"], where)}
    try:
        found = Params.model_validate(values)
    except ValidationError as error:
        problems = [_explain(problem) for problem in error.errors()]
        raise ParamsError(
            "bad parameters:\n" + "\n".join(f"  - {line}" for line in problems),
            where=where,
            fix="ilscaling params --explain lists every key with its type, unit and default",
        ) from None
    extensions.load(found.extensions)
    _refuse_unknown(found)
    return found


def _refuse_unknown(params: Params) -> None:
    """Raise ExtensionError for a name of no extension."""
    for name, game in params.games.items():
        at = f"params: games.{name}"
        if isinstance(game, Gymnasium):
            extensions.find("GAME", game.game, f"{at}.game")
            extensions.find("EXPERT", game.expert.name, f"{at}.expert.name")
        family = game.grid.family
        if family not in extensions.BUILT_IN["FAMILY"]:
            extensions.find("FAMILY", family, f"{at}.grid.family")
        elif isinstance(game.train, Train) and family != "cnn":
            raise ParamsError(
                f"the family {family!r} sees NetHack alone", where=f"{at}.grid.family", fix="cnn"
            )


def _likes(games: dict, where: str) -> dict:
    """The games with every `like` resolved."""

    def resolved(name: str, through: tuple[str, ...]) -> object:
        section = games[name]
        if not isinstance(section, dict) or "like" not in section:
            return section
        base = section["like"]
        if base not in games or base in (*through, name):
            raise ParamsError(
                f"games.{name}.like: {base!r} is "
                + ("no game of the study" if base not in games else "like itself"),
                where=where,
                fix=f"games are: {', '.join(games)}",
            )
        change = {key: value for key, value in section.items() if key != "like"}
        return overlay(resolved(base, (*through, name)), change)

    return {name: resolved(name, ()) for name in games}


def _explain(problem: dict) -> str:
    location = [part for part in problem["loc"] if part != "[key]"]
    # pydantic puts the domain after a game's name; in the file there is no such level.
    shown = location[:2] + location[3:] if location[:1] == ["games"] else location
    key = ".".join(str(part) for part in shown)
    if problem["type"] == "extra_forbidden":
        known = _keys_at(location[:-1])
        close = difflib.get_close_matches(str(location[-1]), known, n=1, cutoff=0.0)
        return f"{key}: unknown key" + (f"; did you mean {close[0]!r}?" if close else "")
    if problem["type"] in ("float_type", "int_type") and isinstance(problem["input"], str):
        hint = " (YAML reads 1e-3 as text: write 0.001 or 1.0e-3)"
        return f"{key}: a number is wanted, {problem['input']!r} is a string{hint}"
    if problem["type"] == "union_tag_not_found":
        return f"{key}.domain: wanted, one of {', '.join(SECTIONS)}"
    message = problem["msg"].removeprefix("Value error, ")
    given = "" if problem["type"] in ("value_error", "missing") else f", not {problem['input']!r}"
    return f"{key or 'params'}: {message}{given}"


def _keys_at(location: list) -> list[str]:
    """Known keys of the section at `location`, which names the domain of a game after its name."""
    model: type[Model] = Params
    parts = iter(location)
    for part in parts:
        if model is Params and part == "games":
            next(parts, None)
            model = SECTIONS.get(next(parts, ""), Atari)
            continue
        field = model.model_fields.get(str(part))
        model = (_section(field.annotation) if field else None) or model
    return list(model.model_fields)
