"""Each step's key covers what its jobs were seen to import and to read in a traced study."""

import ast
import copy
import sys
from fnmatch import fnmatch

import yaml
from test_keys import ROOT

from ilscaling import params
from ilscaling.errors import ExpertError
from ilscaling.pipeline import code_digest, keys
from ilscaling.pipeline.keys import recipe

# Which modules make which step, per game of the study.
RESULTS = {
    "collect_table": "table",
    "fit_laws": "fit",
    "plot_figures": "figures",
    "write_report": "report",
}
# The command line loads all verbs; what a step calls is its own one, and in its closure.
OUR_OWN = {"ilscaling.__main__", "ilscaling.cli.main"}
# Modules that decide what is in the names of outputs instead of what is in the outputs.
BY_VALUE = {
    # Which cells there are and their budgets: the list of a run's cells is named by them.
    "train": {
        "ilscaling.grid",
        "ilscaling.games",
        "ilscaling.games.base",
        "ilscaling.show.titles",
        # Which settings a schedule reads, of which those of the run's own enter its key.
        *(f"ilscaling.schedules.{name}" for name in ("constant", "cosine", "wsd")),
    },
    # Titles ask families for their labels, which the key of the fit holds.
    **{
        step: {f"ilscaling.policies.{name}" for name in ("cnn", "lstm", "mission", "transformer")}
        for step in ("fit", "figures", "report")
    },
}
# (step, class, field) that a step reads and its key need not know, and why.
CELLS = "decides which cells there are; the list of a run's cells, the table's key name them"
APART = {
    **{("train", "*Grid", field): CELLS for field in ("budgets", "min_updates", "max_epochs")},
    **{("train", "*Grid", field): CELLS for field in ("sizes", "seeds")},
    **{("table", "*Grid", field): CELLS for field in ("min_updates", "max_epochs")},
    **{
        (step, "*Grid", "counts"): "an algorithm that pays for updates alone has no other FLOPs"
        for step in ("train", "evaluate", "table")
    },
    ("record", "Expert", "min_return"): "refuses a poor expert, and changes no recording",
    ("train", "Train*", "checkpoint_seconds"): "when a state is saved, which changes no result",
    ("evaluate", "Evaluation", "lanes"): "games side by side: results are the same (tested)",
    ("evaluate-best", "Evaluation", "lanes"): "games side by side: results are the same (tested)",
    ("random", "Evaluation", "lanes"): "games side by side: results are the same (tested)",
    ("fit", "Forecast", "factor"): "carried along with the laws; the key of the proposal holds it",
    ("*", "*", "domain"): "decides which code runs, which the key holds",
}


def steps(study) -> list[tuple[str, str, dict]]:
    """Step, game (none for results) and trace of every job."""
    found = []
    for trace in study.traces:
        words = trace["argv"]
        module = words[words.index("-m") + 1] if "-m" in words else ""
        if module == "ilscaling":
            game = words[words.index("--game") + 1] if "--game" in words else ""
            found.append((words[words.index("-m") + 2], game, trace))
        elif (name := module.rpartition(".")[2]) in RESULTS:
            found.append((RESULTS[name], "", trace))
    return found


def of(known: keys.Keys, step: str, game: str) -> str:
    """A key of the step."""
    runs = [run for run in known.runs if run.game == game]
    return {
        "record": known.record_key, "shard": known.demos_key, "ingest": known.demos_key,
        "train": lambda _: known.run_key(runs[0]),
        "evaluate": lambda _: known.evaluation_key(runs[0]),
        "random": known.random_key,
        "evaluate-best": known.best_key,
    }.get(step, lambda _: known.result_key(step))(game)  # fmt: skip


def test_every_step_was_traced(study):
    seen = {(step, game) for step, game, _ in steps(study)}
    both = {(step, game) for step in ("record", "train", "evaluate", "random")
            for game in ("breakout", "nethack")}  # fmt: skip
    results = {(step, "") for step in ("table", "fit", "figures", "report")}
    one = {("shard", "breakout"), ("ingest", "nethack"), ("evaluate-best", "breakout")}
    assert seen == both | one | results


def only_imports(module: str) -> bool:
    """Whether a package's own file does nothing but name what it holds."""
    body = ast.parse(code_digest.path_of(module).read_text()).body
    names = [n for n in body if isinstance(n, ast.Assign) and n.targets[0].id == "__all__"]
    plain = [n for n in body if isinstance(n, ast.Import | ast.ImportFrom | ast.Expr)]
    return len(names) + len(plain) == len(body)


def modules_that_reading_loads(study) -> set[str]:
    """Our modules in a process that has read the parameters and done nothing else."""
    code = (
        "import sys; from ilscaling import params; params.read('params.yaml');"
        "print(*(name for name in sys.modules if name.split('.')[0] == 'ilscaling'))"
    )
    return set(study.run(sys.executable, "-c", code, PYTHONPATH="src").stdout.split())


