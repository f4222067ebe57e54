"""The whole workflow, by the real Snakemake and DVC, on a tiny study."""

import json
import os
import random
import shutil
import subprocess
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml
from conftest import closed_to_others, copied
from readme_commands import RUNNABLE, runnable_in

from ilscaling.pipeline import pipeline_lock

ROOT = Path(__file__).resolve().parent.parent

RESULTS = ("results.csv", "laws/fits.json", "laws/optima.csv", "metrics.json", "headline.json")


@pytest.fixture(scope="module")
def study(study, tmp_path_factory):
    """A copy of the finished study. Tests that change it must change it back."""
    copy = copied(study, tmp_path_factory.mktemp("workflow") / "study")
    copy.log = study.log
    return copy


def digests(study) -> dict[str, bytes]:
    figures = sorted((study.path / "results/default/figures").iterdir())
    return {
        str(p): p.read_bytes()
        for p in [*figures, *(study.path / "results/default" / name for name in RESULTS)]
    }


def test_one_command_makes_everything(study):
    table = pd.read_csv(study.path / "results/default/results.csv")
    assert len(table) == 2 * 3 * 4
    assert (table["status"] == "done").all()
    assert table[["dev_loss", "return_mean", "expert_return"]].notna().all().all()
    # One run gives all budgets of a size, so more compute means more samples.
    runs = table.groupby(["game", "size"])["samples"]
    assert runs.apply(lambda samples: samples.is_monotonic_increasing).all()
    assert table.loc[table["game"] == "nethack", "depth_mean"].ge(1).all()
    metrics = json.loads((study.path / "results/default/metrics.json").read_text())
    assert metrics["breakout"]["cells_done"] == metrics["nethack"]["cells_done"] == 12
    for name in ("profiles.png", "profiles.svg", "expert-breakout.gif", "expert-nethack.png"):
        assert (study.path / "results/default/figures" / name).stat().st_size > 0
    assert "results/default/report.html" in study.log and "compute-optimal" in study.log
    leftovers = [*study.path.glob("data/parts/*/*"), *study.path.glob("data/recordings/*/*")]
    assert not leftovers, "parts and recordings are temporary"
    assert not closed_to_others(study.path / "data"), "a store may be several people's"


def test_a_second_run_does_nothing_whatever_the_times(study):
    started = time.monotonic()
    assert "[" not in study.snakemake("--cores", "2").stdout.split("Report:")[0]
    assert time.monotonic() - started < 60
    for path in sorted((study.path / "data").rglob("*")) + sorted(study.path.glob("results/**/*")):
        moment = random.Random(str(path)).uniform(1e9, 1.7e9)
        os.utime(path, (moment, moment))
    metadata = study.path / ".snakemake"
    shutil.move(metadata, study.path / "set-aside")
    try:
        assert study.planned() == {}
    finally:
        shutil.rmtree(metadata, ignore_errors=True)
        shutil.move(study.path / "set-aside", metadata)


@pytest.mark.parametrize(
    ("change", "jobs"),
    [
        ({"laws__level": 0.9}, {"fit", "plot_figures", "write_report"}),
        ({"games__breakout__evaluation__episodes": 3}, {"evaluate", "evaluate_best"}),
        (
            {"games__breakout__grid__budgets": [3.0e8, 6.0e8, 1.2e9]},
            {"train", "evaluate", "evaluate_best"},
        ),
        ({"games__breakout__train__ema": 0.1}, {"train", "evaluate", "evaluate_best"}),
        (
            {"games__breakout__demonstrations__seed": 7},
            {"record", "build_store", "train", "evaluate", "evaluate_best"},
        ),
        ({"games__breakout__evaluation__best_episodes": 5}, {"evaluate_best"}),
        ({"games__breakout__evaluation__best_episodes": None}, set()),
        ({"games__nethack__train__context": 16}, {"train", "evaluate"}),
        (
            {"games__nethack__emulator__role": "val-hum-neu-fem"},
            {"record_nethack", "ingest", "evaluate_random", "train", "evaluate"},
        ),
        ({"games__nethack_twice": {"like": "nethack"}}, {"train", "evaluate"}),
    ],
)
def test_a_change_runs_what_depends_on_it_and_nothing_else(study, change, jobs):
    before = (study.path / "params.yaml").read_text()
    try:
        study.set(**change)
        planned = set(study.planned()) - {"all"}
    finally:
        (study.path / "params.yaml").write_text(before)
    results = {"collect_table", "fit", "plot_figures", "write_report", "publish"}
    assert planned == jobs | results - ({"collect_table"} if "laws__level" in change else set())


