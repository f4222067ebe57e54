# How urgent a job is, as Snakemake's `priority`: stage by stage, and within a stage by the seconds
# that it takes with what waits for it along the longest way. The longest way goes first, for it ends
# last. Without stages the section of the longest way is done before the others begin, and the last
# job of theirs, of one core, comes alone.
STAGES = ("best", "evaluate", "train", "store", "record", "expert")
LONGEST_WAY = 1_000_000  # seconds, eleven days: more than any way takes


def get_urgency(kind):
    """Priority of a job, as a function of its wildcards; kinds are those of `get_cost`."""

    def urgency(wildcards):
        seconds = get_cost(kind, wildcards).seconds + seconds_after(kind, wildcards)
        return STAGES.index(kind) * LONGEST_WAY + round(seconds)

    return urgency


def seconds_after(kind, wildcards):
    """Seconds of the longest way from the end of a job to the study's table."""
    if kind == "best":
        return 0.0
    if kind in ("train", "evaluate"):
        owner, run, training = find_run(wildcards)
        if kind == "evaluate":
            return seconds_of_best(owner, run.game)
        return seconds_after_training(owner, run, training)
    game = get_game(wildcards)
    after = seconds_of_runs(keys.dataset_name(game))
    if kind in ("record", "expert"):
        after += plan.shard_cost(keys.section(game), game).seconds
    if kind == "expert":
        after += plan.record_cost(keys.section(game), game).seconds
    return after


@functools.cache
def seconds_of_best(owner, game):
    """Seconds of the further episodes of a section's best cells; 0 where none are wanted, as of a
    forecast."""
    if owner is not keys or not keys.section(game).evaluation.further:
        return 0.0
    return plan.best_cost(keys.section(game), keys.cells_of(game)).seconds


def seconds_after_training(owner, run, training):
    """Seconds of a trunk's longest branch, of the run's evaluation and of what waits for it."""
    branches = [one for one in owner.trainings(run) if one != training]
    longest = max(one.part.cost.seconds for one in branches) if training.part.kind == "trunk" else 0.0
    evaluation = plan.evaluate_cost(owner.section(run.game), owner.runs[run])
    return longest + evaluation.seconds + seconds_of_best(owner, run.game)


@functools.cache
def seconds_of_runs(dataset):
    """Seconds of the longest run on a dataset, with what waits for it."""
    runs = [run for run in keys.runs if keys.dataset_name(run.game) == dataset]
    return max(
        (
            one.part.cost.seconds + seconds_after_training(keys, run, one)
            for run in runs
            for one in keys.trainings(run)
        ),
        default=0.0,
    )
