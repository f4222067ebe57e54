# The study that is run, and what the rules ask about it: a helper `get_...` each. Read the rules
# first, and look up here.
#
# Existence under a key is the only trigger, in a fresh clone, too (docs/design.md): `ancient`
# inputs ignore age, and `rerun-triggers: [mtime]` of profiles/default ignores changes of code,
# params and sets of inputs.
#
# Shell lines quote whatever may hold a name of a user's: {...:q}, and options of more than one word
# by shlex.
import functools
import os
import shlex
import sys
import time
from pathlib import Path

PROJECT = Path(workflow.basedir)
# A job of a cluster runs the code of the pipeline that submitted it.
inherited = "" if workflow.is_main_process else os.environ.get("ILSCALING_SOURCE", "")
sys.path.insert(0, inherited or str(PROJECT / "src"))

from snakemake.exceptions import WorkflowError

from ilscaling import errors, plan
from ilscaling.grid import budget_name
from ilscaling.pipeline import (
    cluster_requests,
    preflight,
    progress_display,
    publication,
    run_resources,
    session as sessions,
)


class Refused(WorkflowError):
    """Printed as it stands: below a message Snakemake lists the lines of the Snakefile that led to
    it, which say nothing of what is wrong."""

    @property
    def __traceback__(self):
        return None

    @__traceback__.setter
    def __traceback__(self, frames):
        """Context managers set it."""


def without_traceback(action, *arguments, **options):
    """Result of an action, whose errors Snakemake prints as a message."""
    try:
        return action(*arguments, **options)
    except (errors.IlscalingError, OSError, MemoryError) as error:
        raise Refused(errors.text(error))


def open_session():
    """What this Snakefile is read for: a pipeline, or a job of one. A job finds the session that its
    pipeline wrote; one that was started by hand reads the study anew, quietly."""
    if not workflow.is_main_process and (mine := without_traceback(sessions.of_job)):
        return mine
    return without_traceback(
        sessions.of_pipeline,
        dict(config),
        [str(path) for path in workflow.overwrite_configfiles or ()],
        PROJECT,
        dry=workflow.output_settings.dryrun or not workflow.is_main_process,
    )


session = open_session()
keys = session.keys
# In the name of the file that `publish` touches, so that it never exists when it is asked for.
started = f"{time.time_ns():x}"
# Of this machine; None on a cluster, where each job is given what it asks for.
cores = workflow.resource_settings.cores if workflow.is_main_process else None


wildcard_constraints:
    dataset="[a-z][a-z0-9_]*",
    game="[a-z][a-z0-9_]*",
    key="[0-9a-f]{12}",
    budgets="[0-9a-f]{12}",
    job=r"\d+",


onstart:
    due = {str(path) for job in workflow.dag.needrun_jobs() for path in job.output}
    without_traceback(session.begin, due)


onsuccess:
    session.end(failed=False)


onerror:
    session.end(failed=True)


def get_all_demonstrations():
    """Stamp (`done.json`) of each game's store."""
    return [ancient(keys.demos_stamp(game)) for game in keys.params.games]


def get_all_runs():
    """Lists of the cells of all runs."""
    return [ancient(path) for run in keys.runs for path in keys.run_manifests(run)]


def get_all_evaluations():
    """Lists of the measured cells of all runs, and each game's random play."""
    measured = [keys.evaluation_manifest(run) for run in keys.runs]
    return [ancient(path) for path in (*measured, *map(keys.random, keys.params.games))]


# A game is a section of the parameters; a dataset is what its demonstrations are called, which
# several sections may share. {dataset}-{key} names an expert, recording, store or random play.


def get_game(wildcards):
    """The first section that it belongs to: any will do, for equal keys mean equal content."""
    return without_traceback(keys.section_with_key, wildcards.dataset, wildcards.key)


def get_expert(wildcards):
    """File of the expert that plays the game; none where nothing has to be read."""
    file = keys.expert(get_game(wildcards))
    return ancient(file) if file else []


def get_expert_option(wildcards, input):
    """The same, as an option of the verb."""
    return shlex.join(["--expert", input.expert]) if input.expert else ""


def get_expert_work(wildcards):
    """Folder of the checkpoints of an expert's training."""
    return keys.expert_work(get_game(wildcards))


def get_parts(wildcards):
    """What the recording jobs of a dataset make."""
    return [ancient(path) for path in keys.parts(get_game(wildcards))]


def get_datasets(store_by):
    """Regex of the datasets whose store that verb makes; of none '-', which matches no dataset."""
    return "|".join(keys.datasets(store_by)) or "-"