def test_a_deleted_figure_set_comes_back_byte_identical(study):
    before = digests(study)
    for name in ("results", "data/results"):
        shutil.rmtree(study.path / name)
    study.snakemake("--cores", "2")
    assert digests(study) == before


def test_what_only_reads_the_snakefile_takes_no_lock_and_changes_nothing(study):
    """Also while a pipeline runs: a picture of the rules, a summary, the linter, a dry run."""
    lock = pipeline_lock.acquire(study.path / ".snakemake")
    bystander = subprocess.Popen(
        ["sleep", "300"], env={**os.environ, "ILSCALING_PIPELINE": f"0 {study.path}"}
    )
    half = study.path / "data/runs/.half.0123abcd.tmp"
    half.write_text("")

    def state() -> dict[str, int]:
        every = [p for name in ("data", "results") for p in (study.path / name).rglob("*")]
        return {str(path): path.stat().st_mtime_ns for path in every}

    before = state()
    try:
        for options in (("-n",), ("--summary",), ("--rulegraph",), ("--list-rules",), ("--lint",)):
            text = study.snakemake(*options, ok=options != ("--lint",)).stdout
            assert "another pipeline" not in text, options
        assert "plot_figures" in study.snakemake("--rulegraph").stdout
        assert state() == before and bystander.poll() is None
    finally:
        lock.release()
        half.unlink()
        bystander.kill()
        bystander.wait()


def test_the_linter_finds_nothing_but_environments(study):
    text = study.snakemake("--lint", ok=False).stdout
    complaints = {line for line in text.splitlines() if line.startswith("    * ")}
    assert complaints == {"    * Specify a conda environment or container for each rule.:"}


# A pipeline's environment; its sources and parameters are edited; then a job as a cluster runs it.
SUBMIT = """
import subprocess, sys
from pathlib import Path
import yaml
sys.path.insert(0, "src")
from ilscaling.pipeline import preflight, session
mine = session.of_pipeline(yaml.safe_load(open("params.yaml")), [], Path("."), dry=True)
mine.snapshot.write()
preflight.write_params(mine.keys.params, mine.snapshot)
preflight.write(Path(mine.study_file), mine.contents)
Path(mine.keys.random("breakout")).unlink()
Path("src/ilscaling/measuring/reference.py").write_text("raise SystemExit('edited')")
params = Path("params.yaml")
params.write_text(params.read_text().replace("sticky: 0.25", "sticky: 0.0"))
job = f"evaluate_random:dataset=breakout,key={mine.keys.random_key('breakout')}"
command = ["snakemake", "--target-jobs", job, "--allowed-rules", "evaluate_random"]
command += ["--mode", "remote", "--cores", "1", "--no-hooks", "--notemp", "--force-use-threads"]
sys.exit(subprocess.run(command).returncode)
"""


def test_a_clusters_job_is_of_the_pipeline_that_submitted_it(study):
    (before,) = study.path.glob("data/evaluations/breakout/random-*.json")
    text = before.read_text()
    try:
        study.run("python", "-c", SUBMIT)
        assert "sticky: 0.0" in (study.path / "params.yaml").read_text()
    finally:
        study.git("checkout", "-q", "--", "params.yaml", "src")
    assert before.read_text() == text and study.planned() == {}


@pytest.mark.parametrize("name", ["metrics.json", "laws/optima.csv"])
def test_a_published_file_that_is_gone_comes_back(study, name):
    before = (study.path / "results/default" / name).read_bytes()
    (study.path / "results/default" / name).unlink()
    assert study.planned() == {"publish": 1, "all": 1}
    study.snakemake("--cores", "1")
    assert (study.path / "results/default" / name).read_bytes() == before


