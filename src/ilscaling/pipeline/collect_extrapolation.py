"""What became of the forecast: its cells as they were trained and measured."""

from ilscaling import files
from ilscaling.pipeline import collect_table, extrapolation_study, result_markers, study_context
from ilscaling.pipeline.keys import Keys


def main() -> None:
    given = study_context.arguments(__doc__, "proposal")
    proposed = files.read_json(given.proposal)
    wanted = Keys(extrapolation_study.study(given.study.params, proposed["proposals"]))
    told = {name: proposed[name] for name in ("proposals", "predictions")}
    result_markers.write(
        given.stamp, {**told, "realised": collect_table.rows(study_context.of(wanted))}
    )


if __name__ == "__main__":
    main()
