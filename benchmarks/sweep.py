"""Measure which batch and rate suit each size: the evidence behind the rules in params.yaml.

    make sweep        or        python benchmarks/sweep.py --game nethack --sizes 8 16 --factors ...

Trains sizes of a game's family at multiples of the stated rate (`--factors`) on the study's
demonstrations (which must exist) up to a budget, measures the dev loss of every snapshot and
appends to benchmarks/sweep.csv. Combinations that the file already holds for these demonstrations
are kept, so the sweep can be stopped, resumed and extended. At the end stands the rule of the rate
that it supports.
"""

import argparse
import itertools
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import pandas as pd
import rate_rule

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "workflow")]

from ilscaling import flops, grid, measuring, params, policies, store  # noqa: E402
from ilscaling.files import atomic, digest  # noqa: E402
from ilscaling.learning import run as learning  # noqa: E402
from ilscaling.learning.snapshot import load_policy  # noqa: E402
from ilscaling.params import Rule  # noqa: E402
from ilscaling.progress import tqdm  # noqa: E402

WHERE = ["game", "demonstrations", "family"]
KEYS = [*WHERE, "size", "batch", "rate", "ema", "budget"]
# Small sizes, for they are cheap, and budgets amid the default study's.
SIZES = {"cnn": [4, 8, 16, 24], "transformer": [8, 12, 16, 24, 32]}
BUDGETS = {"cnn": [1.6e11, 3.2e11], "transformer": [2.0e10, 4.0e10]}


def measure(demos: str, train: params.Training, what: dict, budgets: list[float]) -> list[dict]:
    """Dev loss of one run at each budget that it can fit; what: game, family, size and so on."""
    split, held_out = store.open_split(demos, "train"), store.open_split(demos, "dev")
    family, size, batch = what["family"], what["size"], what["batch"]
    shape = policies.shape(train, len(split.actions))
    per_sample = flops.ledger(family, size, **shape).training
    possible = [budget for budget in budgets if budget >= 50 * per_sample * batch]
    seen = {name: shape[name] for name in ("frames", "inventory") if name in shape}
    rows = []
    with tempfile.TemporaryDirectory() as out:
        run, limits = grid.Run(what["game"], family, size, 0), grid.Limits(split.steps)
        cells = grid.of_run(run, train, shape, possible, limits=limits)
        records = learning.run(split, train, cells, out, device="cpu")
        for cell, record in zip(cells, records, strict=True):
            loss = float("inf")
            if record.status == "done":
                policy, _ = load_policy(Path(out) / f"{cell.name}.safetensors")
                measured = measuring.held_out(policy, held_out, **seen)
                loss = measured.estimates["loss"].mean
            rows.append({**what, "budget": cell.budget, "dev_loss": round(loss, 5)})
    return rows


def known_rows(path: Path) -> pd.DataFrame:
    """What was measured before, with every column of KEYS."""
    if not path.exists():
        return pd.DataFrame(columns=[*KEYS, "dev_loss"])
    return pd.read_csv(path, dtype={"demonstrations": str})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--game", help="a game of params.yaml; default: its first")
    parser.add_argument("--demos", help="demos.zarr; default: that of the game")
    parser.add_argument("--sizes", type=int, nargs="+", help="default: small ones of the family")
    parser.add_argument("--batches", type=int, nargs="+", help="default: by the game's rule")
    parser.add_argument("--factors", type=float, nargs="+", default=[0.25, 0.5, 1.0, 2.0, 4.0],
                        help="rates, in multiples of the game's rule")  # fmt: skip
    parser.add_argument("--rates", type=float, nargs="+", help="rates as they are, instead")
    parser.add_argument("--emas", type=float, nargs="+", help="default: the game's")
    parser.add_argument("--budgets", type=float, nargs="+", help="default: amid the study's")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/sweep.csv")
    given = parser.parse_args()
    study = params.read(ROOT / "params.yaml")
    name = given.game or next(iter(study.games))
    section = study.games[name]
    base, family = section.train, section.grid.family
    if given.demos is None:
        from ilscaling.pipeline.keys import Keys

        given.demos = Keys(study, ROOT).demos(name)
    demos = digest(store.open_split(given.demos, "train").attrs)[:12]
    budgets = sorted(given.budgets or BUDGETS[family])
    known, todo = known_rows(given.out), []
    for size, ema in itertools.product(given.sizes or SIZES[family], given.emas or [base.ema]):
        rates = given.rates or [base.rate(size) * factor for factor in given.factors]
        for batch, rate in itertools.product(given.batches or [base.batch_of(size)], rates):
            what = dict(zip(KEYS, (name, demos, family, size, batch, float(f"{rate:.6g}"), ema),
                            strict=False))  # fmt: skip
            same = (known[list(what)] == pd.Series(what)).all(axis=1)
            if not set(budgets) <= set(known.loc[same, "budget"]):
                rules = {"batch": Rule(value=batch), "rate": Rule(value=what["rate"])}
                todo.append((base.model_copy(update={**rules, "ema": ema}), what))
    with (
        ProcessPoolExecutor(given.jobs, mp_context=get_context("spawn")) as pool,
        tqdm(total=len(todo), unit="run", desc="sweep") as bar,
    ):
        started = [pool.submit(measure, str(given.demos), *one, budgets) for one in todo]
        for done in as_completed(started):
            rows = pd.DataFrame(done.result())
            known = rows if known.empty else pd.concat([known, rows], ignore_index=True)
            known = known.drop_duplicates(KEYS, keep="last").sort_values(KEYS)
            with atomic(given.out) as temporary:
                known.to_csv(temporary, index=False)
            bar.update()
    of_game = known[(known["game"] == name) & (known["demonstrations"] == demos)]
    show(of_game[of_game["budget"].isin(budgets)], name, base)


def show(rows: pd.DataFrame, name: str, train: params.Training) -> None:
    """Print the losses, and the rule of the rate at the game's own batch and averaging."""
    for budget, group in rows.groupby("budget"):
        print(f"\ndev loss of {name} at {budget:.3g} FLOPs (columns: rate / the rule's)")
        multiple = (group["rate"] / group["size"].map(train.rate)).map("{:.3g}".format)
        table = group.assign(multiple=multiple.astype(float)).pivot_table(
            index=["size", "ema", "batch"], columns="multiple", values="dev_loss"
        )
        print(table.to_string(float_format="%.3f", na_rep=""))
        own = group["batch"] == group["size"].map(train.batch_of)
        found = rate_rule.vertices(group[own & (group["ema"] == train.ema)])
        print("\n" + rate_rule.text(found, rate_rule.power(found, name), train.rate, budget))


if __name__ == "__main__":
    main()
