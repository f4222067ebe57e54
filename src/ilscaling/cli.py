"""`ilscaling VERB`: every step of the study by hand, on explicit files."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
import yaml

from ilscaling import files, params
from ilscaling.errors import IlscalingError, ParamsError, WorkflowError

app = typer.Typer(
    help="Scaling laws of imitation learning in games: every step of the study by hand.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ParamsFile = Annotated[Path, typer.Option("--params", help="Parameter file.")]
Study = Annotated[
    list[Path] | None, typer.Option("--study", help="Overlay(s) of the parameter file.")
]
GameName = Annotated[str, typer.Option("--game", help="Game of the parameter file.")]
Demos = Annotated[Path, typer.Option("--demos", help="Demonstrations (demos.zarr).")]
Threads = Annotated[int, typer.Option(help="CPU threads.", min=1)]
TrainThreads = Annotated[
    int | None, typer.Option(help="CPU threads if train.threads is auto; all cores.", min=1)
]
PARAMS = Path("params.yaml")


def section(path: Path, game: str, *kinds: type[params.Model]) -> params.Game:
    """The game's section of a parameter file; raises ParamsError if it is of another kind."""
    study = params.read(path)
    if game not in study.games:
        raise ParamsError(
            f"no game {game!r} in the study",
            where=f"{path}: games",
            fix=f"--game {next(iter(study.games))}",
        )
    found = study.games[game]
    if kinds and not isinstance(found, kinds):
        wanted = " or ".join(kind.__name__ for kind in kinds)
        fitting = [name for name, other in study.games.items() if isinstance(other, kinds)]
        raise ParamsError(
            f"this step is for games of {wanted}, {game!r} is of {type(found).__name__}",
            where=f"{path}: games.{game}.domain",
            fix=f"--game {fitting[0]}" if fitting else f"add a game of {wanted}",
        )
    return found


@app.command("params")
def show_params(
    path: ParamsFile = PARAMS,
    study: Study = None,
    explain: Annotated[bool, typer.Option(help="List every key with type and default.")] = False,
    schema: Annotated[bool, typer.Option(help="Print the JSON schema.")] = False,
) -> None:
    """Check the parameters and print them as they are, studies laid over."""
    if schema:
        print(json.dumps(params.schema(), indent=2))
    elif explain:
        print("\n".join(params.explain()))
    else:
        values = params.read(path, *(study or [])).model_dump(mode="json")
        print(yaml.safe_dump(values, sort_keys=False), end="")


@app.command()
def plan(
    path: ParamsFile = PARAMS,
    study: Study = None,
    csv: Annotated[Path | None, typer.Option(help="Also write the cells to this file.")] = None,
    cells: Annotated[bool, typer.Option("--cells", help="Also list every cell.")] = False,
    calibrate: Annotated[
        bool, typer.Option("--calibrate", help="Measure this machine first, unless it was.")
    ] = False,
    device: Annotated[
        str | None, typer.Option(help="Estimate for this GPU, such as a100, from its peak.")
    ] = None,
    gpus: Annotated[int, typer.Option(help="GPUs at once.", min=1)] = 1,
    mfu: Annotated[
        float | None, typer.Option(help="Share of the peak that is reached.", min=1e-4, max=1.0)
    ] = None,
    cores: Annotated[int | None, typer.Option(help="Jobs at once; default: all.", min=1)] = None,
) -> None:
    """Print what the study costs before anything runs: cells, FLOPs, epochs, time, disk, memory."""
    import os

    import pandas as pd

    from ilscaling import calibration
    from ilscaling import plan as planning
    from ilscaling.plan import devices, speed, text

    study_params = params.read(path, *(study or []))
    named = devices.device(device) if device else None
    planned = planning.cells(study_params)
    table = pd.DataFrame(planning.table(planned))
    if csv:
        with files.atomic(csv) as temporary:
            table.to_csv(temporary, index=False)
    if cells:
        shown = table.drop(columns=["family", "rate"])
        print(shown.to_string(index=False, float_format="%.4g"), end="\n\n")
    here = calibration.here(study_params, calibrate=calibrate)
    fast = here if named is None else speed.estimate(named, here, mfu or speed.MFU)
    machine = text.Machine(cores or os.cpu_count() or 1, gpus if named else 0, fast)
    print(text.show(text.make(study_params, planned, machine)))


