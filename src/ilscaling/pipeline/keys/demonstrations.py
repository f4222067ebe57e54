"""Keys and paths of experts and demonstrations."""

from pathlib import Path

from ilscaling import files, registry
from ilscaling.domains.domain import Domain, Origin
from ilscaling.errors import ExpertError, WorkflowError
from ilscaling.pipeline import code_digest
from ilscaling.pipeline.keys.memory import Memory
from ilscaling.pipeline.keys.recipe import LENGTH, key


def recordings_digest(folder: str | Path) -> str:
    """Key of somebody's recordings. In the layout of NLD: the names and sizes of the games and the
    content of their xlogfiles; of another file or folder its content. Of an absent one, its name:
    such a study can be planned."""
    root = Path(folder).expanduser()
    if root.is_file():
        return files.sha256(root)[:LENGTH]
    if not root.is_dir():
        return files.digest(["absent", str(folder)])[:LENGTH]
    if not any(root.glob("*/*xlogfile")):
        whole = {p.relative_to(root).as_posix(): files.sha256(p) for p in root.rglob("*")
                 if p.is_file()}  # fmt: skip
        return files.digest(sorted(whole.items()))[:LENGTH]
    logs = {p.relative_to(root).as_posix(): files.sha256(p) for p in root.glob("*/*xlogfile")}
    sizes = {p.relative_to(root).as_posix(): p.stat().st_size for p in root.glob("*/*.bz2")}
    return files.digest([sorted(logs.items()), sorted(sizes.items())])[:LENGTH]


class Demonstrations(Memory):
    """What is made before any run."""

    def domain(self, game: str) -> Domain:
        """The domain that plays a section's game."""
        return registry.get("DOMAIN", self.section(game).domain)

    def game_code(self, game: str) -> tuple[str, ...]:
        """Where the code that plays a section's game begins."""
        return self.domain(game).code("game", self.section(game))

    def game_key(self, step: str, game: str, content: object, *roots: str) -> str:
        """Key of a step that plays a game."""
        packages = self.domain(game).packages
        return key(step, content, *self.game_code(game), *roots, packages=packages)

    # Expert

    def origin(self, game: str) -> Origin:
        """Where a game's expert comes from."""
        return self._once(
            ("origin", game), lambda: self.domain(game).expert(game, self.section(game))
        )

    def trains_expert(self, game: str) -> bool:
        """Whether a job of the workflow trains the game's expert."""
        return self.origin(game).training is not None

    def expert_key(self, game: str) -> str:
        return self._once(("expert", game), lambda: self._expert_key(game))

    def _expert_key(self, game: str) -> str:
        origin, domain = self.origin(game), self.domain(game)
        if origin.recordings is not None:
            return recordings_digest(origin.recordings)
        if origin.training is not None:
            packages = (*domain.packages, *domain.player_packages)
            roots = (*origin.code, *self.game_code(game))
            return key("expert", origin.training, *roots, packages=packages, entry=domain.name)
        if origin.file is None:
            return code_digest.digest(*origin.code)[:LENGTH]
        path = self.root / origin.file
        if not path.is_file():
            raise ExpertError(
                "expert file is missing",
                where=f"{path} (params: games.{game}.expert.file)",
                fix=self._if_absent(game, origin.file),
            )
        return files.sha256(path)[:LENGTH]

    def _if_absent(self, game: str, file: str) -> str:
        """What to type if the file of an expert is not there."""
        expert = self.domain(game).brought(self.section(game))
        if expert is None:
            return self.domain(game).if_absent(game, self.section(game))
        source = registry.source("EXPERT", expert)
        return f"put it at {file}; if {source} trains it: python {source}"

    def expert(self, game: str) -> str | None:
        """File that a game's expert is, or reads, if any."""
        if self.trains_expert(game):
            return f"{self._expert_place(game)}.safetensors"
        return self.origin(game).file

    def expert_work(self, game: str) -> str:
        """Folder of the checkpoints of an expert's training."""
        return f"{self._expert_place(game)}-work"

    def _expert_place(self, game: str) -> str:
        played = self.domain(game).game(game, self.section(game))
        return f"data/experts/{played}-{self.expert_key(game)}"

    # Demonstrations

    def dataset_name(self, game: str) -> str:
        """Name under which a game's demonstrations are kept. Sections of a game that differ in
        training alone share them."""
        return self.domain(game).source(game, self.section(game))

    def section_with_key(self, dataset: str, key: str) -> str:
        """The first game whose expert, recordings, demonstrations or random play have that key."""
        for game in self.params.games:
            keys = (self.record_key(game), self.demos_key(game), self.random_key(game))
            if self.dataset_name(game) == dataset and key in (*keys, self.expert_key(game)):
                return game
        raise WorkflowError(
            f"no game of the study has {dataset}-{key}", fix="snakemake --cores all demonstrations"
        )

    def record_key(self, game: str) -> str:
        return self._once(("record", game), lambda: self._record_key(game))

    def _record_key(self, game: str) -> str:
        section, domain = self.section(game), self.domain(game)
        records, code = domain.records(section), domain.code("record", section)
        content = [
            self.dataset_name(game),
            section.emulator.model_dump() if records else None,
            self.expert_key(game),
            domain.recorded(section),
        ]
        packages = (*domain.packages, *(domain.player_packages if records else ()))
        return key(
            "record" if records else "ingest",
            content,
            *code,
            *(self.game_code(game) if records else ()),
            packages=packages,
            entry=domain.name,
        )

    def parts(self, game: str) -> list[str]:
        """What the recording jobs make: a part each, or a folder of recorded games each; nothing
        where somebody else's recordings are taken."""
        section, domain = self.section(game), self.domain(game)
        if not domain.records(section):
            return []
        name = f"{self.dataset_name(game)}-{self.record_key(game)}"
        jobs = range(section.demonstrations.jobs)
        if domain.store_by == "shard":
            return [f"data/parts/{name}/part-{job}.zip" for job in jobs]
        return [f"data/recordings/{name}/job-{job}" for job in jobs]

    def recordings(self, game: str) -> str:
        """The folder of recorded games that is ingested, in the layout of NLD."""
        if (given := self.origin(game).recordings) is not None:
            return given
        return f"data/recordings/{self.dataset_name(game)}-{self.record_key(game)}"

    def demos_key(self, game: str) -> str:
        return self._once(("demos", game), lambda: self._demos_key(game))

    def _demos_key(self, game: str) -> str:
        section, domain = self.section(game), self.domain(game)
        wanted = section.demonstrations
        layout = {"unique_steps", "chunk_steps", "shard_steps"}
        content = [self.record_key(game), wanted.model_dump(include=layout)]
        packages = domain.packages if domain.store_by == "ingest" else ()
        code = domain.code("store", section)
        return key(domain.store_by, content, *code, packages=packages, entry=domain.name)

    def datasets(self, store_by: str) -> list[str]:
        """Names of the demonstrations whose store that verb makes."""
        games = [game for game in self.params.games if self.domain(game).store_by == store_by]
        return sorted({self.dataset_name(game) for game in games})

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