def test_a_table_that_was_edited_is_made_again_where_it_is_published_and_refused_in_the_store(
    study,
):
    before = digests(study)
    published = study.path / "results/default/results.csv"
    published.write_text(published.read_text().replace("0", "1"))
    study.snakemake("--cores", "1")
    assert digests(study) == before
    (table,) = study.path.glob("data/results/table-*/results.csv")
    text = table.read_text()
    table.write_text(text.replace("0", "1"))
    try:
        study.set(laws__level=0.9)
        refused = study.snakemake("--cores", "1", ok=False)
    finally:
        study.git("checkout", "-q", "--", "params.yaml")
        table.write_text(text)
    assert refused.returncode != 0 and "not as it was made: results.csv" in refused.stdout
    study.snakemake("--cores", "1")


def test_a_study_file_that_is_not_one_is_named(study, tmp_path):
    """Snakemake reads it before any code of the project's, and would not say which file it was."""
    for content, says in ((b"games:\n\tx: 1\n", "line 2"), (b"study: \xff", "not UTF-8")):
        path = tmp_path / "mine.yaml"
        path.write_bytes(content)
        refused = study.snakemake("-n", "--configfile", "studies/wsd.yaml", str(path), ok=False)
        assert refused.returncode != 0 and "Traceback" not in refused.stdout
        assert says in refused.stdout and f"where: {path}" in refused.stdout


def test_two_studies_stand_side_by_side_and_are_compared(study):
    """Another study leaves the first one's results as they are; one command shows both."""
    before = digests(study)
    (study.path / "studies/lower.yaml").write_text("study: lower\nlaws: { level: 0.9 }\n")
    study.snakemake("--cores", "1", "--configfile", "studies/lower.yaml")
    assert digests(study) == before and study.planned() == {}
    fits = json.loads((study.path / "results/lower/laws/fits.json").read_text())
    assert {fit["level"] for fit in fits} == {0.9}
    assert study.planned("--config", "study=lower") == {}
    study.run("ilscaling", "compare", "default", "lower", "--out", "compare.html")
    page = (study.path / "compare.html").read_text()
    assert page.count("data:image/png;base64") == 6 and "laws.level" in page


def test_each_step_works_by_hand_on_explicit_files(study, tmp_path):
    """One run, from recording to the report, by the verbs alone; its cells are the workflow's."""
    at = {name: str(tmp_path / name) for name in ("demos.zarr", "run", "eval", "best", "table.csv")}
    game = ("--game", "breakout")
    parts = [str(tmp_path / f"part-{job}.zip") for job in range(2)]

    def do(*words: str):
        return study.run("ilscaling", *words)

    expert = ("--expert", "experts/breakout.safetensors")
    for job, part in enumerate(parts):
        do("record", *game, *expert, "--job", str(job), "--out", part)
    do("shard", *game, *parts, "--out", at["demos.zarr"])
    assert "every shard" in do("verify", at["demos.zarr"]).stdout
    demos = ("--demos", at["demos.zarr"])
    random_play = str(tmp_path / "random.json")
    do("random", *game, "--out", random_play)
    study.set(games__breakout__grid__sizes=[2])
    try:
        cells = f"{at['run']}/cells.json"
        do("train", *game, "--size", "2", *demos, "--out", cells)
        measured, best = f"{at['eval']}/cells.json", f"{at['best']}/cells.json"
        do("evaluate", *game, "--run", cells, *demos, "--out", measured)
        of = ("--run", cells, "--measured", measured, *demos)
        do("evaluate-best", *game, *of, "--out", best)
        table = ("--random", random_play, *demos, "--out", at["table.csv"])
        do("tabulate", *game, at["eval"], at["best"], *table)
        # One size has no law: the laws are those of the study's own table.
        do("fit", "results/default/results.csv", "--out", str(tmp_path / "laws"))
        do("figures", at["table.csv"], "--out", str(tmp_path / "figures"))
        page = str(tmp_path / "report.html")
        do("report", at["table.csv"], "--figures", str(tmp_path / "figures"), "--out", page)
    finally:
        study.git("checkout", "-q", "--", "params.yaml")
    mine = pd.read_csv(at["table.csv"]).drop(columns="key")
    whole = pd.read_csv(study.path / "results/default/results.csv").drop(columns="key")
    whole = whole[(whole["game"] == "breakout") & (whole["size"] == 2)].reset_index(drop=True)
    # The only size is the best, in the workflow it is so at some budgets.
    played = ["episodes", "length_mean", *(name for name in mine if name.startswith("return_"))]
    fewer = whole["episodes"] < mine["episodes"]
    assert (mine["episodes"] == 4).all() and 0 < fewer.sum() < len(mine)
    whole.loc[fewer, played] = mine.loc[fewer, played]
    # A column of whole numbers reads as integers in one table and not in the other.
    pd.testing.assert_frame_equal(mine, whole, check_dtype=False)