@app.command()
def calibrate(
    path: ParamsFile = PARAMS,
    study: Study = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Measure how fast this machine plays, records and trains (half a minute), for the plan."""
    from ilscaling import calibration

    print(calibration.measure(params.read(path, *(study or [])), device=device))


@app.command("train-expert")
def train_expert(
    game: GameName,
    out: Annotated[Path, typer.Option(help="The policy to write (.safetensors).")],
    work: Annotated[Path, typer.Option(help="Checkpoints and TensorBoard log; resumed from.")],
    path: ParamsFile = PARAMS,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    threads: Threads = 1,
) -> None:
    """Train an Atari expert by PPO (Stable-Baselines3) and export its policy."""
    from ilscaling import games
    from ilscaling.experts import ppo
    from ilscaling.training import precision

    settings = section(path, game, params.Atari)
    where = precision.device(device)
    ppo.train(
        games.name(game, settings),
        settings.emulator,
        settings.expert.ppo,
        out,
        work,
        device=where,
        bfloat16=precision.fast(where),
        threads=threads,
    )
    print(out)


@app.command("import-expert")
def import_expert(
    game: GameName,
    file: Annotated[Path, typer.Argument(help="A Stable-Baselines3 .zip; no pickle is trusted.")],
    out: Annotated[Path, typer.Option(help="The policy to write (.safetensors).")],
) -> None:
    """Make an expert of a Stable-Baselines3 checkpoint (CnnPolicy, stack of 4)."""
    from ilscaling.experts.importing import import_sb3

    import_sb3(file, out, game)
    print(out)


@app.command("measure-expert")
def measure_expert(
    expert: Annotated[Path, typer.Argument(help="Expert file (.safetensors).")],
    game: GameName,
    path: ParamsFile = PARAMS,
    episodes: Annotated[int, typer.Option(min=2)] = 100,
    threads: Threads = 1,
) -> None:
    """Play full episodes with an expert and write its return into the record beside it."""
    from ilscaling.experts.measure import measure

    settings = section(path, game, params.Atari)
    measured = measure(
        expert,
        settings.emulator,
        episodes=episodes,
        temperature=settings.expert.temperature,
        threads=threads,
    )
    print(f"return {measured['return_mean']:.2f} +- {measured['return_se']:.2f} (standard error)")


@app.command("measure-bot")
def measure_bot(
    game: GameName = "nethack",
    path: ParamsFile = PARAMS,
    episodes: Annotated[int, typer.Option(help="Whole games.", min=2)] = 200,
    seed: Annotated[int, typer.Option(help="First game's seed.", min=0)] = 2_000_000,
    processes: Annotated[int, typer.Option(help="Games are played in parallel.", min=1)] = 1,
    out: Annotated[Path | None, typer.Option(help="Also write every game to this file.")] = None,
) -> None:
    """Play whole games with the built-in NetHack bot and print what it scores."""
    from ilscaling.experts.bot.play import measure

    settings = section(path, game, params.NetHack)
    found = measure(settings.emulator, range(seed, seed + episodes), processes=processes)
    if out:
        files.write_json(out, found)
    print(
        f"score {found['return_mean']:,.0f} +- {found['return_se']:,.0f} (standard error),"
        f" median {found['return_median']:,.0f}, dungeon level {found['depth_mean']:.1f} on average"
        f" and {found['depth_max']:.0f} at most, {found['length_mean']:,.0f} keys a game,"
        f" {found['truncated']} games cut, {found['steps_per_second']:,.0f} keys a CPU second"
    )


@app.command()
def record(
    game: GameName,
    job: Annotated[int, typer.Option(help="Which of the recording jobs.", min=0)],
    out: Annotated[Path, typer.Option(help="The part (.zip). NetHack: the folder.")],
    expert: Annotated[Path | None, typer.Option(help="Atari: expert (.safetensors).")] = None,
    path: ParamsFile = PARAMS,
    threads: Threads = 1,
) -> None:
    """Record one part of the demonstrations: whole episodes over seeds of its own.

    Atari: a trained expert plays. NetHack: the built-in bot plays and NetHack records it, in the
    layout of NLD, for 'ilscaling ingest'. A game of an extension: the extension's expert plays.
    """
    from ilscaling.demonstrations.jobs import job as share

    settings = section(path, game)
    wanted = settings.demonstrations
    if job >= wanted.jobs:
        raise ParamsError(
            f"there is no job {job} of {wanted.jobs}",
            where=f"{path}: games.{game}.demonstrations.jobs",
            fix=f"--job {wanted.jobs - 1}",
        )
    seeds, steps = share(wanted, settings.emulator, job)
    if isinstance(settings, params.NetHack):
        from ilscaling.demonstrations.recording import record_games

        record_games(settings.emulator, seeds=seeds, steps=steps, out=out)
        return
    if isinstance(settings, params.Gymnasium):
        from ilscaling.demonstrations import gymnasium

        gymnasium.record(
            settings.expert,
            settings.game,
            settings.emulator,
            seeds=seeds,
            lanes=wanted.lanes,
            steps=steps,
            out=out,
        )
        return
    if expert is None:
        raise ParamsError("an Atari expert is wanted", where="--expert", fix="--expert FILE")
    from ilscaling import games
    from ilscaling.demonstrations import record as atari

    atari.record(
        expert,
        games.name(game, settings),
        settings.emulator,
        temperature=settings.expert.temperature,
        min_return=settings.expert.min_return,
        seeds=seeds,
        lanes=wanted.lanes,
        steps=steps,
        out=out,
        threads=threads,
    )


@app.command()
def ingest(
    nld: Annotated[Path, typer.Option(help="Folder of recorded games in the layout of NLD.")],
    out: Annotated[Path, typer.Option(help="The store to write (demos.zarr).")],
    game: GameName = "nethack",
    path: ParamsFile = PARAMS,
    processes: Annotated[int, typer.Option(help="Games are read in parallel.", min=1)] = 1,
    stamp: Annotated[Path | None, typer.Option(help="Also write a summary to this file.")] = None,
) -> None:
    """Make demonstrations of recorded NetHack games, the bot's, NLD-AA or anybody's.

    Beside the store stands ingest.json: every game, kept or left out and why.
    """
    from ilscaling.demonstrations import ingest as reading

    settings = section(path, game, params.NetHack)
    summary = reading.ingest(
        nld,
        out,
        settings=settings.demonstrations,
        recordings=settings.expert.recordings,
        processes=processes,
    )
    if stamp:
        files.write_json(stamp, summary)


@app.command()
def shard(
    game: GameName,
    parts: Annotated[list[Path], typer.Argument(help="Parts by 'ilscaling record'.")],
    out: Annotated[Path, typer.Option(help="The store to write (demos.zarr).")],
    path: ParamsFile = PARAMS,
    stamp: Annotated[Path | None, typer.Option(help="Also write a summary to this file.")] = None,
) -> None:
    """Assemble parts into sharded Zarr demonstrations, split by whole episodes."""
    from ilscaling.demonstrations import shard as assembling

    settings = section(path, game, params.Atari, params.Gymnasium).demonstrations
    attrs = assembling.shard(parts, out, settings=settings)
    if stamp:
        files.write_json(stamp, attrs)


@app.command()
def verify(demos: Annotated[Path, typer.Argument(help="Demonstrations (demos.zarr).")]) -> None:
    """Check every shard of a store against its recorded SHA-256."""
    from ilscaling import store

    store.verify(demos)
    print(f"{demos}: every shard is as it was written")


def _cells_of(path: Path, game: str, size: int, seed: int) -> tuple:
    """Settings of a game, and the declared cells of a run in its grid."""
    from ilscaling import plan as planning
    from ilscaling.cells import Run

    study = params.read(path)
    settings = section(path, game)
    run = Run(game, settings.grid.family, size, seed)
    only = study.model_copy(update={"games": {game: settings}})
    cells = planning.by_run(planning.cells(only)).get(run)
    if not cells:
        raise ParamsError(
            f"{run.name} has no cell in the grid of {game}",
            where=f"{path}: games.{game}.grid",
            fix="ilscaling plan",
        )
    return settings, cells


@app.command()
def train(
    game: GameName,
    size: Annotated[int, typer.Option(help="The family's size dial.", min=1)],
    demos: Demos,
    out: Annotated[Path, typer.Option(help="List of the run's cells; snapshots beside it.")],
    seed: Annotated[int, typer.Option(help="Of weights and sample order.", min=0)] = 0,
    budget: Annotated[
        list[str] | None, typer.Option(help="Of these budgets alone (of a rate that falls).")
    ] = None,
    trunk: Annotated[
        Path | None, typer.Option(help="Folder by 'ilscaling trunk'; default: beside the list.")
    ] = None,
    path: ParamsFile = PARAMS,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    threads: TrainThreads = None,
) -> None:
    """Behaviour cloning of one run, with a snapshot at every budget; resumes after a kill.

    On several devices: torchrun --standalone --nproc-per-node 2 -m ilscaling train ...
    """
    from ilscaling import store, training
    from ilscaling.cells import budget_name
    from ilscaling.training import precision, ranks

    settings, cells = _cells_of(path, game, size, seed)
    known = {budget_name(cell.budget): cell.budget for cell in cells}
    if unknown := set(budget or known) - set(known):
        raise ParamsError(
            f"no cell of the run at {', '.join(sorted(unknown))}",
            where="--budget",
            fix=f"its budgets are: {', '.join(known)}",
        )
    with ranks.join(precision.device(device)) as team:
        records = training.run(
            store.open_split(demos, "train"),
            settings.train,
            family=settings.grid.family,
            size=size,
            seed=seed,
            budgets=[value for name, value in known.items() if name in (budget or known)],
            out=out.parent,
            convention=settings.grid.flops,
            device=device,
            threads=threads,
            team=team,
            **({} if trunk is None else {"trunk": trunk}),
        )
    if not team.first:
        return
    names = [f"{budget_name(record['budget'])}.json" for record in records]
    files.write_json(out, {name: files.sha256(out.parent / name) for name in names})


@app.command()
def trunk(
    game: GameName,
    size: Annotated[int, typer.Option(help="The family's size dial.", min=1)],
    demos: Demos,
    out: Annotated[Path, typer.Option(help="List of the states; they stand beside it.")],
    seed: Annotated[int, typer.Option(help="Of weights and sample order.", min=0)] = 0,
    path: ParamsFile = PARAMS,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    threads: TrainThreads = None,
) -> None:
    """What the cells of a run share, with a state wherever one branches off (schedule wsd)."""
    from ilscaling import store, training
    from ilscaling.training import precision, ranks

    settings, cells = _cells_of(path, game, size, seed)
    with ranks.join(precision.device(device)) as team:
        left = training.run_trunk(
            store.open_split(demos, "train"),
            settings.train,
            family=settings.grid.family,
            size=size,
            seed=seed,
            budgets=[cell.budget for cell in cells],
            out=out.parent,
            convention=settings.grid.flops,
            device=device,
            threads=threads,
            team=team,
        )
    if team.first:
        files.write_json(out, left)


@app.command()
def evaluate(
    game: GameName,
    run: Annotated[Path, typer.Option(help="List of a run's cells, by 'ilscaling train'.")],
    demos: Demos,
    out: Annotated[Path, typer.Option(help="List of the measured cells; records beside it.")],
    path: ParamsFile = PARAMS,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    threads: Threads = 1,
) -> None:
    """Measure dev loss and return of every cell of a run."""
    from ilscaling import evaluation
    from ilscaling.training import precision

    settings = section(path, game)
    names = list(files.read_json(run))
    made, where = files.read_json(run.parent / names[0]), precision.device(device)
    evaluation.evaluate_run(
        [run.parent / name for name in names],
        demos,
        settings.evaluation,
        settings.emulator,
        out.parent,
        precision=precision.resolve(settings.train.precision, where, made["family"], made["size"]),
        device=where,
        threads=threads,
    )
    files.write_json(out, {name: files.sha256(out.parent / name) for name in names})


@app.command("random")
def random_play(
    game: GameName,
    out: Annotated[Path, typer.Option(help="JSON to write.")],
    path: ParamsFile = PARAMS,
    threads: Threads = 1,
) -> None:
    """Measure the return of uniformly random play."""
    from ilscaling import games
    from ilscaling.evaluation.reference import random_play as play

    settings = section(path, game)
    wanted = settings.evaluation
    found = play(
        settings.domain,
        games.name(game, settings),
        settings.emulator,
        episodes=wanted.random_episodes,
        lanes=wanted.lanes,
        seed=wanted.seed,
        threads=threads,
    )
    files.write_json(out, found)


@app.command()
def tabulate(
    game: GameName,
    evaluations: Annotated[list[Path], typer.Argument(help="Folders by 'ilscaling evaluate'.")],
    random: Annotated[Path, typer.Option(help="JSON by 'ilscaling random'.")],
    demos: Demos,
    out: Annotated[Path, typer.Option(help="The results table to write (CSV).")],
    path: ParamsFile = PARAMS,
) -> None:
    """Gather the measurements of a game's runs into a results table: one row a cell."""
    from ilscaling import cells, plan, store, tables
    from ilscaling import tabulate as table

    study, settings = params.read(path), section(path, game)
    only = study.model_copy(update={"games": {game: settings}})
    train = store.open_split(demos, "train")
    judged_by = table.levels(
        train.attrs["splits"],
        train.action_counts(),
        files.read_json(random),
        domain=settings.domain,
    )
    records = {}
    for folder in evaluations:
        for file in sorted(folder.glob("[0-9]*.json")):
            record = files.read_json(file)
            at = (record["size"], record["seed"], cells.budget_name(record["budget"]))
            records[at] = record
    rows = []
    for cell in plan.cells(only):
        record = records.get((cell.run.size, cell.run.seed, cells.budget_name(cell.budget)))
        rows.append(table.row(cell, record if cell.declared else None, "", judged_by))
    tables.write_table(out, rows)


Compute = Literal["realised", "nominal"]
Columns = Annotated[
    list[str] | None,
    typer.Option("--column", help="OURS=THEIRS: a column of the table by another name."),
]
Table = Annotated[Path, typer.Argument(help="Results table, a row a cell (CSV or Parquet).")]


def table_and_settings(table: Path, columns: list[str] | None, path: Path, **changes):
    """A results table and how it is to be fitted; options given by hand (not None) win."""
    from ilscaling import tables

    settings = params.read(path).laws if path.exists() else params.Laws()
    given = {name: value for name, value in changes.items() if value is not None}
    values = {**settings.model_dump(), **given}
    read = tables.read_table(table, columns=tables.mapping(columns or []))
    return read, params.Laws.model_validate(values)


def buildable(path: Path, read) -> dict[str, list[tuple[int, int]]]:
    """Sizes and parameters that can be built for each game of the table, where the parameter file
    has a section for it."""
    from ilscaling import plan

    study = params.read(path) if path.exists() else None
    largest = read.groupby("game")["params"].max()
    return {
        name: plan.buildable(name, game, 100 * largest[name])
        for name, game in (study.games.items() if study else ())
        if name in largest
    }


@app.command()
def fit(
    table: Table,
    out: Annotated[Path, typer.Option(help="Folder for fits, tables, notes and figures.")],
    path: ParamsFile = PARAMS,
    column: Columns = None,
    flops: Annotated[
        Compute | None, typer.Option(help="FLOPs to fit on; default: as the parameters say.")
    ] = None,
    bootstrap: Annotated[
        int | None, typer.Option(help="Resamples of the runs; 0: none.", min=0)
    ] = None,
    processes: Annotated[int, typer.Option(help="Games are fitted in parallel.", min=1)] = 1,
    pictures: Annotated[bool, typer.Option("--figures/--no-figures", help="Draw, too.")] = True,
    metrics: Annotated[Path | None, typer.Option(help="Headline numbers (JSON).")] = None,
    stamp: Annotated[Path | None, typer.Option(help="Also write a summary to this file.")] = None,
) -> None:
    """Fit the scaling laws of a table of runs, ours or anyone's.

    Writes fits.json, fits.md and the tables behind them (docs/laws.md), and figures.
    """
    from ilscaling import laws

    read, settings = table_and_settings(table, column, path, flops=flops, bootstrap=bootstrap)
    found = laws.fit_table(read, settings, processes=processes)
    laws.write(found, out)
    if pictures:
        from ilscaling import figures as drawing

        drawing.draw_all(read, found, out / "figures")
    if metrics:
        files.write_json(metrics, laws.metrics(read, found))
    for note in found.notes:
        print(note, file=sys.stderr)
    print(out / "fits.md")
    if stamp:
        files.write_json(stamp, {"notes": found.notes})


@app.command()
def forecast(
    table: Table,
    budget: Annotated[float, typer.Option(help="Training FLOPs to forecast for.")],
    game: Annotated[str | None, typer.Option("--game", help="Only this game.")] = None,
    wanted: Annotated[
        float | None, typer.Option("--return", help="Also: the budget that reaches this return.")
    ] = None,
    path: ParamsFile = PARAMS,
    column: Columns = None,
    flops: Annotated[Compute | None, typer.Option(help="FLOPs to fit on.")] = None,
    out: Annotated[Path | None, typer.Option(help="Also write the numbers here (CSV).")] = None,
) -> None:
    """Parameters, samples, dev loss and return at a larger budget, by every method."""
    from ilscaling import laws

    read, settings = table_and_settings(table, column, path, flops=flops)
    if game is not None:
        read = read[read["game"] == game]
    sizes = buildable(path, read)
    found = laws.forecast(read, settings, budget, sizes=sizes)
    print(found.to_string(index=False, float_format="%.4g", na_rep=""))
    if wanted is not None:
        reached = laws.goals(read, settings, wanted)
        print(f"\n{reached.to_string(index=False, float_format='%.4g', na_rep='')}")
    if out:
        with files.atomic(out) as temporary:
            found.to_csv(temporary, index=False)


@app.command()
def figures(
    table: Annotated[Path, typer.Argument(help="Results table (CSV).")],
    out: Annotated[Path, typer.Option(help="Folder for figures and the data behind them.")],
    path: ParamsFile = PARAMS,
) -> None:
    """Draw isoFLOP profiles, laws, and return against loss of a table of runs."""
    from ilscaling import figures as drawing
    from ilscaling import laws, tables

    settings = params.read(path).laws if path.exists() else params.Laws()
    read = tables.read_table(table)
    for drawn in drawing.draw_all(read, laws.fit_table(read, settings), out).values():
        print(drawn["png"])


@app.command()
def report(
    table: Annotated[Path, typer.Argument(help="Results table (CSV).")],
    pictures: Annotated[Path, typer.Option("--figures", help="Folder by 'ilscaling figures'.")],
    out: Annotated[Path, typer.Option(help="The page to write (HTML).")],
    path: ParamsFile = PARAMS,
    title: Annotated[str, typer.Option(help="Title of the page.")] = "Scaling laws",
) -> None:
    """Write one offline HTML page of a table's laws, figures and cells."""
    from ilscaling import laws, tables
    from ilscaling import report as page

    study = params.read(path)
    read = tables.read_table(table)
    page.write(
        out,
        title=title,
        params=study.model_dump(mode="json"),
        table=read,
        fit=laws.fit_table(read, study.laws),
        figures_dir=pictures,
        demonstrations={},
        provenance={},
        links={},
    )
    print(out)


def in_project(script: str, *arguments: str | Path) -> None:
    """Run a script of the current project's workflow, which alone knows where things are."""
    path = Path("workflow") / script
    if not path.is_file():
        raise WorkflowError(
            "this is not the folder of a study", where=str(path.resolve()), fix="cd PROJECT"
        )
    done = subprocess.run([sys.executable, path, *map(str, arguments)], check=False)
    if done.returncode:
        raise typer.Exit(done.returncode)


@app.command()
def why(file: Annotated[Path, typer.Argument(help="A figure, table or artefact.")]) -> None:
    """Print where a file comes from: keys, parameters, code and versions back to the expert."""
    in_project("why.py", file)


@app.command()
def compare(
    one: Annotated[str, typer.Argument(help="Commit, tag or experiment; or 'workspace'.")],
    other: Annotated[str, typer.Argument(help="The same.")] = "workspace",
    out: Annotated[Path, typer.Option(help="The page to write (HTML).")] = Path("compare.html"),
) -> None:
    """Write one offline page with the figures and exponents of two revisions side by side."""
    in_project("compare.py", one, other, "--out", out)


def main() -> None:
    """Run the command line; an error of ours is printed without a traceback, exit code 1."""
    try:
        app()
    except IlscalingError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        # Files are written under temporary names, so nothing half-written stays behind.
        where = f" ({error.filename})" if error.filename else ""
        print(f"error: {error.strerror or error}{where}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
