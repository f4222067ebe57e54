"""Where a file comes from: the chain of keys back to expert, parameters, code and versions.

FILE: anything below results/, study/ or data/, or a picture of a study that was copied elsewhere.
"""

import json
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from ilscaling import files
from ilscaling.errors import WorkflowError
from ilscaling.grid import Run
from ilscaling.pipeline import figure_metadata
from ilscaling.pipeline.keys import RECIPES, Keys, recipe

# Published results have fixed names: which step makes what.
STEPS = {
    "results.csv": "table",
    "laws": "fit",
    "metrics.json": "fit",
    "headline.json": "fit",
    "figures": "figures",
    "report.html": "report",
}
BEFORE = {"report": "figures", "figures": "fit", "fit": "table"}


def made_by(path: Path, keys: Keys) -> tuple[str, str]:
    """Step and key that a file was made under.

    Parameters
    ----------
    path
        Below data/, study/ or results/, or a picture that was copied elsewhere.
    keys
        Of the study, all of which have been computed.

    Raises
    ------
    WorkflowError
        For a file of another origin.
    """
    here = path.resolve()
    for folder in ("data", "study"):
        if here.is_relative_to(root := Path(folder).resolve()):
            parts = here.relative_to(root).parts
            for part in parts[1:]:
                key = part.removesuffix(".json").removesuffix(".safetensors").rsplit("-", 1)[-1]
                if key in RECIPES:
                    return RECIPES[key][0], key
            raise WorkflowError(
                "its key is not one of the study in params.yaml",
                where=str(path),
                fix="git log -- dvc.lock   and check out the commit that made it",
            )
    root = Path("results").resolve()
    parts = here.relative_to(root).parts if here.is_relative_to(root) else ()
    if len(parts) > 1 and parts[1] in STEPS:
        step = STEPS[parts[1]]
        done = root / parts[0] / "keys" / f"{step}.json"
        if done.is_file():
            return step, files.read_json(done)["key"]
        raise WorkflowError(
            "it has no key, so its publication was interrupted", where=str(path),
            fix="snakemake --cores all",
        )  # fmt: skip
    named = figure_metadata.read(path)
    if named is None:
        raise WorkflowError(
            "not a file of a study: it names no key",
            where=str(path),
            fix="give a file below results/ or data/, or a picture of a study",
        )
    return named


def code(key: str) -> str:
    """The code of a step, in a line."""
    step, _, roots = RECIPES[key]
    count = len(recipe.modules(step, roots))
    return f"code {recipe.code(step, roots)[:12]} of {count} modules ({step})"


def _shows(keys: Keys, step: str) -> bool:
    return keys.has_forecast and step in ("figures", "report")


def lines(keys: Keys, step: str, key: str) -> Iterator[str]:
    """The chain of a step of the study, one fact a line.

    Parameters
    ----------
    keys
        Of the study.
    step, key
        As `made_by` gives them.
    """
    if step not in ("table", *BEFORE):
        yield from of_data(keys, step, key)
        return
    while step:
        now = keys.result_key(step, forecast=_shows(keys, step))
        yield f"{step} {now}: {code(now)}"
        if step == "fit":
            yield f"  parameters {json.dumps({'laws': keys.params.laws.model_dump(mode='json')})}"
        step = BEFORE.get(step, "")
    for game in keys.params.games:
        yield from of_game(keys, game)


def of_game(keys: Keys, game: str) -> Iterator[str]:
    """What all runs of a game go back to, one fact a line.

    Parameters
    ----------
    keys
        Of the study.
    game
        Name of the section.
    """
    yield f"game {game}"
    for run in [run for run in keys.runs if run.game == game]:
        yield from (f"  {line}" for line in of_run(keys, run))
    yield from (f"  {line}" for line in of_settings(keys, game))
    yield from (f"  {line}" for line in of_demonstrations(keys, game))
    yield f"  random play {keys.random_key(game)}: {keys.random(game)}"
    if key := keys.best_key(game):
        yield f"  further episodes of the best cells {key}: {keys.best_list(game)}; {code(key)}"


def of_settings(keys: Keys, game: str) -> Iterator[str]:
    """The parameters of a game's runs and their evaluation.

    Parameters
    ----------
    keys
        Of the study.
    game
        Name of the section.
    """
    section = keys.params.games[game]
    for step in ("grid", "train", "evaluation"):
        yield f"parameters {json.dumps({step: getattr(section, step).model_dump(mode='json')})}"


def of_run(keys: Keys, run: Run) -> Iterator[str]:
    """Where a run, its trunk and its evaluation come from, one fact a line.

    Parameters
    ----------
    keys
        Of the study.
    run
        One of its runs.
    """
    evaluation, made = keys.evaluation_key(run), keys.run_key(run)
    yield f"evaluation {evaluation} of {run.name}: {keys.evaluation_dir(run)}; {code(evaluation)}"
    yield f"  run {made}: {keys.run_dir(run)}; {code(made)}"
    if keys.has_trunk(run):
        yield f"  trunk {keys.trunk_key(run)}: {keys.trunk_dir(run)}"
    records = sorted(Path(keys.run_dir(run)).glob("[0-9]*.json"))
    if records:
        yield f"    trained with {json.dumps(files.read_json(records[0]).get('versions', {}))}"


