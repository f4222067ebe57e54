"""The plan: costs worked out by hand, jobs side by side, calibrations of one machine alone."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from safetensors import safe_open
from typer.testing import CliRunner

from ilscaling import calibration, grid, params, plan, policies, registry, tabulate
from ilscaling.cli.main import app
from ilscaling.domains.atari.costs import nature_flops
from ilscaling.errors import ParamsError, WorkflowError
from ilscaling.plan import devices, memory, schedule, speed, text
from ilscaling.plan.cost import Cost
from ilscaling.plan.speed import Pace, Play, Speed

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))

import rate_rule  # noqa: E402

# Round speeds, so that costs can be worked out by hand.
ROUND = Speed(
    "by hand",
    False,
    {"atari": Play(0.001, 0.1, 0.0001, 0.002)},
    {"cnn": Pace(0.0002, 1.0e-11)},
)


def one_run(**grid) -> params.Params:
    """Breakout at size 2 alone: 4 frames, 4 actions, batches of 32."""
    sections = {
        "breakout": {
            "grid": {"sizes": [2], "seeds": [0], "min_updates": 1} | grid,
            "train": {"warmup_steps": 1},
        }
    }
    change = {"games": {"nethack": None, **sections}}
    return params.check(params.overlay(yaml.safe_load((ROOT / "params.yaml").read_text()), change))


def test_costs_worked_out_by_hand():
    """Per sample of w = 2: conv1 4*64*2 weights at 400 positions in two passes, conv2 2*16*4 at
    81, conv3 4*9*4 at 49 and the linear layer 196*4 in three, 2 FLOPs each: 928,448."""
    study = one_run(budgets=[2.0e9, 1.0e10], min_updates=1)
    by_hand = 2 * (2 * 512 * 400 + 3 * (128 * 81 + 144 * 49 + 784))
    assert by_hand == 928_448
    cells = plan.cells(study)
    # 1e10 / (928,448 * 32) = 336.6 batches.
    assert [cell.updates for cell in cells] == [67, 336]
    samples = 336 * 32
    game = study.games["breakout"]
    cost = plan.train_cost(game, cells, ROUND)
    assert cost.seconds == pytest.approx(6 + samples * (0.0002 + by_hand * 1e-11))
    # 1,454 parameters in float32: two snapshots; weights, moments and averages of the state.
    weights = (512 + 2) + (128 + 4) + (144 + 4) + (784 + 4)
    assert cost.bytes == 4 * weights * (2 + 4)
    record = plan.record_cost(game, "breakout", ROUND)
    steps, episode = (220_000 + 26_000 + 26_000) / 4, 2.5 * 196
    assert record.seconds == pytest.approx(6 + steps * (0.001 + 0.1 / episode))
    assert plan.shard_cost(game, "breakout", ROUND).seconds == pytest.approx(6 + 4 * steps * 0.0001)


def test_budgets_in_another_convention_take_the_time_of_their_exact_flops():
    exact, published = one_run(budgets=[1.0e10]), one_run(budgets=[1.7e11], flops="published")
    times = []
    for study in (exact, published):
        cells = plan.cells(study)
        seconds = plan.train_cost(study.games["breakout"], cells, ROUND).seconds - 6
        times.append(seconds / cells[-1].samples)
    assert times[0] == pytest.approx(times[1])


def test_a_device_is_bound_by_its_flops_its_launches_or_the_reading():
    a100 = devices.device("a100")
    train = speed.estimate(a100, speed.REFERENCE, mfu=0.5).train["cnn"]
    flops = 1e12
    assert train.seconds(10, flops, 4096) == pytest.approx(
        10 * (flops / 156e12 + speed.UPDATE_SECONDS / 4096)
    )
    assert train.seconds(10, 1.0, 1) == pytest.approx(10 * speed.UPDATE_SECONDS)
    assert train.seconds(10, 1.0, 10**6) == pytest.approx(10 / 250_000)
    # Without bfloat16 in hardware a run is in float32.
    assert devices.device("v100").peak == devices.device("v100").float32
    with pytest.raises(ParamsError, match="calibrate"):
        devices.device("abacus")


def test_an_expert_without_a_file_costs_its_ppo():
    """Nature CNN, forward: 2 * (8,192 * 400 + 32,768 * 81 + 36,864 * 49 + 1,605,632)."""
    assert nature_flops(1.0) == 2 * (8_192 * 400 + 32_768 * 81 + 36_864 * 49 + 1_605_632)
    study = one_run(budgets=[1.0e10])
    game = study.games["breakout"]
    assert plan.expert_cost(game).seconds == 0
    untrained = game.model_copy(update={"expert": game.expert.model_copy(update={"file": None})})
    seconds = plan.expert_cost(untrained, ROUND).seconds
    host = 1.5e-3 * 0.001 / 8.0e-4
    assert seconds == pytest.approx(6 + 3_700_000 * (host + 13 * nature_flops(0.5) * 1e-11))


def test_epochs_of_the_table_are_over_the_stored_steps():
    """Of a left-out cell as of a measured one; a store holds whole episodes, more than were asked
    for."""
    study = one_run(sizes=[2, 16], budgets=[1.0e10, 1.0e13], max_epochs=4.0)
    trained, left_out = grid.cells(study)[:2]
    asked = study.games["breakout"].demonstrations.train_steps
    assert (trained.position, left_out.position) == (0, 1) and not left_out.declared
    assert left_out.epochs == left_out.samples / asked
    splits = {"train": {"steps": 2 * asked, "episodes": 1, "return_mean": 1.0}}
    levels = tabulate.levels(splits, np.array([1, 1]), {"return_mean": 0.0})
    row = tabulate.row(left_out, None, "", levels)
    assert row["epochs"] == left_out.samples / (2 * asked) and row["algorithm"] == "cloning"


def job(kind: str, seconds: float, *after: int, size: float = 1.0) -> schedule.Job:
    return schedule.Job(kind, "g", "j", Cost(seconds, 0, size), after)


def test_the_makespan_of_jobs_side_by_side():
    # Two cores: 10 | 6 4, then 5 behind the first.
    todo = [job("train", 10), job("train", 6), job("record", 4), job("evaluate", 5, 0)]
    assert schedule.makespan(todo, 2).seconds == 15
    assert schedule.makespan(todo, 1).seconds == 25
    # One device: the trainings and the evaluation take turns.
    found = schedule.makespan(todo, 3, gpus=1)
    assert found.seconds == 10 + 6 + 5 or found.seconds == 10 + 5 + 6
    assert found.memory == 2
    assert schedule.makespan(todo, 3).memory == 3


def test_sections_that_share_demonstrations_record_once():
    values = yaml.safe_load((ROOT / "params.yaml").read_text())
    values["games"]["nethack_short"] = {"like": "nethack", "train": {"context": 8}}
    few = {"like": "nethack", "demonstrations": {"unique_steps": 300_000},
           "grid": {"max_epochs": 9.0}}  # fmt: skip
    values["games"]["nethack_few"] = few
    study = params.check(values)
    todo = plan.jobs(study, plan.cells(study))
    kinds = [(j.kind, j.game) for j in todo]
    assert kinds.count(("record", "nethack")) == 4
    for name in ("nethack_short", "nethack_few"):
        assert ("record", name) not in kinds and ("train", name) in kinds
    # A store of its own, of fewer steps.
    stores = {job.game: job.cost.bytes for job in todo if job.kind == "shard"}
    assert set(stores) == {"breakout", "nethack", "nethack_few"}
    assert stores["nethack_few"] < 0.7 * stores["nethack"]


def test_the_plan_of_the_default_study(tmp_path):
    study = params.read(ROOT / "params.yaml")
    cells = plan.cells(study)
    found = text.make(study, cells, text.Machine(2, 0, speed.REFERENCE))
    total = found.rows[-1]
    assert total["cells"] + total["left_out"] == len(cells)
    assert total["total_h"] * 3600 == pytest.approx(plan.total_cost(study, cells).seconds)
    # Side by side two cores cannot halve it, nor take longer than one.
    assert 0.5 <= found.makespan.seconds / (3600 * total["total_h"]) < 1
    (warning,) = [w for w in found.warnings if "more than once" in w]
    assert warning.startswith("nethack: 6 cells")
    shown = text.show(found)
    for part in ("in all", "more than max_epochs", "side by side", "orientation"):
        assert part in shown


@pytest.mark.parametrize("temperature", [0.0, 0.25])
def test_soft_labels_of_an_expert_that_says_no_more_than_its_action(temperature):
    """Fifteen runs of studies/algorithms_breakout.yaml were trained before anybody noticed."""
    values = params.read(ROOT / "params.yaml").model_dump()
    values["games"].pop("nethack")
    values["games"]["breakout"]["algorithm"] = "soft"
    values["games"]["breakout"]["expert"]["temperature"] = temperature
    study = params.check(values)
    found = text.make(study, plan.cells(study), text.Machine(2, 0, speed.REFERENCE))
    said = [w for w in found.warnings if "is cloning" in w]
    assert len(said) == (temperature == 0)


@pytest.mark.parametrize("steps", [40_000, 120_000])
def test_few_held_out_games_are_named(steps):
    """By 11 games and by 16 others the same runs of NetHack gave exponents of .42 and .27."""
    values = params.read(ROOT / "params.yaml").model_dump()
    values["games"]["nethack"]["demonstrations"]["dev_steps"] = steps
    study = params.check(values)
    found = text.make(study, plan.cells(study), text.Machine(2, 0, speed.REFERENCE))
    assert any("13 episodes" in w for w in found.warnings) == (steps == 40_000)


@pytest.mark.parametrize(
    ("record", "episodes"),
    [('{"measured": {"length_mean": 2000.0}}', 13), ('{"measured": {}}', None), ("cut {", None)],
)
def test_held_out_episodes_are_as_long_as_the_experts_were(tmp_path, record, episodes):
    """Breakout's expert plays 1,255 steps an episode, where a policy that learns from it has 490:
    ten held-out episodes were taken for 24."""
    values = params.read(ROOT / "params.yaml").model_dump()
    values["games"].pop("nethack")
    values["games"]["breakout"]["expert"]["file"] = str(tmp_path / "expert.safetensors")
    (tmp_path / "expert.json").write_text(record)
    study = params.check(values)
    found = text.make(study, plan.cells(study), text.Machine(2, 0, speed.REFERENCE))
    said = [w for w in found.warnings if "episodes to measure the" in w]
    assert len(said) == (0 if episodes is None else 2)
    assert all(f"about {episodes} episodes" in warning for warning in said)


def test_memory_of_the_default_study_is_what_was_measured():
    """Largest resident sets of its jobs by Snakemake's benchmark files (docs/plans.md), in MB:
    the plan says no less, and at most half as much again."""
    measured = {("breakout", "train"): 633, ("breakout", "record"): 496, ("breakout", "shard"): 398,
                ("breakout", "evaluate"): 586, ("nethack", "train"): 532, ("nethack", "shard"): 311,
                ("nethack", "evaluate"): 527, ("nethack", "record"): 68}  # fmt: skip
    study = params.read(ROOT / "params.yaml")
    most: dict[tuple[str, str], float] = {}
    for one in plan.jobs(study, plan.cells(study)):
        most[one.game, one.kind] = max(most.get((one.game, one.kind), 0), one.cost.memory)
    for name, megabytes in measured.items():
        assert 1 <= most[name] / memory.MB / megabytes < 1.5, name


def test_the_sweep_finds_a_planted_rule():
    """Best rates 0.01 (size / 16)^-0.5 under parabolas of ln(loss), sampled beside them."""
    rows = []
    for size in (8, 16, 32):
        best = 0.01 * (size / 16) ** -0.5
        for factor in (0.2, 0.5, 1.3, 3.0):
            loss = 0.7 * np.exp(0.05 * np.log(factor) ** 2)
            rows.append({"size": size, "rate": best * factor, "dev_loss": loss})
    # The lowest at the edge says nothing of where the best is, nor do two rates.
    rows += [{"size": 4, "rate": r, "dev_loss": 1 / r} for r in (1.0, 2.0, 3.0)]
    rows += [{"size": 6, "rate": r, "dev_loss": r} for r in (1.0, 2.0)]
    found = rate_rule.vertices(pd.DataFrame(rows))
    assert [v.size for v in found if v.reason] == [4, 6]
    fit = rate_rule.power(found, "game")
    assert fit["estimate"] == pytest.approx(-0.5) and fit["n"] == 3
    text_of = rate_rule.text(found, fit, params.Rule(value=0.01, at=16, power=-0.5), 1e10)
    assert "value: 0.01, at: 16, power: -0.50" in text_of and "edge" in text_of


def test_the_plan_counts_the_cores_that_the_process_may_use(monkeypatch):
    """A container or `taskset` leaves fewer than the machine has."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1})
    assert "(1 jobs at once" in CliRunner().invoke(app, ["plan"]).output


