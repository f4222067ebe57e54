"""Keys and folders of the results: table, fits, extrapolation, figures, report."""

from functools import cached_property

from ilscaling import files, registry
from ilscaling.errors import remake
from ilscaling.pipeline.keys.recipe import key
from ilscaling.pipeline.keys.runs import Runs
from ilscaling.plan import extrapolation


def _forms(*kinds: str) -> list[str]:
    """Where the code of all forms of a law begins, ours and the study's; and of other `kinds` of
    entries."""
    return [
        file
        for kind in ("FORM", *kinds)
        for name in registry.names(kind)
        for file in registry.files(kind, name)
    ]


def _labels() -> dict[str, str]:
    """How families are called in titles: all that words of the results take of them."""
    return {name: registry.get("FAMILY", name).label for name in registry.names("FAMILY")}


class Results(Runs):
    """What is made of all runs together: a folder a step, which `done.json` says to be complete."""

    def _domain_code(self, *steps: str) -> list[str]:
        """Where the code begins that the study's domains have for steps, see `Domain.code`."""
        return sorted(
            {
                root
                for game in self.params.games
                for step in steps
                for root in self.domain(game).code(step, self.section(game))
            }
        )

    def result_key(self, step: str, *, forecast: bool = False) -> str:
        """Key of a step of the results; `forecast`: of figures and report that show it."""
        name = (f"{step} with forecast" if forecast else step, "")
        return self._once(name, lambda: self._result_key(step, forecast))

    def _result_key(self, step: str, forecast: bool) -> str:
        shown = [self.result_key("forecast")] if forecast else []
        if step == "table":
            content = [
                [[self.evaluation_key(run), self.budgets_digest(run)] for run in self.runs],
                [[game, self.demos_key(game), self.random_key(game)] for game in self.params.games],
                [[cell.name, cell.reason] for cell in self.cells],
                [self.best_key(game) for game in self.params.games],
            ]
            return key("table", content, *self._domain_code("game"))
        if step == "fit":
            laws = self.params.laws.model_dump(exclude={"forecast"})
            return key("fit", [self.result_key("table"), laws, _labels()], *_forms("RELATION"))
        if step == "proposal":
            wanted = self.params.laws.forecast.model_dump()
            return key("proposal", [self.result_key("fit"), wanted])
        if step == "forecast":
            return key("forecast", [self.result_key("proposal")])
        if step == "figures":
            content = [self.result_key("fit"), *shown]
            families = [
                file
                for name in sorted({run.family for run in self.runs})
                for file in registry.files("FAMILY", name)
            ]
            roots = (*self._domain_code("game", "figures"), *families, *_forms())
            return key("figures", content, *roots)
        figures = self.result_key("figures", forecast=forecast)
        params = self.params.model_dump(exclude={"machine", "study"})
        return key(
            "report", [figures, *shown, params], *self._domain_code("game", "report"), *_forms()
        )

    def result_dir(self, step: str, *, forecast: bool = False) -> str:
        return f"data/results/{step}-{self.result_key(step, forecast=forecast)}"

    def result_done(self, step: str, *, forecast: bool = False) -> str:
        """The file that says that the folder of a step is complete."""
        return f"{self.result_dir(step, forecast=forecast)}/done.json"

    def has_step(self, folder: str) -> bool:
        """Whether that is the folder of a step of this study, with its forecast or without."""
        steps = self.published_steps(forecast=False).values()
        return folder in steps or folder in self.published_steps(forecast=True).values()

    @property
    def published_dir(self) -> str:
        """Where people find the study's results."""
        return f"results/{self.params.study}"

    # The forecast: cells that the fitted laws propose

    def forecast(self):
        """Keys of the study that the forecast trains; None as long as it is not proposed."""
        path = self.root / self.result_done("proposal")
        if not path.is_file():
            return None
        proposals = files.read_sealed(path, remake(path.parent))["proposals"]
        make = lambda: type(self)(extrapolation.study(self.params, proposals), self.root)  # noqa: E731
        return self._once(("extrapolation", ""), make)

    @cached_property
    def has_forecast(self) -> bool:
        """Whether the forecast of this study was trained: figures and report then show it."""
        return (self.root / self.result_done("forecast")).is_file()

    def published_steps(self, *, forecast: bool) -> dict[str, str]:
        """Folders of the steps whose files are published, by step."""
        plain = ("table", "fit", *(("proposal", "forecast") if forecast else ()))
        shown = {step: self.result_dir(step, forecast=forecast) for step in ("figures", "report")}
        return {**{step: self.result_dir(step) for step in plain}, **shown}
