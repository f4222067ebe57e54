"""Keys and paths of experts and demonstrations."""

from pathlib import Path

from ilscaling import files
from ilscaling.games import played
from ilscaling.pipeline import code_digest
from ilscaling.pipeline.keys import entries
from ilscaling.pipeline.keys.memory import Memory
from ilscaling.pipeline.keys.recipe import LENGTH, key


def recordings_digest(folder: str | Path) -> str:
    """Key of somebody's recordings in the layout of NLD: the names and sizes of the games and the
    content of their xlogfiles. Of an absent folder, its name: such a study can be planned."""
    root = Path(folder).expanduser()
    if not root.is_dir():
        return files.digest(["absent", str(folder)])[:LENGTH]
    logs = {p.relative_to(root).as_posix(): files.sha256(p) for p in root.glob("*/*xlogfile")}
    sizes = {p.relative_to(root).as_posix(): p.stat().st_size for p in root.glob("*/*.bz2")}
    return files.digest([sorted(logs.items()), sorted(sizes.items())])[:LENGTH]


class Demonstrations(Memory):
    """What is made before any run."""

    def game_key(self, step: str, game: str, content: object, *roots: str) -> str:
        """Key of a step that plays a game."""
        section = self.section(game)
        return key(
            step,
            content,
            *entries.game_roots(section),
            *roots,
            packages=entries.packages(section),
        )

    def expert_key(self, game: str) -> str:
        return self._once(("expert", game), lambda: self._expert_key(game))

    def _expert_key(self, game: str) -> str:
        section = self.section(game)
        if (given := entries.given_recordings(section)) is not None:
            return recordings_digest(given.path)
        if entries.trains_expert(section):
            content = [played(game), section.emulator.model_dump(), section.expert.ppo.model_dump()]
            return self.game_key("expert", game, content)
        file = entries.expert_file(game, section, "")
        if file is not None:
            path = self.root / file
            if not path.is_file():
                raise entries.absent_expert(game, section, path)
            return files.sha256(path)[:LENGTH]
        if player := entries.player_roots(section):
            return code_digest.digest(*player)[:LENGTH]
        return self.game_key("games", game, [section.emulator.model_dump()])

    def expert(self, game: str) -> str | None:
        """File that a game's expert is, or reads, if any."""
        return entries.expert_file(game, self.section(game), self.expert_key(game))

    def expert_work(self, game: str) -> str:
        return f"data/experts/{played(game)}-{self.expert_key(game)}-work"

    def dataset_name(self, game: str) -> str:
        return entries.dataset_name(game, self.section(game))

    def section_with_key(self, dataset: str, key: str) -> str:
        """The first game whose expert, recordings, demonstrations or random play have that key."""
        for game in self.params.games:
            keys = (self.record_key(game), self.demos_key(game), self.random_key(game))
            if self.dataset_name(game) == dataset and key in (*keys, self.expert_key(game)):
                return game
        raise KeyError(f"no game of the study has demonstrations {dataset}-{key}")

    def record_key(self, game: str) -> str:
        return self._once(("record", game), lambda: self._record_key(game))

    def _record_key(self, game: str) -> str:
        section = self.section(game)
        wanted = section.demonstrations.model_dump(exclude={"chunk_steps", "shard_steps"})
        if (given := entries.given_recordings(section)) is not None:
            taken = given.model_dump(exclude={"path"})
            del wanted["jobs"]
            return key("ingest", [self.expert_key(game), taken, wanted], packages=("nle",))
        content = [
            self.dataset_name(game),
            section.emulator.model_dump(),
            self.expert_key(game),
            section.expert.model_dump(exclude={"file", "ppo", "min_return"}),
            wanted,
        ]
        step = entries.RECORDING[section.domain]
        return self.game_key(step, game, content, *entries.player_roots(section))

    def parts(self, game: str) -> list[str]:
        """What the recording jobs make."""
        return entries.parts(
            self.section(game), f"{self.dataset_name(game)}-{self.record_key(game)}"
        )

    def recordings(self, game: str) -> str:
        """The folder of recorded games that is ingested, in the layout of NLD."""
        given = entries.given_recordings(self.section(game))
        if given is not None:
            return given.path
        return f"data/recordings/{self.dataset_name(game)}-{self.record_key(game)}"

    def demos_key(self, game: str) -> str:
        return self._once(("demos", game), lambda: self._demos_key(game))

    def _demos_key(self, game: str) -> str:
        section = self.section(game)
        wanted = section.demonstrations
        content = [self.record_key(game), wanted.chunk_steps, wanted.shard_steps]
        step = entries.STORING[section.domain]
        return key(step, content, packages=entries.packages(section) if step == "ingest" else ())

    def demos_dir(self, game: str) -> str:
        return f"data/demonstrations/{self.dataset_name(game)}-{self.demos_key(game)}"

    def demos(self, game: str) -> str:
        """The store."""
        return f"{self.demos_dir(game)}/demos.zarr"

    def demos_stamp(self, game: str) -> str:
        """The file that says that the store is complete."""
        return f"{self.demos_dir(game)}/done.json"

    def random_key(self, game: str) -> str:
        return self._once(("random", game), lambda: self._random_key(game))

    def _random_key(self, game: str) -> str:
        section = self.section(game)
        measured = section.evaluation
        content = [
            self.dataset_name(game),
            section.emulator.model_dump(),
            measured.random_episodes,
            measured.seed,
        ]
        return self.game_key("random", game, content)

    def random(self, game: str) -> str:
        return f"data/evaluations/{self.dataset_name(game)}/random-{self.random_key(game)}.json"
