"""What a study is and what it costs, before anything runs.

`cost`: time, disk and memory of each job, by the `speed` of a machine, which is
measured (`ilscaling.calibration`), a reference or a named one of `devices`. `part`: the jobs that
train a run. `schedule`: all jobs, and how long they take side by side. `extrapolation`: the study
that a forecast trains. `forecast`: what that may be, and its cost. `text`: the plan for people.
"""

from ilscaling.grid import Cell, buildable, by_run, cells, table
from ilscaling.plan.cost import (
    Cost,
    best_cost,
    disk_size,
    evaluate_cost,
    expert_cost,
    random_cost,
    record_cost,
    refuse_without_space,
    shard_cost,
    train_cost,
)
from ilscaling.plan.part import TrainingJob, parts
from ilscaling.plan.schedule import jobs, total_cost

__all__ = [
    "Cell",
    "Cost",
    "TrainingJob",
    "best_cost",
    "buildable",
    "by_run",
    "cells",
    "disk_size",
    "evaluate_cost",
    "expert_cost",
    "jobs",
    "parts",
    "random_cost",
    "record_cost",
    "refuse_without_space",
    "shard_cost",
    "table",
    "total_cost",
    "train_cost",
]
