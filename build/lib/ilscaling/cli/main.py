"""`ilscaling VERB`: every step of the study by hand, on explicit files."""

import sys

import typer

from ilscaling.cli import (
    evaluate,
    experts,
    ingest,
    parameters,
    pipeline,
    planning,
    play,
    random_play,
    record,
    results,
    shard,
    train,
    train_expert,
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
    "train-expert": train_expert.train_expert,
    "import-expert": experts.import_expert,
    "measure-expert": experts.measure_expert,
    "record": record.record,
    "ingest": ingest.ingest,
    "shard": shard.shard,
    "verify": shard.verify,
    "train": train.train,
    "trunk": train.trunk,
    "evaluate": evaluate.evaluate,
    "random": random_play.random_play,
    "tabulate": results.tabulate,
    "fit": results.fit,
    "forecast": results.forecast,
    "figures": results.figures,
    "report": results.report,
    "play": play.play,
    "why": pipeline.why,
    "compare": pipeline.compare,
    "keys": pipeline.keys,
    "publish": pipeline.publish,
    "gc": pipeline.gc,
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