def get_recordings(wildcards):
    """The recorded games that are ingested, as an option of the verb: how they are written says
    their section; NetHack's are in the layout of NLD."""
    game = get_game(wildcards)
    kind = getattr(getattr(keys.section(game).expert, "recordings", None), "format", "nld")
    return shlex.join([f"--{kind}", keys.recordings(game)])


def get_store(wildcards):
    """The Zarr store: a directory beside `done.json`, so that later rules may read inside it."""
    return keys.demos(get_game(wildcards))


# A run: {run} is the name of a folder that ends in a key; `run` is a `Run`. `study` is the `Keys` of
# this study, or of the one that its forecast trains; both have the same stores.


@functools.cache
def runs_by_list(study):
    """`Run`, and its `Training` (None of an evaluation), by every list that a job makes."""
    trained = {job.output: (run, job) for run in study.runs for job in study.trainings(run)}
    measured = {study.evaluation_manifest(run): (run, None) for run in study.runs}
    return trained | measured


def find_run(wildcards):
    """`Keys`, `Run` and `Training` (None of an evaluation) that the wildcards name. A helper is not
    told its rule, so each rule's output is tried; keys and digests let only one match."""
    place = f"{wildcards.game}/{wildcards.run}"
    trained = [f"data/runs/{place}/{kind}-" for kind in ("cells", "states", "branches")]
    for study in filter(None, (keys, keys.forecast())):
        for start in (*trained, f"data/evaluations/{place}/cells-"):
            known = runs_by_list(study).get(f"{start}{wildcards.budgets}.json")
            if known:
                return study, *known
    raise Refused(f"no run of the study: {place}, budgets {wildcards.budgets}")


def get_run(wildcards):
    """Game, family, size and seed."""
    return find_run(wildcards)[1]


def get_settings(wildcards):
    """File with the parameters of the run's study: written here, for a forecast's are unknown at the
    start."""
    study = find_run(wildcards)[0]
    return preflight.write_params(study.params, session.snapshot)


def get_demonstrations(wildcards):
    """Stamp of the store that the run is trained on."""
    return ancient(keys.demos_stamp(wildcards.game))


def get_demonstrations_store(wildcards):
    """That store."""
    return keys.demos(wildcards.game)


def get_asked_expert(wildcards):
    """File of the expert that the algorithm asks; none where nothing has to be read."""
    study, run, _ = find_run(wildcards)
    file = study.asked_expert(run)
    return ancient(file) if file else []


def get_measuring_expert(wildcards):
    """File of the expert that the run's evaluation asks; none where nothing has to be read."""
    study, run, _ = find_run(wildcards)
    file = study.measuring_expert(run)
    return ancient(file) if file else []


def get_trunk(wildcards):
    """List of the states at which the run's budgets branch off."""
    study, run, _ = find_run(wildcards)
    return [ancient(job.output) for job in study.trainings(run) if job.part.kind == "trunk"]


def get_branch_options(wildcards):
    """What the verb `train` is told of a branch: its budgets, and the trunk that they leave."""
    study, run, job = find_run(wildcards)
    budgets = [word for cell in job.part.cells for word in ("--budget", budget_name(cell.budget))]
    return shlex.join(["--trunk", study.trunk_dir(run), *budgets])


def get_run_lists(wildcards):
    """Lists of the run's cells."""
    study, run, _ = find_run(wildcards)
    return [ancient(path) for path in study.run_manifests(run)]


def get_run_options(wildcards, input):
    """The same, as options of the verb."""
    return shlex.join(word for path in input.cells for word in ("--run", path))


# What a job takes of the machine, or asks of a cluster.


def get_gpus(wildcards, resources):
    """GPUs that the job may use, perhaps a share of one: never more than its rule's resource `gpu`,
    which `--resources gpu=N` limits, too."""
    study, run, _ = find_run(wildcards)
    return min(run_resources.gpus(study.params, study.runs[run]), resources.gpu)


def get_gpu_count(wildcards):
    """GPUs of the run, rounded up to one, as the resource that Snakemake schedules by."""
    study, run, _ = find_run(wildcards)
    return max(1, int(run_resources.gpus(study.params, study.runs[run])))


@functools.cache
def untrained(study):
    """Runs of a study that were still to be trained when this was first asked."""
    lists = {run: study.run_manifests(run) for run in study.runs}
    return [run for run, paths in lists.items() if not all(Path(p).exists() for p in paths)]


def get_train_threads(wildcards):
    """CPU threads of the run."""
    study, run, _ = find_run(wildcards)
    return run_resources.threads(study, run, untrained(study), cores)


