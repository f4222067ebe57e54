"""What the terminal shows beside the line with the ETA: the closing words and failures."""

import json
import re
import sys
from pathlib import Path

from snakemake.logging import logger as snakemake_logger
from snakemake_interface_logger_plugins.common import LogEvent

from ilscaling.pipeline.keys import Keys


def hush() -> None:
    """Keep Snakemake's scheduling chatter off the terminal, which no option of it does alone."""
    events = {LogEvent.JOB_STARTED, LogEvent.JOB_FINISHED, LogEvent.PROGRESS}
    chatter = re.compile(r"Select jobs to execute\.\.\.|Execute \d+ jobs\.\.\.")

    def wanted(record) -> bool:
        return getattr(record, "event", None) not in events and not chatter.match(str(record.msg))

    snakemake_logger.addFilter(wanted)


def announce(keys: Keys) -> None:
    """Print where the report is and what was fitted, if the study is complete."""
    if not any(Path(keys.stamp("report", forecast=shown)).exists() for shown in (True, False)):
        return
    metrics = json.loads(Path("results/metrics.json").read_text())
    print(f"\nReport:  {Path('results/report.html').resolve()}", file=sys.stderr)
    for line in headline(metrics):
        print(line, file=sys.stderr)


def explain_failure(since: float) -> None:
    """Print the end of the logs of the jobs that failed after the moment `since`."""
    for log in sorted(Path("logs").rglob("*.log"), key=lambda path: path.stat().st_mtime):
        text = log.read_text(errors="replace")
        if log.stat().st_mtime >= since and ("error:" in text or "Traceback" in text):
            lines = [line.split("\r")[-1] for line in text.rstrip().splitlines()[-12:]]
            print(f"\n{log} ends with:\n  " + "\n  ".join(lines), file=sys.stderr)
    print(
        "\nA job failed. Fix the cause and give the same command again: nothing that was finished"
        " is computed twice.",
        file=sys.stderr,
    )


LAWS = {
    "N_opt": "compute-optimal parameters  N ~ C^",
    "D_opt": "compute-optimal samples     D ~ C^",
    "L_min": "lowest dev loss             L ~ C^",
    "R_max": "highest return              R ~ C^",
    "R_on_1/L": "return on loss              R ~ (1/L)^",
}


def headline(metrics: dict) -> list[str]:
    """The fitted exponents for the terminal, one line a law."""
    lines = []
    for game, found in metrics.items():
        method = "parabola vertices" if found["method"] == "vertex" else "grid minima"
        lines.append(f"\n{game}: {found['cells_done']} cells, exponents from {method}")
        for law, text in LAWS.items():
            lines.append(f"  {text}{_interval(found, law)}")
        best, share = found.get("best_return"), found.get("best_return_of_expert")
        if best is not None:
            of = "" if share is None else f", {share:.0%} of the expert's"
            lines.append(f"  best return {best:.1f}{of}")
    return lines


def _interval(found: dict, law: str) -> str:
    if found.get(law) is None:
        return " not fitted (results/laws/notes.txt says why)"
    low, high, r2 = (found.get(f"{law}_{part}") for part in ("low", "high", "r2"))
    interval = "" if low is None else f"  [{low:.3f}, {high:.3f}]"
    return f"{found[law]:.3f}{interval}" + ("" if r2 is None else f"  R2 {r2:.3f}")
