"""Write the default study's numbers into README.md and docs, and its figures into docs/figures.

    python tools/readme_numbers.py        after `snakemake --cores all`

Every number between the markers of README.md comes from results/default/metrics.json and, of the
reference study, results/reference/metrics.json, of
docs/schedules.md from benchmarks/schedules.json (studies/wsd.yaml as it was run), of docs/lot.md
from results/lot/metrics.json, of docs/nethack.md from results/nld-mini/metrics.json and its table,
of docs/findings.md from every study's and of docs/experts.md from
the records in experts/; a test compares them.
"""

import json
import math
import re
import shutil
from pathlib import Path

import experts_page
import findings_page
import nethack_page
import numpy as np
import pandas as pd

from ilscaling.laws import determined
from ilscaling.show.titles import title
from ilscaling.show.words import off

ROOT = Path(__file__).resolve().parent.parent
# A part of docs/tables/reference_misses.csv (benchmarks/judged.py).
WHOLE = "last budget with the smallest size"
BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"
# A figure of the study -> its name in docs/figures.
FIGURES = {name: name for name in ("profiles.png", "laws.png", "return_on_loss.png")}
FIGURES |= {"agents-breakout.gif": "agents.gif"}
LAWS = {
    "N_opt": "compute-optimal parameters, N ~ C^a",
    "D_opt": "compute-optimal samples, D ~ C^b",
    "L_min": "lowest loss, L ~ C^c",
    "R_max": "highest return, R ~ C^d",
    "R_on_1/L": "return on loss, R ~ (1/L)^e",
}


# Exponents that Tuyls et al. print for these games, at far larger budgets:
# docs/published.md.
PAPER = {
    "breakout": {"N_opt": "0.74", "D_opt": "0.46"},
    "nethack": {"N_opt": "0.61", "D_opt": "0.39"},
}


def block(metrics: dict) -> str:
    """Markdown of the default study's figure and numbers."""
    lines = ["![isoFLOP profiles of dev loss and return](docs/figures/profiles.png)", ""]
    for game, found in metrics.items():
        method = "the parabolas' vertices" if found["method"] == "vertex" else "the grid's minima"
        lines += [
            f"What it should show for {title(game)}: exponents with their 95 % intervals by "
            "bootstrap over runs and held-out episodes (another CPU gives other last digits, and "
            "another course of training). Optimal parameters and samples are the median of four "
            f"methods, the rest is fitted to {method}:",
            "",
            *exponents(found, PAPER.get(game, {})),
            "",
            f"{found['cells_done']} cells measured and {found['cells_left_out']} left out; "
            f"{found['training_flops']:.3g} training FLOPs{separate(found)}; lowest dev loss "
            f"{found['lowest_dev_loss']:.3f} nats a step; best return {found['best_return']:.1f}, "
            f"{found['best_return_of_expert']:.0%} of the expert's. Sizes are chosen by dev loss "
            "and half of the episodes; the laws and the best return are of test loss and of the "
            "other half."
            f"{held_out(found)}{verdict(found)}",
            "",
        ]
    return "\n".join(lines[:-1])


def exponents(found: dict, theirs: dict[str, str]) -> list[str]:
    """A table of a game's exponents, with those that the paper prints."""
    lines = [
        "| law | exponent | 95 % interval | how sure | the paper's exponent |",
        "| --- | --- | --- | --- | --- |",
    ]
    for law, text in LAWS.items():
        paper = theirs.get(law, "")
        if found.get(law) is None:
            lines.append(f"| {text} | not quoted, {found[f'{law}_n']} budgets | | | {paper} |")
            continue
        ends, word = interval(found, law), known(found, law)
        lines.append(f"| {text} | {found[law]:.3f} | {ends} | {word} | {paper} |")
    return lines


def lot(_: dict) -> str:
    """Markdown of the games that were drawn by lot."""
    return of_study("lot", {})


def autoascend(_: dict) -> str:
    """Markdown of NetHack on AutoAscend's games."""
    return f"{nethack_page.losses()}\n\n{of_study('nld-mini', PAPER['nethack'])}"


def of_study(name: str, theirs: dict[str, str]) -> str:
    """Markdown of a study's games: what was measured, and its exponents."""
    metrics = json.loads((ROOT / f"results/{name}/metrics.json").read_text(encoding="utf-8"))
    lines = []
    for game, found in metrics.items():
        lines += [
            f"**{title(game)}**: {found['cells_done']} cells measured and "
            f"{found['cells_left_out']} left out; {found['training_flops']:.3g} training FLOPs; "
            f"lowest dev loss {found['lowest_dev_loss']:.3f} nats a step; best return "
            f"{found['best_return']:.1f}.{held_out(found)}{verdict(found)}",
            "",
            *exponents(found, theirs),
            "",
        ]
    return "\n".join(lines[:-1])