def get_urgency(wildcards):
    """Priority: seconds to the end of training, a trunk's with its longest branch. The longest goes
    first, for the last to end decides when the stage does."""
    study, run, job = find_run(wildcards)
    seconds = job.part.cost.seconds
    if job.part.kind == "trunk":
        seconds += max(one.part.cost.seconds for one in study.trainings(run) if one != job)
    return round(seconds)


def get_cost(kind, wildcards):
    """Expected cost of a job: of `plan.Cost`."""
    if kind in ("train", "evaluate"):
        study, run, job = find_run(wildcards)
        section = study.section(run.game)
        return job.part.cost if job else plan.evaluate_cost(section, study.runs[run])
    game = get_game(wildcards)
    if kind == "expert":
        return plan.expert_cost(keys.section(game))
    costs = {"record": plan.record_cost, "store": plan.shard_cost, "random": plan.random_cost}
    return costs[kind](keys.section(game), game)


def get_memory(kind, processes=1):
    """Megabytes that a job asks of a cluster, as a function of the attempt."""

    def memory(wildcards, attempt):
        return cluster_requests.job(get_cost(kind, wildcards), processes).mem_mb(attempt)

    return memory


def get_runtime(kind, processes=1):
    """Minutes that a job asks of a cluster, as a function of the attempt."""

    def runtime(wildcards, attempt):
        return cluster_requests.job(get_cost(kind, wildcards), processes).runtime(attempt)

    return runtime


# Results: a keyed folder a step. Figures and report that show the forecast have keys of their own.


def shows_forecast(step, wildcards):
    """Whether the figures or the report that the wildcards name show the forecast."""
    return wildcards.key == keys.result_key(step, forecast=True)


def get_step(step):
    """Stamp of a step of the results."""
    return ancient(keys.result_done(step))


def get_step_folder(step):
    """Folder of a step that is an input, for its rule's `params`."""

    def folder(wildcards):
        return keys.result_dir(step)

    return folder


def get_proposed_evaluations(wildcards):
    """Lists of the measured cells of the proposed runs. The first line makes Snakemake run the
    checkpoint and call again; `keys.forecast()` is None until then. The display is told of the new
    jobs, which it could not know at the start."""
    checkpoints.plan_extrapolation.get(key=keys.result_key("proposal"))
    proposed = keys.forecast()
    if session.console:
        session.console.monitor.add(progress_display.run_jobs(proposed))
    return [ancient(proposed.evaluation_manifest(run)) for run in proposed.runs]


def get_forecast(wildcards):
    """Stamp of the forecast, where the figures or the report show it."""
    shown = any(shows_forecast(step, wildcards) for step in ("figures", "report"))
    return get_step("forecast") if shown else []


def get_figures(wildcards):
    """Stamp of the figures that the report shows."""
    return ancient(keys.result_done("figures", forecast=shows_forecast("report", wildcards)))


def get_figures_folder(wildcards, input):
    """Folder of the figures that the report shows."""
    return os.path.dirname(input.figures)


def get_folder(wildcards, output):
    """Folder of a step that is to be made: one of the study as it is now, no other key."""
    folder = os.path.dirname(output.done)
    if not keys.has_step(folder):
        raise Refused(f"no step of this study: {folder}\n  try:   snakemake --cores all")
    return folder


def get_folders(wildcards, input):
    """Folders of the steps that are published."""
    return [os.path.dirname(path) for path in input.steps]


def get_forecast_option(wildcards, input):
    """Folder of the forecast as an option of a step; empty if it is not shown."""
    return shlex.join(["--forecast", os.path.dirname(input.forecast)]) if input.forecast else ""


def list_results(forecast):
    """Stamps of the steps of the results."""
    return [ancient(f"{path}/done.json") for path in keys.published_steps(forecast=forecast).values()]


def list_publication(forecast):
    """Nothing if results/STUDY shows all steps, every file as it was made; else what stands for
    publishing them."""
    if publication.is_published(Path(keys.published_dir), keys.published_steps(forecast=forecast)):
        return []
    key = keys.result_key("report", forecast=forecast)
    return f".snakemake/published/{started}/{keys.params.study}-{key}"


def get_results(wildcards):
    """The results; with the forecast, once it was trained."""
    return list_results(keys.has_forecast)


def get_publication(wildcards):
    """Their publication."""
    return list_publication(keys.has_forecast)


def get_results_with_forecast(wildcards):
    """The results with the forecast."""
    return list_results(True)


def get_publication_with_forecast(wildcards):
    """Their publication."""
    return list_publication(True)


def get_published_steps(wildcards):
    """Stamps of the steps that are to be published."""
    return list_results(shows_forecast("report", wildcards))
