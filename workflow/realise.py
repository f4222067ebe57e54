"""What became of the forecast: its cells as they were trained and measured."""

import forecast
import gather
import stamps
import study
from keys import Keys

from ilscaling import files


def main() -> None:
    given = study.arguments(__doc__, "proposal")
    proposed = files.read_json(given.proposal)
    wanted = Keys(forecast.study(given.study.params, proposed["proposals"]))
    told = {name: proposed[name] for name in ("proposals", "predictions")}
    stamps.write(given.stamp, {**told, "realised": gather.rows(study.of(wanted))})


if __name__ == "__main__":
    main()
