"""Typed parameters of a study: defaults, bounds, units, and one clear error per bad key.

`params.yaml` is the only configuration. Here stand its types; the comments a user reads stand in
the file itself. Every number is a number: a string such as '1e-3' (which YAML does not read as a
float) is refused, and so is an unknown key, with the nearest known one.
"""

import difflib
import math
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ilscaling.errors import ParamsError

Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
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
    ppo: PPO = Field(default_factory=PPO, description="how an expert is trained if file is null")


class Demonstrations(Model):
    """What is recorded."""

    train_steps: Count = Field(500_000, description="steps to train on, at least")
    dev_steps: Count = Field(20_000, description="steps of held-out episodes for the dev loss")
    test_steps: Count = Field(20_000, description="steps of held-out episodes nobody selects by")
    jobs: Count = Field(4, description="parallel recording jobs over disjoint seeds")
    lanes: Count = Field(8, description="games side by side in one job")
    seed: Seed = Field(0, description="first episode seed")
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


class Rule(Model):
    """A quantity as a power of the size: value * (size / at) ** power."""

    value: Positive = Field(description="the quantity at size `at`")
    at: Positive = Field(16, description="the size at which `value` holds")
    power: float = Field(0.0, description="exponent; 0: the same for every size")

    def __call__(self, size: float) -> float:
        return self.value * (size / self.at) ** self.power


class Train(Model):
    """Behaviour cloning: Adam, constant rate after a warm-up."""

    batch: Rule = Field(Rule(value=64), description="samples a step, rounded to a power of two")
    rate: Rule = Field(Rule(value=0.002), description="Adam's rate")
    warmup_steps: Annotated[int, Field(ge=0)] = Field(100, description="linear warm-up")
    frames: Count = Field(4, description="frames that the policy sees")
    ema: Fraction = Field(
        0.0,
        description="averaged weights: horizon as a share of the steps so far; 0: off",
    )
    buffer_steps: Count = Field(16_384, description="samples shuffled together")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="auto: bfloat16 where the device is faster at it"
    )
    threads: Count = Field(1, description="CPU threads a run")
    checkpoint_seconds: Positive = Field(60.0, description="time between resumable states")

    def batch_of(self, size: int) -> int:
        """Samples a step at `size`: the rule's value rounded to a power of two."""
        return 2 ** max(0, round(math.log2(self.batch(size))))


class Grid(Model):
    """The cells: sizes x seeds, each measured at every budget on its way."""

    family: Literal["cnn"] = Field("cnn", description="policy family")
    sizes: Annotated[list[Count], Field(min_length=1)] = Field(
        description="the family's size dial (cnn: width of the first convolution)"
    )
    seeds: Annotated[list[Seed], Field(min_length=1)] = Field([0], description="one run each")
    budgets: Annotated[list[Positive], Field(min_length=1)] = Field(
        description="training FLOPs at which a run is measured, rising"
    )
    flops: Literal["exact", "published"] = Field("exact", description="FLOP convention of budgets")
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


class Evaluation(Model):
    """How a cell is measured."""

    episodes: Count = Field(20, description="full episodes for the return")
    lanes: Count = Field(8, description="games side by side; no effect on the results")
    seed: Seed = Field(1_000_000, description="first episode seed; apart from the recording's")
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


class Params(Model):
    """A whole study."""

    games: Annotated[dict[Name, Atari], Field(min_length=1)] = Field(
        description="the games by ROM name"
    )
    laws: Laws = Field(default_factory=Laws, description="how laws are fitted")


def schema() -> dict:
    """JSON schema of `params.yaml`, which Snakemake validates with."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Params.model_json_schema()}


def explain(model: type[Model] = Params, prefix: str = "") -> list[str]:
    """One line a key: its place, type or default, and meaning."""
    lines = []
    for name, field in model.model_fields.items():
        key = f"{prefix}{name}"
        kind = field.annotation
        inner = kind
        if name == "games":
            key, inner = "games.<name>", Atari
        if isinstance(inner, type) and issubclass(inner, Model) and inner is not Rule:
            lines.append(f"{key}: {field.description}")
            lines += explain(inner, f"{key}.")
            continue
        default = "required" if field.is_required() else f"default {field.get_default()}"
        lines.append(f"{key}: {field.description} ({default})")
    return lines


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
    """Validate a mapping; raises ParamsError that lists every bad key at once."""
    try:
        return Params.model_validate(values)
    except ValidationError as error:
        problems = [_explain(problem) for problem in error.errors()]
        raise ParamsError(
            "bad parameters:\n" + "\n".join(f"  - {line}" for line in problems),
            where=where,
            fix="ilscaling params --explain lists every key with its type, unit and default",
        ) from None


def _explain(problem: dict) -> str:
    location = [part for part in problem["loc"] if part != "[key]"]
    key = ".".join(str(part) for part in location)
    if problem["type"] == "extra_forbidden":
        known = _keys_at(location[:-1])
        close = difflib.get_close_matches(str(location[-1]), known, n=1, cutoff=0.0)
        return f"{key}: unknown key" + (f"; did you mean {close[0]!r}?" if close else "")
    if problem["type"] in ("float_type", "int_type") and isinstance(problem["input"], str):
        hint = " (YAML reads 1e-3 as text: write 0.001 or 1.0e-3)"
        return f"{key}: a number is wanted, {problem['input']!r} is a string{hint}"
    message = problem["msg"].removeprefix("Value error, ")
    given = "" if problem["type"] in ("value_error", "missing") else f", not {problem['input']!r}"
    return f"{key or 'params'}: {message}{given}"


def _keys_at(location: list) -> list[str]:
    """Known keys of the section at `location`."""
    model: type[Model] = Params
    for part in location:
        if model is Params and part == "games":
            continue
        field = model.model_fields.get(str(part))
        if field is None:
            model = Atari if model is Params else model
        elif isinstance(field.annotation, type) and issubclass(field.annotation, Model):
            model = field.annotation
    return list(model.model_fields)
