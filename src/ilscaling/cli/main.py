"""`ilscaling VERB`: every step of the study by hand, on explicit files."""

import typer

from ilscaling import errors
from ilscaling.cli import (
    evaluate,
    evaluate_best,
    experts,
    fit,
    logs,
    new,
    outputs,
    parameters,
    pipeline,
    planning,
    play,
    progression,
    random_play,
    record,
    recordings,
    relations,
    results,
    shard,
    stores,
    train,
    train_expert,
)


class Grouped(typer.core.TyperGroup):
    """Help that shows what people use before what the workflow calls."""

    def format_commands(self, ctx, formatter) -> None:
        """A section a group, its verbs in their order."""
        commands = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        wide = max(map(len, commands))
        for title, verbs in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl(
                    [
                        (name.ljust(wide), commands[name].get_short_help_str(limit=100))
                        for name in verbs
                    ]
                )


app = typer.Typer(
    cls=Grouped,
    help="Scaling laws of imitation learning in games.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: importing rich takes longer than all else
    context_settings={"help_option_names": ["-h", "--help"]},
)
GROUPS = {
    "Studies": {
        "new": new.new,
        "plan": planning.plan,
        "calibrate": planning.calibrate,
        "params": parameters.show_params,
        "play": play.play,
        "logs": logs.logs,
        "why": pipeline.why,
        "compare": pipeline.compare,
        "gc": pipeline.gc,
    },
    "Laws of any table of runs": {
        "fit": fit.fit,
        "forecast": fit.forecast,
        "relations": relations.relations,
        "figures": results.figures,
        "report": results.report,
    },
    "Experts and demonstrations": {
        "import-expert": experts.import_expert,
        "measure-expert": experts.measure_expert,
        "progression": progression.progression,
        "ingest": recordings.ingest,
        "export": recordings.export,
        "verify": stores.verify,
    },
    "Steps that the workflow calls": {
        "train-expert": train_expert.train_expert,
        "record": record.record,
        "shard": shard.shard,
        "train": train.train,
        "trunk": train.trunk,
        "evaluate": evaluate.evaluate,
        "evaluate-best": evaluate_best.evaluate_best,
        "random": random_play.random_play,
        "tabulate": results.tabulate,
        "keys": pipeline.keys,
        "publish": pipeline.publish,
    },
}
VERBS = {name: verb for group in GROUPS.values() for name, verb in group.items()}
for name, verb in VERBS.items():
    app.command(name, cls=outputs.Verb)(verb)


def main() -> None:
    """Run the command line."""
    errors.run(app)