def test_a_job_on_a_gpu_takes_a_core_and_the_words_say_so():
    """'2 CPU jobs at once, of which 4 with a device', it once said."""
    study = params.read(ROOT / "params.yaml")
    planned = grid.cells(study)
    for cores, gpus, words in (
        (2, 0, "(2 jobs at once, one a core)"),
        (2, 4, "(2 jobs at once, one a core, of which at most 2 on a GPU)"),
        (32, 4, "(32 jobs at once, one a core, of which at most 4 on a GPU)"),
    ):
        machine = text.Machine(cores, gpus, speed.REFERENCE)
        assert words in text.show(text.make(study, planned, machine))
    told = CliRunner().invoke(app, ["plan", "--device", "a100", "--gpus", "4"]).output
    assert "(32 jobs at once" in told, told


MACHINE = {"processor": "A", "cores": 2, "device": "cpu", "torch": "2"}
MEASURED = ({"atari": ROUND.play["atari"]}, {"cnn": ROUND.train["cnn"]})


def test_a_calibration_holds_for_its_machine_alone(tmp_path):
    path = speed.write(MACHINE, *MEASURED, [], tmp_path)
    found = speed.read(path, MACHINE)
    assert found.play == MEASURED[0] and found.train == MEASURED[1] and not found.estimated
    # Of a family that was not measured, the reference.
    assert found.rate("lstm") == policies.get("lstm").costs.pace
    for change in ({"processor": "B"}, {"torch": "3"}, {"device": "GPU"}):
        with pytest.raises(WorkflowError, match=f"another machine: {next(iter(change))}"):
            speed.read(path, {**MACHINE, **change})
        assert speed.path_of({**MACHINE, **change}, tmp_path) != path
    path.write_text(path.read_text()[:-20])
    with pytest.raises(WorkflowError, match="calibrate"):
        speed.read(path, MACHINE)