def known(found: dict, law: str) -> str:
    """How well an exponent is known; of a file that does not say so, by its interval."""
    ends = {"ci_low": found.get(f"{law}_low"), "ci_high": found.get(f"{law}_high")}
    record = {"estimate": found[law], "flags": [], **ends}
    return found.get(f"{law}_known") or determined(record)


def interval(found: dict, name: str) -> str:
    low, high = found.get(f"{name}_low"), found.get(f"{name}_high")
    return "none" if low is None else f"{low:.3f} to {high:.3f}"


def separate(found: dict) -> str:
    """What the grid cost beside its cells as separate runs."""
    return f" ({_share(found)} of separate runs)" if found.get("separate_flops") else ""


def held_out(found: dict) -> str:
    """How well the largest budget's lowest loss was foretold."""
    error = found.get("held_out_error_L_min")
    if error is None:
        return ""
    if (signed := found.get("held_out_off_L_min")) is not None:
        how = f"is off by {off(math.log1p(signed))}"
    else:
        how = f"has an error of {error:.1%} (of the logarithm)"
    covered = "held" if found["held_out_covered_L_min"] else "did not hold"
    return (
        " The lowest loss of the largest budget, predicted by the law of the smaller ones, "
        f"{how}; the prediction interval {covered} it."
    )


def verdict(found: dict) -> str:
    """Whether another form describes the lowest loss better."""
    text = found.get("verdict")
    return f" Does a power law of the loss hold? {text[0].upper()}{text[1:]}." if text else ""


def schedules(_: dict) -> str:
    """Markdown of the laws under a constant rate and under wsd, which were measured once."""
    measured = json.loads((ROOT / "benchmarks/schedules.json").read_text(encoding="utf-8"))
    columns = {
        f"{title(game)}, {schedule}": values
        for game, by_schedule in measured.items()
        for schedule, values in by_schedule.items()
    }
    rows = [["", *columns], ["---"] * (len(columns) + 1)]
    spent = [f"{v['training_flops']:.3g} ({_share(v)})" for v in columns.values()]
    rows.append(["FLOPs, of those of separate runs", *spent])
    for law, text in list(LAWS.items())[:4]:
        rows.append([text, *(_exponent(v, law) for v in columns.values())])
    rows.append(["lowest dev loss", *(f"{v['lowest_dev_loss']:.3f}" for v in columns.values())])
    rows.append(["best return", *(f"{v['best_return']:.1f}" for v in columns.values())])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _share(found: dict) -> str:
    return f"{found['training_flops'] / found['separate_flops']:.0%}"


def _exponent(found: dict, law: str) -> str:
    return "not quoted" if found.get(law) is None else f"{found[law]:.3f}{_ends(found, law)}"


def _ends(found: dict, law: str) -> str:
    return "" if found.get(f"{law}_low") is None else f" ({interval(found, law)})"


def reference(_: dict) -> str:
    """Markdown of the reference study: what cloning's laws say in each of its games."""
    lines = [row for row in findings_page.table() if row[1] in ("study", "`reference`", "---")]
    table = [f"| {' | '.join((row[0], *row[2:]))} |" for row in lines]
    return "\n".join([*table, "", *claims()])


def in_short(_: dict) -> str:
    """Markdown of what the reference study found."""
    return "\n".join(claims())


