"""Typed parameters of a study: defaults, bounds, units, and one clear error per bad key.

`params.yaml` is the only configuration. Here stand its types; the comments a user reads stand in
the file itself. Every number is a number: a string such as '1e-3' (which YAML does not read as a
float) is refused, and so is an unknown key, with the nearest known one.
"""

import difflib
import math
import re
import shlex
from collections import Counter
from collections.abc import Iterable
from functools import cache, reduce
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializeAsAny,
    ValidationError,
    create_model,
    field_validator,
    model_validator,
)

from ilscaling import registry
from ilscaling.errors import IlscalingError, ParamsError
from ilscaling.parameter_files import read_mapping
from ilscaling.seeds import EPISODES

# Bounds are those of what can be done at all, a hundred times what was ever done or more: whatever
# is above is a slip, and would be found out after hours, by a full memory or a full disk.
Positive = Annotated[float, Field(gt=0, le=1e30)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Temperature = Annotated[float, Field(ge=0, le=1e6)]
Rate = Annotated[float, Field(gt=0, le=100)]
Count = Annotated[int, Field(ge=1, le=10**12)]  # steps, updates
Memory = Annotated[int, Field(ge=1, le=2**28)]  # steps, or samples, that are in memory at once
Lanes = Annotated[int, Field(ge=1, le=4096)]  # side by side in one process
Several = Annotated[int, Field(ge=1, le=10_000)]  # jobs, layers, frames
EpisodeCount = Annotated[int, Field(ge=1, le=10**6)]
Size = Annotated[int, Field(ge=1, le=2**17)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]

Episode = Annotated[int, Field(ge=0, lt=EPISODES)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class Model(BaseModel):
    """Base of every section: strict types, no unknown keys, immutable."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class Recorded(Model):
    """What is recorded, of whatever game."""

    train_steps: Count = Field(500_000, description="steps to train on, at least")
    unique_steps: Count | None = Field(
        None, description="train on the first episodes that hold so many of them; null: on all"
    )
    dev_steps: Count = Field(20_000, description="steps of held-out episodes for the dev loss")
    test_steps: Count = Field(20_000, description="steps of held-out episodes nobody selects by")
    jobs: Several = Field(4, description="parallel recording jobs over disjoint seeds")
    seed: Episode = Field(0, description="first episode's number, and seed of the splits")
    chunk_steps: Memory = Field(256, description="steps a Zarr chunk (the unit of decompression)")
    shard_steps: Memory = Field(32_768, description="steps a Zarr shard (the unit of storage)")

    @model_validator(mode="after")
    def _shards_hold_chunks(self):
        if self.shard_steps % self.chunk_steps:
            raise ValueError(
                f"shard_steps ({self.shard_steps}) must be a multiple of "
                f"chunk_steps ({self.chunk_steps})"
            )
        return self

    @model_validator(mode="after")
    def _unique_steps_are_recorded(self):
        if self.unique_steps is not None and self.unique_steps > self.train_steps:
            raise ValueError(
                f"unique_steps ({self.unique_steps}) must be at most train_steps "
                f"({self.train_steps}), of which they are"
            )
        return self

    @property
    def trained_steps(self) -> int:
        """Steps that are trained on, at least."""
        return self.train_steps if self.unique_steps is None else self.unique_steps


class Demonstrations(Recorded):
    """What is recorded of a game of Atari or of an extension."""

    # Before a block of shuffled stacks a chunk is read for its last screens: shorter than a block.
    chunk_steps: Memory = Field(64, description="steps a Zarr chunk (the unit of decompression)")
    lanes: Lanes = Field(8, description="games side by side in one job")


class Rule(Model):
    """A quantity as a power of the size: value * (size / at) ** power."""

    value: Positive = Field(description="the quantity at size `at`")
    at: Annotated[float, Field(ge=1e-6, le=1e12)] = Field(
        16, description="the size at which `value` holds"
    )
    power: Annotated[float, Field(ge=-10, le=10)] = Field(
        0.0, description="exponent; 0: the same for every size"
    )

    def __call__(self, size: float) -> float:
        return self.value * (size / self.at) ** self.power


def _threads(value: object) -> object:
    if value == "auto" or (type(value) is int and 1 <= value <= 4096):
        return value
    raise ValueError(f"a whole number from 1 to 4096, or auto, not {value!r}")


MAX_BATCH = 2**24  # samples of an update
MIN_RATE, MAX_RATE = 1e-12, 100.0


class Training(Model):
    """Behaviour cloning, of whatever policy."""

    batch: Rule = Field(Rule(value=64), description="samples a step, rounded to a power of two")
    rate: Rule = Field(Rule(value=0.002), description="Adam's rate")
    warmup_steps: Annotated[int, Field(ge=0, le=10**9)] = Field(100, description="linear warm-up")
    schedule: Name = Field(
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
    buffer_steps: Memory = Field(16_384, description="samples shuffled together")
    precision: Literal["auto", "float32", "tf32", "bfloat16"] = Field(
        "auto",
        description="auto: bfloat16 where the device is faster at it, else float32; tf32: float32"
        " with the tensor cores of a GPU",
    )
    threads: Annotated[int | Literal["auto"], BeforeValidator(_threads)] = Field(
        1,
        description="CPU threads a run; auto: by its share of the work, so that another machine "
        "gives other last bits",
    )
    checkpoint_seconds: Positive = Field(60.0, description="time between resumable states")

    @field_validator("schedule")
    @classmethod
    def _schedule_is_known(cls, name: str) -> str:
        registry.get("SCHEDULE", name, "train.schedule")
        return name

    def batch_of(self, size: int) -> int:
        """Samples a step at `size`: the rule's value rounded to a power of two."""
        return 2 ** max(0, round(math.log2(self.batch(size))))

    def refuse_sizes(self, sizes: list[int]) -> None:
        """Raise ValueError for a size that cannot be trained with these settings."""
        for size in sizes:
            if self.batch(size) > MAX_BATCH:
                raise ValueError(
                    f"train.batch is {self.batch(size):.3g} at size {size}; at most {MAX_BATCH:,}"
                )
            if not MIN_RATE <= self.rate(size) <= MAX_RATE:
                raise ValueError(
                    f"train.rate is {self.rate(size):.3g} at size {size}; from {MIN_RATE:g} to"
                    f" {MAX_RATE:g} are possible"
                )


class Train(Training):
    """Behaviour cloning from stacks of frames, by Adam."""

    frames: Annotated[int, Field(ge=1, le=256)] = Field(
        4, description="frames that the policy sees"
    )


class TrainSequences(Training):
    """Behaviour cloning from stretches of play, by AdamW; a sample is one frame."""

    context: Annotated[int, Field(ge=1, le=2**16)] = Field(
        32, description="frames of a stretch, and how far back the transformer sees; 2 ** k"
    )
    depth: Several | None = Field(None, description="layers; null: by the family's rule")
    inventory: bool = Field(False, description="show the policy what the player carries")
    clip: Positive = Field(1.0, description="largest norm of the gradient")
    beta2: Annotated[float, Field(gt=0, lt=1)] = Field(0.98, description="AdamW's second beta")
    weight_decay: Annotated[float, Field(ge=0, le=100)] = Field(
        0.01, description="AdamW's, of matrices"
    )

    @model_validator(mode="after")
    def _context_divides_batches(self):
        if self.context & (self.context - 1):
            raise ValueError(f"context ({self.context}) must be a power of two, as batches are")
        return self

    def refuse_sizes(self, sizes: list[int]) -> None:
        super().refuse_sizes(sizes)
        for size in sizes:
            if self.batch_of(size) < self.context:
                raise ValueError(
                    f"train.batch is {self.batch_of(size)} frames at size {size}, less than "
                    f"one stretch of train.context ({self.context})"
                )


MOST = 1000  # sizes, seeds, budgets of a section
MOST_CELLS = 50_000  # of a section; the largest grid that was published has some 400
# What a budget may sum: FLOPs of the policy's updates, of its play, and of other networks.
COUNTS = ("learner", "acting", "discriminator")


class Cells(Model):
    """The cells: sizes x seeds, each measured at every budget on its way."""

    sizes: Annotated[list[Size], Field(min_length=1, max_length=MOST)] = Field(
        description="the family's size dial (cnn: width of the first convolution; "
        "transformer, lstm: width of a layer)"
    )
    seeds: Annotated[list[Seed], Field(min_length=1, max_length=MOST)] = Field(
        [0], description="one run each"
    )
    budgets: Annotated[list[Positive], Field(min_length=1, max_length=MOST)] = Field(
        description="training FLOPs at which a run is measured, rising"
    )
    flops: Literal["exact", "published", "6nd"] = Field(
        "exact", description="FLOP convention of budgets; 6nd: 6 x parameters x samples"
    )
    counts: Annotated[list[Literal[COUNTS]], Field(min_length=1)] = Field(
        list(COUNTS),
        description="FLOPs that a budget sums: of the policy's updates (always), of its play, of "
        "networks beside it",
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
            raise ValueError(f"budgets must rise, each once: {_short(self.budgets)}")
        names = Counter(f"{budget:.6g}" for budget in self.budgets)
        if twice := [name for name, count in names.items() if count > 1]:
            raise ValueError(f"budgets are told apart by six digits: {twice[0]} stands twice")
        if (cells := len(self.sizes) * len(self.seeds) * len(self.budgets)) > MOST_CELLS:
            raise ValueError(
                f"{len(self.sizes):,} sizes x {len(self.seeds):,} seeds x {len(self.budgets):,} "
                f"budgets are {cells:,} cells; at most {MOST_CELLS:,} are possible"
            )
        if "learner" not in self.counts:
            raise ValueError(f"counts must hold learner, or budgets count no update: {self.counts}")
        for name in ("sizes", "seeds", "counts"):
            values = getattr(self, name)
            if len(set(values)) < len(values):
                raise ValueError(f"{name} holds a value twice: {_short(values)}")
        return self


def _short(values: list) -> str:
    text = str(values)
    return text if len(text) < 200 else f"{text[:200]}..."


class Evaluation(Model):
    """How a cell is measured."""

    episodes: EpisodeCount = Field(20, description="full episodes for the return")
    best_episodes: EpisodeCount | None = Field(
        None,
        description="at least so many of the cells whose size has the lowest dev loss at their "
        "budget, all seeds; null: as many as of others",
    )
    lanes: Lanes = Field(8, description="games side by side; no effect on the results")
    seed: Episode = Field(0, description="first episode's number; never one that was recorded")
    temperature: Temperature = Field(
        1.0, description="1 samples the policy, 0 plays its best action"
    )
    random_episodes: EpisodeCount = Field(100, description="episodes of uniformly random play")
    horizons: Annotated[list[Count], Field(max_length=MOST)] = Field(
        [], description="steps after which the return so far is noted, too: docs/relations.md"
    )
    own_states: bool = Field(
        False, description="ask the expert in these episodes: the loss on the policy's own states"
    )

    @model_validator(mode="after")
    def _own_states_as_played(self):
        if self.own_states and self.temperature != 1:
            raise ValueError("own_states measures what the policy plays: temperature must be 1")
        return self

    @property
    def further(self) -> int | None:
        """Episodes of the best cells, where they are more than those of others."""
        more = self.best_episodes
        return more if more is not None and more > self.episodes else None


class Section(Model):
    """A game of the study, or a setting of one: what all domains have in common.

    A domain's own class says how its games are run, who plays them, and what is recorded. The class
    of `train` is that of the policy family; an algorithm's settings stand under its name.
    """

    domain: Name = Field(description="which interface plays it")
    algorithm: Name = Field("cloning", description="how a policy learns from the expert")
    emulator: Model
    expert: Model
    demonstrations: Recorded
    grid: Cells
    train: Training
    evaluation: Evaluation = Field(default_factory=Evaluation, description="measurement")

    @model_validator(mode="after")
    def _sizes_can_be_trained(self):
        self.train.refuse_sizes(self.grid.sizes)
        return self


def _optional(kind: Any, description: str) -> Any:
    """A field whose default is its class's own, if it is one class."""
    default = {"default_factory": kind} if isinstance(kind, type) else {}
    return Field(description=description, **default)


@cache
def _section_class(base: type[Section], train: Any, algorithm: str, options: Any) -> type[Section]:
    fields = {"train": (train, _optional(train, "how a policy is trained"))}
    if options is not None:
        fields[algorithm] = (options, _optional(options, f"settings of {algorithm}"))
    return create_model(base.__name__, __base__=base, __doc__=base.__doc__, **fields)


def _seeing(shown: str, families: Iterable[str]) -> list[str]:
    """Those of the families that see what a domain shows."""
    return [name for name in families if shown in registry.get("FAMILY", name).sees]


def section_class(domain: str, family: str, algorithm: str = "cloning") -> type[Section]:
    """Class of the sections of a domain, whose policies are of a family and learn by an algorithm.

    Raises ExtensionError for an unknown name, ParamsError for a family that does not see what the
    domain shows.
    """
    entry, policies = registry.get("DOMAIN", domain), registry.get("FAMILY", family)
    if entry.shows not in policies.sees:
        fitting = _seeing(entry.shows, registry.names("FAMILY"))
        raise ParamsError(
            f"the family {family!r} does not see what the domain {domain!r} shows ({entry.shows})",
            where="grid.family",
            fix=f"families that do: {', '.join(fitting)}",
        )
    options = registry.get("ALGORITHM", algorithm).settings
    return _section_class(entry.section, policies.settings, algorithm, options)


class Forecast(Model):
    """What `snakemake forecast` trains: the size that the law proposes at a larger budget."""

    factor: Annotated[float, Field(gt=1, le=1e6)] = Field(
        2.0, description="the budget, in multiples of the game's largest"
    )


# No residual of ln L is as large: Huber's loss with this delta is least squares.
LEAST_SQUARES = 1e3


def _finite(delta: Any) -> Any:
    """An infinite delta of Huber's loss as the largest one, for no key holds an infinite number."""
    return LEAST_SQUARES if isinstance(delta, float) and delta == math.inf else delta


class Laws(Model):
    """How laws are fitted."""

    level: Annotated[float, Field(gt=0.5, lt=1)] = Field(0.95, description="of the intervals")
    flops: Literal["realised", "nominal"] = Field(
        "realised", description="compute that is fitted on"
    )
    window: Annotated[float, Field(gt=1, le=1e6)] | None = Field(
        5.0,
        description="cells enter a parabola or a surface up to so many times larger or smaller "
        "than the budget's best size; null: all",
    )
    plateau: Annotated[float, Field(gt=0, le=1e6)] = Field(
        0.95,
        description="budgets whose lowest loss exceeds this share of the action entropy are "
        "before the law's regime and left out of the fits",
    )
    min_updates: Annotated[int, Field(ge=0, le=10**12)] = Field(
        100, description="cells with fewer gradient steps are left out of the fits"
    )
    max_epochs: Positive = Field(
        4.0, description="cells that saw their data more often are left out"
    )
    min_sizes: Count = Field(3, description="budgets with fewer sizes are left out of the fits")
    hold_out: Count = Field(
        1, description="largest budgets that the test of prediction holds out of its fits"
    )
    bootstrap: Annotated[int, Field(ge=0, le=10**6)] = Field(
        1000, description="resamples of the runs behind the bootstrap intervals; 0: none"
    )
    seed: Seed = Field(0, description="of the resampling")
    rho: Annotated[float, Field(gt=0, le=100)] | None = Field(
        None,
        description="exponent of N in C = k N^rho D; null: estimated from the cells",
    )
    huber: Annotated[float, Field(ge=1e-6, le=LEAST_SQUARES), BeforeValidator(_finite)] = Field(
        1e-3,
        description="residual of ln L beyond which Chinchilla's surface counts it by its size, no "
        "longer by its square; .inf: least squares",
    )
    weights: Literal["equal", "standard_error"] = Field(
        "equal",
        description="what a cell counts in a parabola or a surface of the loss: the same, or by "
        "the standard error of its loss",
    )
    forecast: Forecast = Field(default_factory=Forecast, description="the forecast target")


class Devices(Rule):
    """GPUs that a run takes, as a power of its parameters: value * (parameters / at) ** power."""

    value: Annotated[float, Field(gt=0, le=4096)] = Field(
        1.0, description="GPUs of a run of `at` parameters"
    )
    at: Annotated[float, Field(ge=1, le=1e15)] = Field(1e6, description="parameters")
    power: Annotated[float, Field(ge=-10, le=10)] = Field(
        0.0, description="exponent; 0: the same for every run"
    )

    def __call__(self, parameters: float) -> float:
        """A power of two from 1/16 on; below 1 the share of one GPU."""
        return 2.0 ** max(-4, round(math.log2(super().__call__(parameters))))


class Machine(Model):
    """What a run takes of the machine; changes no result beyond rounding and is in no key."""

    gpus: Devices = Field(
        Devices(value=0.25, at=5e6, power=0.35),
        description="GPUs a run, a power of two; below 1: the share of one",
    )


class Params(Model):
    """A whole study."""

    study: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")] = Field(
        "default",
        description="its name: results stand in results/NAME, and studies/NAME.yaml, if there is"
        " one, is laid over these parameters",
    )
    extensions: list[str] = Field([], description="Python files, or folders, that add entries")
    games: Annotated[dict[Name, SerializeAsAny[Section]], Field(min_length=1, max_length=MOST)] = (
        Field(description="the games: Atari by ROM name, others by any name")
    )
    laws: Laws = Field(default_factory=Laws, description="how laws are fitted")
    machine: Machine = Field(default_factory=Machine, description="what a run takes of it")

    @model_validator(mode="after")
    def _cells_can_be_planned(self):
        grids = [section.grid for section in self.games.values()]
        cells = sum(len(g.sizes) * len(g.seeds) * len(g.budgets) for g in grids)
        if cells > 4 * MOST_CELLS:
            raise ValueError(f"{cells:,} cells in all; at most {4 * MOST_CELLS:,} are possible")
        return self


def _any_section(domain: str) -> type[Section]:
    """Class of the sections of a domain with any built-in family that sees it."""
    entry = registry.get("DOMAIN", domain)
    families = _seeing(entry.shows, registry.BUILT_IN["FAMILY"])
    settings = dict.fromkeys(registry.get("FAMILY", name).settings for name in families)
    return _section_class(entry.section, Union[tuple(settings)], "cloning", None)  # noqa: UP007


def schema() -> dict:
    """JSON schema of `params.yaml`, with the built-in domains and families."""
    kinds = tuple(_any_section(name) for name in registry.BUILT_IN["DOMAIN"])
    section = Annotated[Union[kinds], Field(discriminator="domain")]  # noqa: UP007
    games = Annotated[dict[Name, section], Field(min_length=1)]
    whole = create_model(
        "Params", __base__=Params, __doc__=Params.__doc__,
        games=(games, Field(description=Params.model_fields["games"].description)),
    )  # fmt: skip
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **whole.model_json_schema()}


def explain(model: type[Model] = Params, prefix: str = "") -> list[str]:
    """One line a key: its place, type or default, and meaning."""
    lines = []
    for name, field in model.model_fields.items():
        key = f"{prefix}{name}"
        if name == "games" and model is Params:
            for domain in registry.names("DOMAIN"):
                section = _any_section(domain)
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
    """`base` with `change` laid over it, section by section; null removes a key of `games`.

    Raises
    ------
    ParamsError
        For a game to remove that is not there but for a letter or two.
    """
    merged = dict(base)
    _refuse_misspelt(base.get("games"), change.get("games"))
    for key, value in change.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = overlay(merged[key], value)
        else:
            merged[key] = value
    if isinstance(merged.get("games"), dict):
        merged["games"] = {k: v for k, v in merged["games"].items() if v is not None}
    return merged


def _refuse_misspelt(games: object, change: object) -> None:
    """A game that is not there may be removed, for a study may be laid over any parameters; one
    whose name is nearly that of another stays by mistake."""
    if not isinstance(games, dict) or not isinstance(change, dict):
        return
    there = {str(name).partition("__")[0]: name for name in games}
    for name, value in change.items():
        stem = str(name).partition("__")[0]
        if value is None and stem not in there:
            meant = difflib.get_close_matches(stem, there, n=1, cutoff=0.85)
            if meant:
                raise ParamsError(
                    f"no game {name!r} to remove; did you mean {there[meant[0]]!r}?",
                    where=f"games.{name}",
                    fix=f"games: {{ {there[meant[0]]}: null }}",
                )


def layers(path: str | Path, *studies: str | Path, name: str | None = None) -> list[dict]:
    """What is laid over one another: a parameter file, studies/NAME.yaml beside it, the studies.

    Parameters
    ----------
    path
        `params.yaml` of a project.
    studies
        Files of studies. One that is studies/NAME.yaml itself is laid once, where it stands here.
    name
        NAME; without it, the study that the files name.
    """
    _refuse_study(Path(path))
    parts = [read_mapping(file) for file in (path, *studies)]
    name = name or reduce(overlay, parts, {}).get("study", "default")
    named = Path(path).parent / "studies" / f"{name}.yaml"
    if named.is_file() and named.resolve() not in [Path(file).resolve() for file in studies]:
        parts.insert(1, read_mapping(named))
    return parts


def _refuse_study(path: Path) -> None:
    """A study alone would be read with built-in values where it says nothing."""
    whole = path.resolve().parent.parent / "params.yaml"
    if path.resolve().parent.name == "studies" and whole.is_file():
        raise ParamsError(
            "a study, which is laid over a parameter file, is given as one",
            where=str(path),
            fix=f"--study {shlex.quote(str(path))}, without --params",
        )


def laid(parts: Iterable[dict], *, where: str) -> dict:
    """`layers` laid over one another; a game may be `like` one that a layer has removed.

    Such a game starts from the removed one as it last was: a study of one game of another study
    removes the rest, and with them what the one is like.

    Raises
    ------
    ParamsError
        For a game that is like none, or like itself.
    """
    whole: dict = {}
    removed: dict = {}
    for part in parts:
        before = whole.get("games")
        whole = overlay(whole, part)
        left = whole.get("games")
        if isinstance(before, dict) and isinstance(left, dict):
            removed |= {name: game for name, game in before.items() if name not in left}
    games = whole.get("games")
    if removed and isinstance(games, dict):
        whole["games"] = _likes(games, where, removed)
    return whole


def read(path: str | Path, *studies: str | Path) -> Params:
    """Read and check a parameter file, the studies laid over it, and the one that they name."""
    where = " + ".join(str(file) for file in (path, *studies))
    return check(laid(layers(path, *studies), where=where), where=where)


def check(values: dict, *, where: str = "params.yaml") -> Params:
    """Validate a mapping and load the extensions that it names.

    A game with the key `like: NAME` starts from game NAME of the same mapping, and its other keys
    are laid over it: so that a study may compare settings without repeating them.

    Raises
    ------
    ParamsError
        It lists every bad key at once.
    ExtensionError
        For a bad extension.
    """
    files, sections = values.get("extensions") or [], values.get("games")
    if isinstance(files, list) and all(isinstance(file, str) for file in files):
        registry.load(files)
    problems, games = [], sections
    if isinstance(sections, dict):
        checked = {
            name: _checked(name, section, problems)
            for name, section in _likes(sections, where).items()
        }
        games = {name: section for name, section in checked.items() if section is not None}
    try:
        params = Params.model_validate({**values, "games": games})
    except ValidationError as error:
        bad_games = [e for e in error.errors() if e["loc"][:1] == ("games",)]
        others = [e for e in error.errors() if e["loc"][:1] != ("games",)]
        # Games that are gone because they are bad have their own lines.
        shown = others if problems else others + bad_games
        problems += [_explain(problem, Params) for problem in shown]
        params = None
    if problems:
        raise ParamsError(
            "bad parameters:\n" + "\n".join(f"  - {line}" for line in problems),
            where=where,
            fix="ilscaling params --explain lists every key with its type, unit and default",
        )
    return params


def _checked(name: str, values: object, problems: list[str]) -> Section | None:
    """A game's section, typed by its domain, family and algorithm; None if it is bad: `problems`
    then says why."""
    at = f"games.{name}"
    if not isinstance(values, dict):
        problems.append(f"{at}: a mapping of keys is wanted, not {values!r}")
        return None
    known = registry.names("DOMAIN")
    if not isinstance(domain := values.get("domain"), str) or domain not in known:
        given = "" if domain is None else f", not {domain!r}"
        close = difflib.get_close_matches(str(domain), known, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        problems.append(f"{at}.domain: wanted, one of {', '.join(known)}{given}{hint}")
        return None
    entry = registry.get("DOMAIN", domain)
    grid, algorithm = values.get("grid"), values.get("algorithm", "cloning")
    default = _section(entry.section.model_fields["grid"].annotation).model_fields["family"]
    family = grid.get("family", default.get_default()) if isinstance(grid, dict) else None
    if not isinstance(family, str):  # its own line is in what pydantic says of the rest
        family = _seeing(entry.shows, registry.BUILT_IN["FAMILY"])[0]
    try:
        kind = section_class(domain, family, algorithm if isinstance(algorithm, str) else "cloning")
        section = kind.model_validate(values)
        entry.refuse_unknown(section, at)
        _refuse_unfit(entry, section)
    except ValidationError as error:
        for problem in error.errors():
            problems.append(_explain(problem, kind, ("games", name)))
        return None
    except IlscalingError as error:
        if error.where.startswith("params"):
            raise
        raise type(error)(error.what, where=f"params: {at}.{error.where}", fix=error.fix) from None
    return section


def _refuse_unfit(domain: Any, section: Section) -> None:
    """Raise ExpertError or ParamsError for an algorithm, or a measurement, that wants more of the
    expert than it says."""
    algorithm = registry.get("ALGORITHM", section.algorithm)
    if algorithm.asks:
        domain.refuse_silent(section, "algorithm")
    if section.evaluation.own_states:
        domain.refuse_silent(section, "evaluation.own_states")
    if "expert_probs" in algorithm.labels and not domain.says_distribution(section):
        raise ParamsError(
            f"the algorithm {algorithm.name!r} learns the expert's distribution, and this one says "
            "its actions alone",
            where="algorithm",
            fix="algorithm: cloning, or an expert that says its distribution (docs/extending.md)",
        )


def _likes(games: dict, where: str, removed: dict | None = None) -> dict:
    """The games with every `like` resolved, by games and by those that were removed."""
    bases = {**(removed or {}), **games}

    def resolved(name: str, through: tuple[str, ...]) -> object:
        section = bases[name]
        if not isinstance(section, dict) or "like" not in section:
            return section
        base = section["like"]
        if not isinstance(base, str) or base not in bases or base in (*through, name):
            raise ParamsError(
                f"games.{name}.like: {base!r} is "
                + ("like itself" if base in (*through, name) else "no game of the study"),
                where=where,
                fix=f"games are: {', '.join(games)}",
            )
        change = {key: value for key, value in section.items() if key != "like"}
        return overlay(resolved(base, (*through, name)), change)

    return {name: resolved(name, ()) for name in games}


def _explain(problem: dict, model: type[Model], above: tuple[str, ...] = ()) -> str:
    """A line about what pydantic found wrong in `model`, which stands at `above`."""
    location = [part for part in problem["loc"] if part != "[key]"]
    key = ".".join(str(part) for part in (*above, *location))
    if problem["type"] == "extra_forbidden":
        known = _keys_at(model, location[:-1])
        close = difflib.get_close_matches(str(location[-1]), known, n=1, cutoff=0.0)
        return f"{key}: unknown key" + (f"; did you mean {close[0]!r}?" if close else "")
    if problem["type"] in ("float_type", "int_type") and isinstance(problem["input"], str):
        hint = _for_yaml(problem["input"], whole=problem["type"] == "int_type")
        return f"{key}: a number is wanted, {problem['input']!r} is a string{hint}"
    if problem["type"] == "int_type" and isinstance(given := problem["input"], float):
        hint = f": write {given:.0f}" if given.is_integer() and abs(given) < WHOLE else ""
        return f"{key}: a whole number is wanted, not {given!r}{hint}"
    message = problem["msg"].removeprefix("Value error, ")
    given = "" if problem["type"] in ("value_error", "missing") else f", not {problem['input']!r}"
    return f"{key or 'params'}: {message}{given}"


WHOLE = 1e15  # up to here a float says each whole number


def _for_yaml(text: str, *, whole: bool = False) -> str:
    """A hint for a number that YAML 1.1 takes for text: it lacks a dot, or its exponent a sign."""
    parts = re.fullmatch(r"([-+]?\d+)(\.\d*)?[eE]([-+]?)(\d+)", text)
    if parts is None:
        return ""
    if whole and float(text).is_integer() and abs(float(text)) < WHOLE:
        return f": write {float(text):.0f}"
    whole, rest, sign, power = parts.groups()
    return f": write {whole}{rest or '.0'}e{sign or '+'}{power}, for YAML wants a dot and a sign"


def _keys_at(model: type[Model], location: list) -> list[str]:
    """Known keys of the section at `location` in `model`."""
    for part in location:
        field = model.model_fields.get(str(part))
        model = (_section(field.annotation) if field else None) or model
    return list(model.model_fields)