def test_calibrations_add_up(tmp_path):
    speed.write(MACHINE, *MEASURED, [{"family": "cnn", "size": 4}], tmp_path)
    other = ({"nethack": Play(1, 1, 1, 1)}, {"lstm": Pace(1, 1)})
    path = speed.write(MACHINE, *other, [{"family": "lstm", "size": 8}], tmp_path)
    found = speed.read(path, MACHINE)
    assert set(found.play) == {"atari", "nethack"} and set(found.train) == {"cnn", "lstm"}
    assert len(json.loads(path.read_text())["runs"]) == 2


def test_what_is_of_another_machine_is_measured_anew(tmp_path, monkeypatch):
    study = one_run(budgets=[1.0e10])
    here = calibration.machine("cpu")
    path = speed.path_of(here, tmp_path)
    foreign = speed.write({**here, "torch": "0.1"}, *MEASURED, [], tmp_path)
    asked = []

    def measure(given, *, device="auto", folder):
        asked.append(given)
        return speed.write(here, *MEASURED, [], folder)

    monkeypatch.setattr(calibration, "machine", lambda device="auto": here)
    monkeypatch.setattr(calibration, "measure", measure)
    assert calibration.here(study, folder=tmp_path) is speed.REFERENCE
    # A file that was copied to this machine's name: refused, and measured anew on demand.
    foreign.rename(path)
    with pytest.raises(WorkflowError, match="another machine: torch"):
        calibration.here(study, folder=tmp_path)
    assert calibration.here(study, calibrate=True, folder=tmp_path).play == MEASURED[0]
    assert len(asked) == 1
    calibration.here(study, calibrate=True, folder=tmp_path)
    assert len(asked) == 1, "what is measured is not measured again"
    both = params.read(ROOT / "params.yaml")
    assert not calibration.covers(speed.read(path, here), both)