def test_keys_cover_the_modules_that_jobs_import(study):
    known = keys.Keys(params.read(study.path / "params.yaml"), ROOT)
    known.all()
    read, gaps = modules_that_reading_loads(study), {}
    for step, game, trace in steps(study):
        made, _, roots = keys.RECIPES[of(known, step, game)]
        covered = set(recipe.modules(made, roots)) | code_digest.EXEMPT | OUR_OWN
        covered |= {name for name in trace["modules"] if name.startswith("ilscaling.cli.")}
        covered |= BY_VALUE.get(step, set())
        # Reading the parameters loads entries and extensions, whatever a step uses of them; what it
        # uses of extensions: test_extensions.
        covered |= read | set(code_digest.closure(*known.params.extensions))
        if step == "train":
            covered |= set(code_digest.closure(*known.game_code(game)))
        # Python loads the packages that hold a module; what only they bring in is not used.
        modules = [root for root in roots if not root.endswith(".py")]  # and extensions' files
        packages = {root.rsplit(".", 1)[0] for root in modules} - covered
        assert all(only_imports(package) for package in packages)
        covered |= set(code_digest.closure(*packages)) if packages else set()
        for module in set(trace["modules"]) - covered:
            gaps.setdefault(module, set()).add(step)
    assert not gaps, "in no key: add them to keys.ROOTS"


def other(value: object, field: str) -> object:
    """Another valid value of a parameter."""
    known = {
        "chunk_steps": 32, "shard_steps": 1024, "context": 4, "role": "val-hum-neu-fem",
        "recordings": {"path": "elsewhere"}, "file": None,
        "counts": ["learner", "acting"], "weights": "standard_error",
        "family": None, "method": "grid", "depth": 3, "rho": 0.5, "schedule": "cosine",
        "unique_steps": 900, "best_episodes": 7,
        "precision": "bfloat16" if value == "float32" else "float32",
        "flops": "nominal" if value == "realised" else "published",
    }  # fmt: skip
    if field in known:
        return known[field]
    if field in ("value", "at", "power"):
        return {"value": 4 * value, "at": value // 4 or 2, "power": value / 2}[field]
    if isinstance(value, list):
        return [2 * value[-1]] if field == "budgets" else [*value, 9]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    return value * 0.75 if value else 0.25


def leaves(values: dict, *above: str) -> list[tuple[str, ...]]:
    found = []
    for name, value in values.items():
        inside = isinstance(value, dict)
        found += leaves(value, *above, name) if inside else [(*above, name)]
    return found


def classes(study_params: params.Params) -> dict[tuple[str, ...], str]:
    """Class that holds each parameter of a study."""
    found = {}
    for leaf in leaves(study_params.model_dump(mode="json")):
        owner = study_params
        for name in leaf[:-1]:
            owner = owner[name] if isinstance(owner, dict) else getattr(owner, name)
        found[leaf] = type(owner).__name__
    return found


def test_keys_cover_the_parameters_that_jobs_read(study):
    assert covered_parameters(study) > 100


# Names of code: which other name would be valid, only a test of its own knows (test_keys,
# test_extensions).
# Parameters that only a section with an expert of an extension may have: test_domains.
OF_BROUGHT = {("NetHackExpert", name) for name in ("file", "temperature", "noise")}
NAMES = ("family", "game", "name", "extensions", "algorithm", "study")


def covered_parameters(study) -> int:
    """Pairs of step and parameter that were seen, none of which the step's key misses."""
    values = yaml.safe_load((study.path / "params.yaml").read_text())
    for game in values["games"].values():
        game["grid"]["min_updates"] = 1  # so that no change leaves a budget without a cell
        for rule in ("batch", "rate"):
            game["train"][rule]["power"] = 1.0  # so that each part of the rule matters
    base = params.check(values)
    before = keys.Keys(base, ROOT)
    wanted = {}  # (step, game) -> parameters, as (class, field)
    for step, game, trace in steps(study):
        wanted.setdefault((step, game), set()).update(map(tuple, trace["read"]))
    missed, seen, problems = [], 0, []
    for leaf, owner in classes(base).items():
        game = leaf[1] if leaf[0] == "games" else ""
        reading = [
            (step, of_game) for (step, of_game), read in wanted.items()
            if (owner, leaf[-1]) in read and of_game in ("", game)
            and not any(
                all(fnmatch(n, p) for p, n in zip(apart, (step, owner, leaf[-1]), strict=True))
                for apart in APART
            )
        ]  # fmt: skip
        if not reading or leaf[-1] in NAMES or (owner, leaf[-1]) in OF_BROUGHT:
            continue
        values = copy.deepcopy(base.model_dump(mode="json"))
        section = values
        for name in leaf[:-1]:
            section = section[name]
        # A file of which an expert knows is any file.
        given = section[leaf[-1]]
        section[leaf[-1]] = (
            "LICENSE"
            if (owner, leaf[-1]) == ("GymnasiumExpert", "file")
            else other(given, leaf[-1])
        )
        try:
            after = keys.Keys(params.check(values), ROOT)
        except ExpertError:
            continue  # what the study's expert cannot do
        except params.ParamsError as error:
            problems.append(f"{'.'.join(leaf)}: {error}")
            continue
        for step, of_game in reading:
            seen += 1
            if of(before, step, of_game) == of(after, step, of_game):
                missed.append((step, of_game, ".".join(leaf)))
    assert not problems, f"give `other` valid values: {problems}"
    assert not missed, f"read, and in no key: {missed}"
    return seen
