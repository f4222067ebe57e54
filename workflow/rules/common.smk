# The study that is run, and what rules of several files ask about it: a helper `get_...` each.
# Those of one file of rules are in common/, under its name.
#
# A key is 12 hex digits: of a step's parameters, its code, the versions of packages that change its
# result, and the keys of its inputs. It is part of the path, so a file that exists is valid. A cell
# is a run at one budget of FLOPs; a list is a JSON file that names cells, or states, with their
# digests.
#
# Existence under a key is the only trigger, in a fresh clone, too (docs/design.md): `ancient`
# inputs ignore age, and `rerun-triggers: [mtime]` of profiles/default ignores changes of code,
# params and sets of inputs.
#
# Outputs in the store are marked `update`, else Snakemake would remove, before a job runs, what
# another pipeline has made since this one was planned: a second job finds what the first one made.
# Temporary ones are not, for one pipeline at a time makes demonstrations (`demonstrations_lock`).
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
submitted_source = "" if workflow.is_main_process else os.environ.get("ILSCALING_SOURCE", "")
sys.path.insert(0, submitted_source or str(PROJECT / "src"))

from snakemake.exceptions import WorkflowError

from ilscaling import errors, plan
from ilscaling.grid import budget_name
from ilscaling.pipeline import (
    cluster_requests,
    preflight,
    progress_display,
    publication,
    run_resources,
    scheduling,
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
    """Of the Snakemake that a user or DVC starts, or of one that an executor starts for one job. That
    finds what the first one wrote down; if there is nothing, it reads the study anew, quietly."""
    if not workflow.is_main_process and (mine := without_traceback(sessions.of_job)):
        return mine
    return without_traceback(
        sessions.of_pipeline,
        dict(config),
        [str(path) for path in workflow.overwrite_configfiles or ()],
        PROJECT,
        dry=workflow.output_settings.dryrun or not workflow.is_main_process,
    )


environment = dict(os.environ)  # as it was before it says what the jobs are to find

# Keys and snapshot of the sources; `params_file` and `study_file`, both in .snakemake, are for
# jobs.
session = open_session()
keys = session.keys
# Of this machine; None on a cluster, where each job is given what it asks for.
cores = workflow.resource_settings.cores if workflow.is_main_process else None


# dataset: what demonstrations are called, which several sections of the parameters may share;
#   {dataset}-{key} names an expert, a recording, a store or random play.
# game: a section of the parameters.
# run: the name of a folder of a run, a trunk or an evaluation, which ends in a key.
# digest: of what a list names: budgets, the trunk's stops, or cells of branches.
# job: the number of a recording job.
wildcard_constraints:
    dataset="[a-z][a-z0-9_]*",
    game="[a-z][a-z0-9_]*",
    key="[0-9a-f]{12}",
    digest="[0-9a-f]{12}",
    job=r"\d+",


def plan_anew():
    """Become the same command at its start: another pipeline, which shares the store, has made what
    jobs of this one's plan were to make."""
    os.chdir(workflow.workdir_init)
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)


onstart:
    scheduling.wake_no_more_than_needed(workflow.scheduler)
    jobs = list(workflow.dag.needrun_jobs())
    due = {str(path) for job in jobs for path in job.output}
    missing = {str(path) for job in jobs for path in workflow.dag.reason(job).missing_output}
    if not without_traceback(session.begin, due, missing):
        plan_anew()


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
    measured += filter(None, map(keys.best_list, keys.params.games))
    return [ancient(path) for path in (*measured, *map(keys.random, keys.params.games))]


def get_game(wildcards):
    """The first section whose expert, recording, store or random play has this key: any will do, for
    equal keys mean equal content."""
    return without_traceback(keys.section_with_key, wildcards.dataset, wildcards.key)


def get_expert_option(wildcards, input):
    """The rule's input `expert` as an option of the verb; empty if there is none."""
    return shlex.join(["--expert", input.expert]) if input.expert else ""


# A run, a `Run`, and whose it is: `owner` is the `Keys` of this study, or of the one that its
# forecast trains. Both have the same stores.


@functools.cache
def runs_by_list(owner):
    """`Run`, and its `Training` (None of an evaluation), by every list that a job makes."""
    trained = {one.output: (run, one) for run in owner.runs for one in owner.trainings(run)}
    measured = {owner.evaluation_manifest(run): (run, None) for run in owner.runs}
    return trained | measured


def owners():
    """This study, and the one of its forecast where that is known."""
    yield keys
    if proposed := keys.forecast():
        yield proposed


def find_run(wildcards):
    """`Keys`, `Run` and `Training` (None of an evaluation) that the wildcards name. A helper is not
    told its rule, so each rule's output is tried: folders of runs, trunks and evaluations end in
    different keys, so one matches."""
    place = f"{wildcards.game}/{wildcards.run}"
    starts = [f"data/runs/{place}/{kind}-" for kind in ("cells", "states", "branches")]
    lists = [
        f"{start}{wildcards.digest}.json" for start in (*starts, f"data/evaluations/{place}/cells-")
    ]
    for owner in owners():
        for path in lists:
            if path in runs_by_list(owner):
                return owner, *runs_by_list(owner)[path]
    raise Refused(f"no run of the study: {place}, list {wildcards.digest}")


def get_run(wildcards):
    """Game, family, size and seed."""
    return find_run(wildcards)[1]


def write_settings(wildcards):
    """File with the parameters of the run's study, which is written here: a forecast's are not known
    when the pipeline begins."""
    owner = find_run(wildcards)[0]
    return preflight.write_params(owner.params, session.snapshot)


def get_demonstrations(wildcards):
    """Stamp of the store that the run is trained on."""
    return ancient(keys.demos_stamp(wildcards.game))


def get_demonstrations_store(wildcards):
    """The store that the run is trained on."""
    return keys.demos(wildcards.game)


# What a job takes of the machine, or asks of a cluster.


def get_gpus(wildcards, resources):
    """GPUs that the job may use, perhaps a share of one: never more than its rule's resource `gpu`,
    which `--resources gpu=N` limits, too. The verb's own locks say which GPU that is."""
    owner, run, _ = find_run(wildcards)
    return min(run_resources.gpus(owner.params, owner.runs[run]), resources.gpu)


def get_cost(kind, wildcards):
    """Expected `plan.Cost` of a job; of kind "store" are both rules that make one."""
    if kind in ("train", "evaluate"):
        owner, run, training = find_run(wildcards)
        if training:
            return training.part.cost
        return plan.evaluate_cost(owner.section(run.game), owner.runs[run])
    if kind == "best":
        return plan.best_cost(keys.section(wildcards.game), keys.cells_of(wildcards.game))
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