@pytest.mark.parametrize("command", RUNNABLE)
def test_a_command_of_the_readme_runs(study, command):
    study.run(*runnable_in(command, study.path))


def test_no_stage_of_dvc_asks_for_a_game_that_a_study_may_lack():
    """DVC refuses a params.yaml without a parameter that a stage names, a frozen one's, too."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    asked = {name for stage in stages.values() for name in stage.get("params", [])}
    assert asked and not {name for name in asked if name.startswith("games.")}


def test_dvc_agrees_with_snakemake(study):
    before = digests(study)
    text = study.run("dvc", "repro").stdout
    assert "recording" not in text and "training" not in text and "evaluating" not in text
    assert "up to date" in study.run("dvc", "repro").stdout
    assert study.planned() == {}
    assert digests(study) == before
    study.git("add", "-A")
    study.git("commit", "-qm", "results")
    shown = study.run("dvc", "exp", "show", "--csv").stdout
    header = shown.splitlines()[0]
    assert "breakout.best" in header and "games.breakout.train.ema" in header
    assert "MB" in study.run("make", "-o", "setup", "archive").stdout


def test_an_experiment_retrains_what_its_parameter_touches(study):
    study.run("dvc", "repro")
    study.git("add", "-A")
    study.git("commit", "--allow-empty", "-qm", "results")
    text = study.run("dvc", "exp", "run", "-S", "laws.level=0.9").stdout
    assert "training" not in text and "evaluating" not in text and "Ran experiment" in text
    fits = json.loads((study.path / "results/default/laws/fits.json").read_text())
    assert {fit["level"] for fit in fits} == {0.9}
    study.git("checkout", "-q", "--", ".")
    study.snakemake("--cores", "2")


def test_a_second_pipeline_is_refused(study):
    """If it has something to do."""
    lock = pipeline_lock.acquire(study.path / ".snakemake")
    try:
        assert study.planned() == {}, "a dry run looks on"
        study.set(laws__level=0.9)
        refused = study.snakemake("--cores", "1", ok=False)
        assert refused.returncode != 0
        assert "another pipeline is running in this folder" in refused.stdout
    finally:
        study.git("checkout", "-q", "--", "params.yaml")
        lock.release()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"games__breakout__trian": {}}, "did you mean 'train'"),
        ({"games__breakout__grid__budgets": [2.0e9, 1.0e9]}, "must rise"),
        ({"games__breakout__grid__budgets": [1.0e3, 1.0e9]}, "no cell is possible at budget"),
        ({"games__breakout__expert__file": "experts/none.safetensors"}, "expert file is missing"),
        ({"games__breakout__demonstrations__train_steps": 10**12}, "GB are free"),
        ({"study": "no name"}, "study"),
    ],
)
def test_bad_input_is_refused_before_any_work(study, change, says):
    before = (study.path / "params.yaml").read_text()
    try:
        study.set(**change)
        refused = study.snakemake("--cores", "1", ok=False)
    finally:
        (study.path / "params.yaml").write_text(before)
    assert refused.returncode != 0
    assert says in refused.stdout
    assert "Traceback" not in refused.stdout and "common.smk" not in refused.stdout
    assert study.planned() == {}


def test_an_unknown_game_names_the_nearest(study):
    before = (study.path / "params.yaml").read_text()
    try:
        (study.path / "params.yaml").write_text(before.replace("  breakout:", "  brakeout:", 1))
        refused = study.snakemake("--cores", "1", ok=False)
    finally:
        (study.path / "params.yaml").write_text(before)
    assert refused.returncode != 0 and "did you mean 'breakout'" in refused.stdout
