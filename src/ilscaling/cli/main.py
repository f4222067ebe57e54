"""`ilscaling VERB`: every step of the study by hand, on explicit files."""

import sys

import typer

from ilscaling.cli import (
    demonstrations,
    evaluation,
    experts,
    parameters,
    pipeline,
    planning,
    results,
    training,
)
from ilscaling.errors import IlscalingError

app = typer.Typer(
    help="Scaling laws of imitation learning in games: every step of the study by hand.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: importing rich takes longer than all else
    context_settings={"help_option_names": ["-h", "--help"]},
)
VERBS = {
    "params": parameters.show_params,
    "plan": planning.plan,
    "calibrate": planning.calibrate,
    "train-expert": experts.train_expert,
    "import-expert": experts.import_expert,
    "measure-expert": experts.measure_expert,
    "record": demonstrations.record,
    "ingest": demonstrations.ingest,
    "shard": demonstrations.shard,
    "verify": demonstrations.verify,
    "train": training.train,
    "trunk": training.trunk,
    "evaluate": evaluation.evaluate,
    "random": evaluation.random_play,
    "tabulate": results.tabulate,
    "fit": results.fit,
    "forecast": results.forecast,
    "figures": results.figures,
    "report": results.report,
    "why": pipeline.why,
    "compare": pipeline.compare,
}
for name, verb in VERBS.items():
    app.command(name)(verb)


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
