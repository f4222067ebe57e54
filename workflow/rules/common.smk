# Parameters, keys, the one-at-a-time lock, and what every rule shares.
import functools
import os
import sys
import time
from pathlib import Path

WORKFLOW = Path(workflow.basedir) / "workflow"
for folder in (WORKFLOW, Path(workflow.basedir) / "src"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

# Jobs import this workspace's code, not that of an editable install elsewhere (as in the
# temporary folders of `dvc exp run --temp`).
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(Path(workflow.basedir) / "src"), os.environ.get("PYTHONPATH", "")]
).rstrip(os.pathsep)

from snakemake.exceptions import WorkflowError as SnakemakeError
from snakemake.utils import validate

import guard
import kept
import keys
import leash
import machine
import monitor
import resources as ask
import squeue
import stamps
import study
from ilscaling import params as parameters
from ilscaling import plan
from ilscaling.grid import budget_name
from ilscaling.errors import IlscalingError

try:
    # Ours first: its messages name the nearest key and the remedy. Then the JSON schema, so that
    # a drift between the two cannot go unnoticed.
    P = parameters.check(parameters.overlay({}, dict(config)), where="params.yaml and --configfile")
    validate(P.model_dump(mode="json"), str(WORKFLOW / "schemas" / "params.schema.json"), set_default=False)
    K = keys.Keys(P)
    K.key_of("report")
    machine.refuse(K)
    # The executor is not known while the Snakefile is read; a dry run already is.
    if workflow.is_main_process and workflow.output_settings.dryrun:
        guard.look_on(K)
    elif workflow.is_main_process:
        LOCK = guard.hold(".snakemake")
        leash.fasten()
        squeue.stop()
        guard.sweep(Path("data"), Path("results"))
        kept.restore(K)
        stamps.mend()
        guard.refuse_absent_recordings(P, K)
        plan.refuse_without_space(".", guard.missing_bytes(P, K))
        # Snakemake says nothing of its own when there is nothing to do.
        guard.announce(K)
except IlscalingError as error:
    raise SnakemakeError(f"\n{error}")

guard.hush()

# A job is its command, without a shell above it: a signal then reaches what can save its work, and
# nothing that would end before it (Slurm ends a job's step with its first process). So every
# command below is a single one.
shell.prefix("set -euo pipefail; exec env ")

PARAMS = guard.write_params(P)
STUDY = study.write(K)
PYTHON = sys.executable
ILSCALING = f"{PYTHON} -m ilscaling"
# No two jobs make the same: one that a killed pipeline has left on a cluster comes first.
CLAIM = f"{PYTHON} {WORKFLOW / 'claim.py'}"
# A job that computes with torch takes GPUs, if there are any, for as long as it runs.
ON_DEVICE = f"{PYTHON} {WORKFLOW / 'device.py'}"
# Of this machine; None on a cluster, where each job is given what it asks for.
CORES = workflow.resource_settings.cores if workflow.is_main_process else None
STARTED = time.time()
WATCH = monitor.Monitor(guard.jobs(P, K))
KEEP = kept.Keeper()


wildcard_constraints:
    game="[a-z][a-z0-9_]*",
    key="[0-9a-f]{12}",
    job=r"\d+",


def memory(request):
    """Resource of a job by its request (see resources.py), a function of the wildcards."""
    return lambda w, attempt: request(w).mem_mb(attempt)


def minutes(request):
    return lambda w, attempt: request(w).runtime(attempt)


def reports(path):
    """Environment of a job that reports its progress under the name of its output."""
    return f"ILSCALING_PROGRESS={monitor.progress_file(path)}"


onstart:
    Path(".snakemake/progress").mkdir(parents=True, exist_ok=True)
    made = {str(path) for job in workflow.dag.needrun_jobs() for path in job.output}
    stamps.clear(made)
    WATCH.start(made)
    KEEP.start()


onsuccess:
    WATCH.stop()
    KEEP.stop()
    guard.announce(K)


onerror:
    WATCH.stop()
    KEEP.stop()
    guard.explain_failure(STARTED)
