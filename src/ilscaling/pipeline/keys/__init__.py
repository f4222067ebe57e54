"""Keys and paths of everything that the workflow makes; the only code that computes either.

The key of a step is a digest of the parameters that it uses, of the code that it runs (the closure
of its imports), of the versions of the packages that its numbers depend on, and of the keys of its
inputs. It stands in the path of what the step makes, so an artefact that exists under its key is
valid, whatever its age.
"""

from ilscaling.pipeline.keys.demonstrations import recordings_digest
from ilscaling.pipeline.keys.recipe import RECIPES, ROOTS
from ilscaling.pipeline.keys.results import Results

__all__ = ["RECIPES", "ROOTS", "Keys", "recordings_digest"]


class Keys(Results):
    """All keys and paths of one study."""

    def all(self) -> dict[str, object]:
        """Every key by step, for the report and for people."""
        games, runs = self.params.games, self.runs
        trunks = {
            f"{run.game}/{run.name}": self.trunk_key(run) for run in runs if self.has_trunk(run)
        }
        best = {game: key for game in games if (key := self.best_key(game))}
        shown = self.has_forecast
        return {
            "expert": {game: self.expert_key(game) for game in games},
            "record": {game: self.record_key(game) for game in games},
            "demonstrations": {game: self.demos_key(game) for game in games},
            "random": {game: self.random_key(game) for game in games},
            "runs": {f"{run.game}/{run.name}": self.run_key(run) for run in runs},
            **({"trunks": trunks} if trunks else {}),
            "evaluations": {f"{run.game}/{run.name}": self.evaluation_key(run) for run in runs},
            **({"best": best} if best else {}),
            "table": self.result_key("table"),
            "fit": self.result_key("fit"),
            **({"forecast": self.result_key("forecast")} if shown else {}),
            "figures": self.result_key("figures", forecast=shown),
            "report": self.result_key("report", forecast=shown),
        }

    def of_stage(self, stage: str) -> dict[str, object]:
        """What the artefacts of a stage of dvc.yaml are a function of."""
        known, runs = self.all(), self.runs
        lists = {f"{run.game}/{run.name}": self.budgets_digest(run) for run in runs}
        return {
            "demonstrations": {name: known[name] for name in ("demonstrations",)},
            "runs": {"runs": known["runs"], "budgets": lists},
            "evaluations": {
                **{n: known[n] for n in ("evaluations", "best", "random") if n in known},
                "budgets": lists,
            },
            "results": {name: known[name] for name in ("table", "fit", "figures", "report")},
        }[stage]  # fmt: skip