def of_demonstrations(keys: Keys, game: str) -> Iterator[str]:
    """Where a game's demonstrations and its expert come from, one fact a line.

    Parameters
    ----------
    keys
        Of the study.
    game
        Name of the section.
    """
    key, section = keys.demos_key(game), keys.params.games[game]
    yield f"demonstrations {key}: {Path(keys.demos(game)).parent}; {code(key)}"
    store = Path(keys.demos(game)) / "zarr.json"
    if store.exists():
        versions = files.read_json(store)["attributes"].get("versions", {})
        yield f"  made with {json.dumps(versions)}"
    recorded = keys.record_key(game)
    yield f"  recording {recorded}: {code(recorded)}"
    for step in ("emulator", "demonstrations", "expert"):
        values = getattr(section, step).model_dump(mode="json")
        yield f"    parameters {json.dumps({step: values})}"
    expert = keys.domain(game).player(section, keys.expert(game))
    yield f"    expert {keys.expert_key(game)}: {expert}"


def of_data(keys: Keys, step: str, key: str) -> Iterator[str]:
    """The chain of one run, evaluation or store, one fact a line; none for another's key.

    Parameters
    ----------
    keys
        Of the study.
    step, key
        As `made_by` gives them.
    """
    for run in keys.runs:
        if key in (keys.run_key(run), keys.trunk_key(run), keys.evaluation_key(run)):
            yield from of_run(keys, run)
            yield from of_settings(keys, run.game)
            yield from of_demonstrations(keys, run.game)
            return
    for game in keys.params.games:
        if key in (keys.demos_key(game), keys.record_key(game), keys.expert_key(game)):
            yield from of_demonstrations(keys, game)
            return
        if key == keys.random_key(game):
            emulator = keys.params.games[game].emulator.model_dump(mode="json")
            yield f"random play {key}: {keys.random(game)}; {code(key)}"
            yield f"  parameters {json.dumps({'emulator': emulator})}"
            return
        if key == keys.best_key(game):
            yield f"further episodes of the best cells {key}: {keys.best_list(game)}; {code(key)}"
            yield from of_game(keys, game)
            return


def summarise(path: Path, keys: Keys) -> Iterator[str]:
    """A file's origin in a dozen lines: the steps behind it, and a line a game.

    Parameters
    ----------
    path
        The file.
    keys
        Of the study.

    Raises
    ------
    WorkflowError
        For no file, or one of another origin.
    """
    if not path.exists():
        raise WorkflowError("no such file", where=str(path), fix="dvc pull   or   ls results")
    keys.all()
    step, key = made_by(path, keys)
    yield f"{path}: {step} {key}"
    now = keys.result_key(step, forecast=_shows(keys, step)) if step in ("table", *BEFORE) else key
    if now != key:
        yield f"  of other parameters or code: those of this folder give {step} {now}"
        return
    if step in ("table", *BEFORE):
        chain, games = [step], list(keys.params.games)
        while chain[-1] in BEFORE:
            chain.append(BEFORE[chain[-1]])
        before = [f"{s} {keys.result_key(s, forecast=_shows(keys, s))}" for s in chain[1:]]
        if before:
            yield f"  from {', '.join(before)}"
    else:
        games = [game for game in keys.params.games if key in _keys_of(keys, game)]
    for game in games:
        section = keys.params.games[game]
        runs = [run for run in keys.runs if run.game == game]
        yield (
            f"  {game}: {len(runs)} runs of {section.grid.family}, on demonstrations "
            f"{keys.demos_key(game)} by "
            f"{keys.domain(game).player(section, keys.expert(game))}"
        )
    yield "  all of it, with parameters and code: without --short"


def _keys_of(keys: Keys, game: str) -> set[str]:
    """Keys of all that is made of a game before the results."""
    own = {keys.demos_key(game), keys.record_key(game), keys.expert_key(game)}
    own |= {keys.random_key(game), keys.best_key(game)}
    for run in [run for run in keys.runs if run.game == game]:
        own |= {keys.run_key(run), keys.trunk_key(run), keys.evaluation_key(run)}
    return own


def explain(path: Path, keys: Keys) -> Iterator[str]:
    """Everything that is known of a file's origin.

    Parameters
    ----------
    path
        The file.
    keys
        Of the study.

    Raises
    ------
    WorkflowError
        For no file, or one of another origin.
    """
    if not path.exists():
        raise WorkflowError("no such file", where=str(path), fix="dvc pull   or   ls results")
    keys.all()
    step, key = made_by(path, keys)
    yield f"{path}"
    if path.is_file():
        yield f"  SHA-256 {files.sha256(path)}"
    yield f"  made under {step} {key}"
    now = keys.result_key(step, forecast=_shows(keys, step)) if step in ("table", *BEFORE) else key
    if now != key:
        yield f"  of other parameters or code: those of this folder give {step} {now}, not shown"
        yield "  try:   git log -- dvc.lock   and check out the commit that recorded it"
        return
    yield from lines(keys, step, key)
    tools = ("ilscaling", "torch", "zarr", "scipy", "statsmodels", "matplotlib", "snakemake", "dvc")
    versions = ", ".join(f"{name} {version(name)}" for name in tools)
    yield f"versions here: Python {sys.version.split()[0]}, {versions}"
