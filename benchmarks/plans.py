"""Write the plans of the larger studies into docs/plans.md: python benchmarks/plans.py

Times are estimates for named devices or of the reference speed, so that the page is the same
wherever it is written.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from ilscaling import params, plan  # noqa: E402
from ilscaling.files import atomic  # noqa: E402
from ilscaling.plan import devices, speed, text  # noqa: E402

PAGE = ROOT / "docs/plans.md"
BEGIN, END = "<!-- plans:begin -->", "<!-- plans:end -->"
# Study -> CPU jobs at once, device and how many of it.
STUDIES = {
    "laptop": (2, None, 0),
    "sparse": (2, None, 0),
    "paper-atari": (64, "a100", 8),
    "sparse-atari": (64, "a100", 8),
    "nld-aa": (64, "a100", 8),
}


def section(name: str) -> str:
    """The plan of a study, with the command that prints it."""
    cores, device, gpus = STUDIES[name]
    base = speed.REFERENCE
    fast = speed.estimate(devices.device(device), base) if device else base
    study = params.read(ROOT / "params.yaml", ROOT / f"studies/{name}.yaml")
    machine = text.Machine(cores, gpus, fast)
    shown = text.show(text.make(study, plan.cells(study), machine))
    on = f" --device {device} --gpus {gpus}" if device else ""
    command = f"ilscaling plan --study studies/{name}.yaml{on} --cores {cores}"
    trimmed = "\n".join(line.rstrip() for line in shown.splitlines())
    return f"### {name}\n\n    $ {command}\n\n```\n{trimmed}\n```\n"


def page(before: str) -> str:
    """The page with its plans made anew."""
    head, rest = before.split(BEGIN)
    plans = "\n".join(section(name) for name in STUDIES)
    return f"{head}{BEGIN}\n{plans}{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    new = page(PAGE.read_text(encoding="utf-8"))
    with atomic(PAGE) as temporary:
        temporary.write_text(new, encoding="utf-8")
    print(PAGE)
