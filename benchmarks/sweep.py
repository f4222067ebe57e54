"""Measure which batch and rate suit each size: the evidence behind the rules in params.yaml.

    make sweep        or        python benchmarks/sweep.py --sizes 4 16 --batches 32 64 --rates ...

Trains every combination on the study's demonstrations (which must exist) up to a budget, measures
the dev loss of every snapshot and appends to benchmarks/sweep.csv. Combinations that the file
already holds are kept, so the sweep can be stopped, resumed and extended.
"""

import argparse
import itertools
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "workflow")]

from ilscaling import evaluation, flops, params, store, training  # noqa: E402
from ilscaling.files import atomic  # noqa: E402
from ilscaling.progress import tqdm  # noqa: E402

KEYS = ["size", "batch", "rate", "ema", "budget"]


def measure(demos: str, train: params.Train, size: int, budgets: list[float]) -> list[dict]:
    """Dev loss of one run at each budget that it can fit."""
    split, held_out = store.open_split(demos, "train"), store.open_split(demos, "dev")
    per_sample = flops.ledger("cnn", size, frames=train.frames, actions=len(split.actions)).training
    batch = train.batch_of(size)
    possible = [budget for budget in budgets if budget >= 50 * per_sample * batch]
    rows = []
    with tempfile.TemporaryDirectory() as out:
        records = training.run(
            split, train, family="cnn", size=size, seed=0, budgets=possible, out=out, device="cpu"
        )
        for record in records:
            row = {
                "size": size,
                "batch": batch,
                "rate": train.rate(size),
                "ema": train.ema,
                "budget": record["budget"],
                "dev_loss": float("inf"),
            }
            if record["status"] == "done":
                path = Path(out) / f"{record['budget']:.6g}.safetensors"
                policy, _ = training.load_policy(path)
                found = evaluation.dev_loss(
                    policy, held_out, frames=train.frames, precision="bfloat16"
                )
                row["dev_loss"] = round(found["dev_loss"], 5)
            rows.append(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--demos", help="demos.zarr; default: that of params.yaml's first game")
    parser.add_argument("--sizes", type=int, nargs="+", default=[4, 8, 16, 32])
    parser.add_argument("--batches", type=int, nargs="+", default=[16, 32, 64, 128])
    parser.add_argument("--rates", type=float, nargs="+", default=[0.001, 0.002, 0.004])
    parser.add_argument("--emas", type=float, nargs="+", default=[0.0])
    parser.add_argument("--budgets", type=float, nargs="+", default=[3e11, 1e12])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/sweep.csv")
    arguments = parser.parse_args()
    study = params.read(ROOT / "params.yaml")
    game = next(iter(study.games))
    if arguments.demos is None:
        from keys import Keys

        arguments.demos = Keys(study, ROOT).demos(game)
    base = study.games[game].train
    known = pd.read_csv(arguments.out) if arguments.out.exists() else pd.DataFrame(columns=KEYS)
    todo = []
    for size, batch, rate, ema in itertools.product(
        arguments.sizes, arguments.batches, arguments.rates, arguments.emas
    ):
        have = known[
            (known["size"] == size) & (known["batch"] == batch)
            & (known["rate"] == rate) & (known["ema"] == ema)
        ]  # fmt: skip
        if not set(arguments.budgets) <= set(have["budget"]):
            rules = {"batch": params.Rule(value=batch), "rate": params.Rule(value=rate)}
            todo.append((base.model_copy(update={**rules, "ema": ema}), size))
    with (
        ProcessPoolExecutor(arguments.jobs, mp_context=get_context("spawn")) as pool,
        tqdm(total=len(todo), unit="run", desc="sweep") as bar,
    ):
        started = [
            pool.submit(measure, str(arguments.demos), train, size, sorted(arguments.budgets))
            for train, size in todo
        ]
        for done in as_completed(started):
            known = pd.concat([known, pd.DataFrame(done.result())], ignore_index=True)
            known = known.drop_duplicates(KEYS, keep="last").sort_values(KEYS)
            with atomic(arguments.out) as temporary:
                known.to_csv(temporary, index=False)
            bar.update()
    for budget, group in known.groupby("budget"):
        print(f"\ndev loss at {budget:.3g} FLOPs (rows: size; columns: ema, batch, rate)")
        print(group.pivot_table(index="size", columns=["ema", "batch", "rate"], values="dev_loss")
              .to_string(float_format="%.3f"))  # fmt: skip


if __name__ == "__main__":
    main()