def test_two_sizes_give_a_line_without_negative_parts():
    found = calibration.fit((1.0e6, 0.001 + 1e-5), (3.0e6, 0.001 + 3e-5))
    assert (found.sample, found.flop) == (pytest.approx(0.001), pytest.approx(1e-11))
    assert calibration.fit((1.0e6, 0.002), (3.0e6, 0.001)) == Pace(0.002, 0.0)
    assert calibration.fit((1.0e6, 0.001), (3.0e6, 0.009)) == Pace(0.0, 0.003e-6)


def test_a_section_of_a_game_is_calibrated_at_a_constant_rate(tmp_path, monkeypatch):
    """Its name is not the game's, and its rate falls: every step is done for real, on little."""
    values = yaml.safe_load((ROOT / "params.yaml").read_text())
    values["games"]["breakout__wsd"] = {"like": "breakout", "train": {"schedule": "wsd"}}
    section = params.check(values).games["breakout__wsd"]
    for name, value in (("EPISODE", 64), ("TRAIN_SECONDS", 0.01), ("LANES", 4)):
        monkeypatch.setattr(calibration, name, value)
    domain = registry.get("DOMAIN", "atari")
    made = domain.calibrate("breakout__wsd", section, tmp_path, 0.0)
    where = (made.demos, tmp_path / "runs", "cpu")
    found = calibration._train("breakout__wsd", section, "cnn", 4, *where)
    (state,) = (tmp_path / "runs").rglob("state.safetensors")
    with safe_open(state, "pt") as file:
        trained = int(file.metadata()["update"])
    # Of its last attempt, which went on from update 20; the shorter one before it went on from 10.
    assert trained - 5 * calibration.WARM == found["updates"]
    assert not list((tmp_path / "runs").rglob("trunk"))


@pytest.mark.slow
def test_the_real_calibration(tmp_path):
    """Half a minute: every step is done for real, and what is found is of a computer's order."""
    study = params.read(ROOT / "params.yaml")
    path = calibration.measure(study, device="cpu", folder=tmp_path)
    found = speed.read(path, calibration.machine("cpu"))
    assert calibration.covers(found, study)
    for game in found.play.values():
        assert all(1e-6 < value < 1 for value in vars(game).values())
    for family in found.train.values():
        assert 1e-7 < family.seconds(1, 1e6, 32) < 0.1
