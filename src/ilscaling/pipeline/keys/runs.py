"""Keys and paths of runs and their evaluations."""

from ilscaling import files, registry, schedules
from ilscaling.grid import Cell, Run
from ilscaling.pipeline import training_jobs
from ilscaling.pipeline.keys.demonstrations import Demonstrations
from ilscaling.pipeline.keys.recipe import LENGTH, key


class Runs(Demonstrations):
    """What is made of the demonstrations, run by run.

    A run's key does not name its budgets: one that is added later goes on from the run's last
    state. The names of its lists do.
    """

    def run_key(self, run: Run) -> str:
        return self._once(("train", run), lambda: self._run_key(run))

    def trunk_key(self, run: Run) -> str:
        """Key of what the cells of a run share: of all but how they branch off."""
        return self._once(("trunk", run), lambda: self._run_key(run, schedules.all_read()))

    def _run_key(self, run: Run, apart: set[str] | None = None) -> str:
        section = self.section(run.game)
        train = section.train
        content = [
            self.demos_key(run.game),
            [run.game, run.family, run.size, run.seed],
            # By value: a rule that changes for other sizes leaves this run alone.
            {"batch": train.batch_of(run.size), "rate": train.rate(run.size)},
            train.model_dump(
                exclude={"batch", "rate", "checkpoint_seconds"}
                | (schedules.unread(train) if apart is None else apart)
            ),
            section.grid.flops,
            [section.algorithm, section.model_dump(include={section.algorithm})],
        ]
        roots = (
            *registry.files("ALGORITHM", section.algorithm),
            *registry.files("SCHEDULE", train.schedule),
            *registry.files("FAMILY", run.family),
        )
        entry = registry.get("ALGORITHM", section.algorithm)
        if entry.pays:
            content.append(section.grid.counts)
        if not entry.plays:
            return key("train", content, *roots)
        # It steps the game and may ask the expert.
        domain = self.domain(run.game)
        content.append(
            [section.emulator.model_dump(), self.expert_key(run.game), domain.recorded(section)]
        )
        roots = (*roots, *domain.code("record", section))
        return self.game_key("train", run.game, content, *roots)

    def asked_expert(self, run: Run) -> str | None:
        """File of the expert that a run's algorithm asks, if any."""
        asks = registry.get("ALGORITHM", self.section(run.game).algorithm).asks
        return self.expert(run.game) if asks else None

    def measuring_expert(self, run: Run) -> str | None:
        """File of the expert that a run's evaluation asks, if any."""
        asks = self.section(run.game).evaluation.own_states
        return self.expert(run.game) if asks else None

    def schedule(self, run: Run) -> schedules.Schedule:
        return schedules.of(self.section(run.game).train)

    def has_trunk(self, run: Run) -> bool:
        """Whether the run's cells branch off a trunk."""
        return any(job.part.kind == "trunk" for job in self.trainings(run))

    def run_dir(self, run: Run) -> str:
        schedule = self.schedule(run)
        kind = f"-{schedule.name}" if schedule.branches else ""
        return f"data/runs/{run.game}/{run.name}{kind}-{self.run_key(run)}"

    def trunk_dir(self, run: Run) -> str:
        return f"data/runs/{run.game}/{run.name}-trunk-{self.trunk_key(run)}"

    def curve(self, run: Run) -> str:
        """The learning curve of a run up to its largest budget."""
        mark = f"-{self.runs[run][-1].name}" if self.schedule(run).branches else ""
        return f"{self.run_dir(run)}/curve{mark}.csv"

    def budgets_digest(self, run: Run) -> str:
        """Digest of the run's budgets: names the list of its snapshots."""
        return files.digest([cell.budget for cell in self.runs[run]])[:LENGTH]

    def trainings(self, run: Run) -> list[training_jobs.Training]:
        """The jobs that train a run, in their order."""
        return self._once(("trainings", run), lambda: training_jobs.of(self, run))

    def run_manifests(self, run: Run) -> list[str]:
        """The lists of a run's cells: of all, or where they branch off of one or several each."""
        return [job.output for job in self.trainings(run) if job.part.kind != "trunk"]

    def evaluation_key(self, run: Run) -> str:
        return self._once(("evaluate", run), lambda: self._evaluation_key(run))

    def _evaluation_key(self, run: Run) -> str:
        section = self.section(run.game)
        content = [
            self.run_key(run),
            section.evaluation.model_dump(exclude={"random_episodes", "best_episodes", "lanes"}),
            section.emulator.model_dump(),
        ]
        roots = registry.files("FAMILY", run.family)
        if section.evaluation.own_states:
            domain = self.domain(run.game)
            content.append([self.expert_key(run.game), domain.recorded(section)["expert"]])
            roots = (*roots, *domain.code("record", section))
        return self.game_key("evaluate", run.game, content, *roots)

    def evaluation_dir(self, run: Run) -> str:
        return f"data/evaluations/{run.game}/{run.name}-{self.evaluation_key(run)}"

    def runs_of(self, game: str) -> list[Run]:
        return [run for run in self.runs if run.game == game]

    def cells_of(self, game: str) -> list[Cell]:
        """Declared cells of a section."""
        return [cell for run in self.runs_of(game) for cell in self.runs[run]]

    def best_key(self, game: str) -> str:
        """Key of the further episodes of a section's best cells; '' where none are wanted."""
        if not self.section(game).evaluation.further:
            return ""
        return self._once(("best", game), lambda: self._best_key(game))

    def _best_key(self, game: str) -> str:
        section, runs = self.section(game), self.runs_of(game)
        content = [
            [[self.evaluation_key(run), self.budgets_digest(run)] for run in runs],
            section.evaluation.further,
        ]
        family = registry.files("FAMILY", section.grid.family)
        asked = self.domain(game).code("record", section) if section.evaluation.own_states else ()
        return self.game_key("best", game, content, *family, *asked)

    def best_list(self, game: str) -> str | None:
        """List of the section's best cells by more episodes; None where none are wanted."""
        key = self.best_key(game)
        return f"data/evaluations/{game}/best-{key}/cells-best.json" if key else None

    def evaluation_manifest(self, run: Run) -> str:
        return f"{self.evaluation_dir(run)}/cells-{self.budgets_digest(run)}.json"