def claims() -> list[str]:
    """What the reference study found, a line each, by its metrics and the tables of findings.md."""
    metrics = json.loads((ROOT / "results/reference/metrics.json").read_text(encoding="utf-8"))
    told = ("determined", "sign only")
    sizes = [of["N_opt"] for of in metrics.values() if of["N_opt_known"] in told]
    theirs = sorted(of["N_opt"] for of in PAPER.values())
    misses = pd.read_csv(ROOT / "docs/tables/reference_misses.csv").set_index("part")
    alone, whole = (misses.loc[part] for part in ("its sizes alone", WHOLE))
    gain = alone["power"].abs() - alone["saturating"].abs()
    held = [v for of in metrics.values() if (v := of["held_out_covered_L_min"]) is not None]
    ahead = pd.read_csv(ROOT / "docs/tables/reference_same_games.csv")
    fell, straight, level = ahead["after"] / ahead["before"], ahead["power"], ahead["saturating"]
    gained = np.log(straight / fell).abs() - np.log(level / fell).abs()
    off_by = misses_ahead(ahead.set_index("game"))
    worse, right = off_by["R_max"] > off_by["L_min"], (off_by <= 0.05).sum()
    page = (ROOT / "docs/findings.md").read_text(encoding="utf-8")
    (few,) = re.findall(r"^\| NetHack \| 11, 16 \| N_opt \| ([\d.]+)", page, re.MULTILINE)
    without = r"^\| NetHack \| N_opt \| [\d.]+ \[[^]]*\] \| ([\d.]+) \[[^]]*\] \|$"
    (rest,) = re.findall(without, page, re.MULTILINE)
    return [
        "- **A pure power law of the loss does not hold its course over such a range.** Of the"
        " sizes that it has, the largest budget's loss lies above the smaller ones' line in"
        f" {(alone['power'] < 0).sum()} of {len(alone)} games; a law that saturates comes closer in"
        f" {(gain > 0).sum()}, and is further off in {(gain < 0).sum() or 'none'}. The last budget"
        f" that lacks no size lies above it in {(whole['power'] < 0).sum()}. The power laws' 95 %"
        f" intervals held the largest budget in {sum(held)} of {len(held)}.",
        f"- **Four times ahead, trained after it was foretold**, the loss of {len(fell)} games fell"
        f" to {_two(min(fell))} to {_two(max(fell))} of what it was. Saturating laws had said"
        f" {_two(min(level))} to {_two(max(level))}, power laws {_two(min(straight))} to"
        f" {_two(max(straight))}; the saturating one was closer in {(gained > 0).sum()}, and"
        f" further off in {(gained < 0).sum() or 'none'}.",
        f"- **The optimal size grows as compute to between {_two(min(sizes))} and"
        f" {_two(max(sizes))}** in the {len(sizes)} games in which the sign of its exponent is"
        f" known. The paper says {_two(theirs[0])} and {_two(theirs[-1])}, of budgets 1e5 times"
        " these and more. Where small sizes end early, an optimum that stays seems to grow, too.",
        "- **One held-out game can decide an exponent.** By eleven games of NetHack that of size"
        f" was {_two(few)}; one of them was half of the loss. Without it it is {_two(rest)}, by"
        f" seventy games {_two(metrics['nethack']['N_opt'])}. Intervals know of held-out episodes"
        " now.",
        "- **Few forecasts at four times the budget come within 5 %:** by the laws that are quoted"
        f" {right['L_min']} of {len(worse)} losses and {right['R_max']} returns. The return is"
        f" further off than the loss in {worse.sum()} games. It matters by which law.",
    ]


def misses_ahead(same_games: pd.DataFrame) -> pd.DataFrame:
    """How far the quoted laws were off at four times the largest budget, a row a game.

    Parameters
    ----------
    same_games
        docs/tables/reference_same_games.csv by game, whose losses are compared there; those of the
        other games on the study's own held-out games.

    Returns
    -------
    DataFrame
        L_min and R_max: distance over what was measured.
    """
    path = ROOT / "docs/tables/reference_forecast.json"
    forecast = json.loads(path.read_text(encoding="utf-8"))
    told = pd.DataFrame(forecast["predictions"])
    told = told[told["quoted"].astype(bool)].pivot(
        index="game", columns="quantity", values="estimate"
    )
    real = pd.DataFrame(forecast["realised"]).groupby("game")[["test_loss", "return_mean"]].mean()
    real.columns = ["L_min", "R_max"]
    off_by = ((told[real.columns] - real) / real.abs()).abs()
    fell = same_games["after"] / same_games["before"]
    off_by["L_min"] = (same_games["quoted"] / fell - 1).abs().combine_first(off_by["L_min"])
    return off_by


def _two(exponent: float | str) -> str:
    return f"{float(exponent):.2f}".lstrip("0")


def write(page: str, *texts: str) -> str:
    """`page` with the blocks between its markers replaced, one after the other."""
    head, *rest = page.split(BEGIN)
    for text, part in zip(texts, rest, strict=True):
        head += f"{BEGIN}\n{text}\n{END}{part.split(END)[1]}"
    return head


PAGES = {
    "README.md": (reference, block),
    "docs/schedules.md": (schedules,),
    "docs/lot.md": (lot,),
    "docs/nethack.md": (autoascend,),
    "docs/experts.md": (experts_page.block,),
    "docs/findings.md": (in_short, findings_page.block),
}


def main() -> None:
    metrics = json.loads((ROOT / "results/default/metrics.json").read_text(encoding="utf-8"))
    for name, texts in PAGES.items():
        path = ROOT / name
        made = [text(metrics) for text in texts]
        path.write_text(write(path.read_text(encoding="utf-8"), *made), encoding="utf-8")
    drawn = ROOT / "results/default/figures"
    if not drawn.is_dir():
        print("figures stay: the default study was not run here (snakemake --cores all)")
        return
    (ROOT / "docs/figures").mkdir(exist_ok=True)
    for name, shown in FIGURES.items():
        shutil.copyfile(drawn / name, ROOT / "docs/figures" / shown)


if __name__ == "__main__":
    main()
