"""Write the default study's numbers into README.md, and its figures into docs/figures.

    python workflow/readme.py        after `snakemake --cores all`

Every number between the markers comes from results/metrics.json; a test compares the two.
"""

import json
import shutil
from pathlib import Path

from ilscaling.titles import title

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"
FIGURES = ("profiles.png", "laws.png", "return_on_loss.png")
LAWS = {
    "N_opt": "compute-optimal parameters, N ~ C^a",
    "D_opt": "compute-optimal samples, D ~ C^b",
    "L_min": "lowest dev loss, L ~ C^c",
    "R_max": "highest return, R ~ C^d",
    "R_on_1/L": "return on loss, R ~ (1/L)^e",
}


def block(metrics: dict) -> str:
    """Markdown of the default study's figure and numbers."""
    lines = ["![isoFLOP profiles of dev loss and return](docs/figures/profiles.png)", ""]
    for game, found in metrics.items():
        method = "the parabolas' vertices" if found["method"] == "vertex" else "the grid's minima"
        lines += [
            f"What it should show for {title(game)}, with exponents fitted to "
            f"{method} (another CPU gives other last digits, and another course of training):",
            "",
            "| law | exponent | 95 % interval | R2 |",
            "| --- | --- | --- | --- |",
        ]
        for law, text in LAWS.items():
            if found.get(law) is None:
                lines.append(f"| {text} | not fitted | | |")
                continue
            low, high, r2 = (found.get(f"{law}_{part}") for part in ("low", "high", "r2"))
            interval = "" if low is None else f"{low:.3f} to {high:.3f}"
            lines.append(f"| {text} | {found[law]:.3f} | {interval} | {r2:.3f} |")
        lines += [
            "",
            f"{found['cells_done']} cells measured and {found['cells_left_out']} left out; "
            f"{found['training_flops']:.3g} training FLOPs; lowest dev loss "
            f"{found['lowest_dev_loss']:.3f} nats a step; best return {found['best_return']:.1f}, "
            f"{found['best_return_of_expert']:.0%} of the expert's.",
        ]
    return "\n".join(lines)


def write(readme: str, metrics: dict) -> str:
    """`readme` with the block between its markers replaced."""
    head, rest = readme.split(BEGIN)
    _, tail = rest.split(END)
    return f"{head}{BEGIN}\n{block(metrics)}\n{END}{tail}"


def main() -> None:
    metrics = json.loads((ROOT / "results/metrics.json").read_text())
    path = ROOT / "README.md"
    path.write_text(write(path.read_text(), metrics))
    (ROOT / "docs/figures").mkdir(exist_ok=True)
    for name in FIGURES:
        shutil.copyfile(ROOT / "results/figures" / name, ROOT / "docs/figures" / name)


if __name__ == "__main__":
    main()
