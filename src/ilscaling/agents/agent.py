"""A trained policy as a program of others uses it: its answers, and its play."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ilscaling import games, params, registry
from ilscaling.agents import episode
from ilscaling.errors import ParamsError, TrainingError
from ilscaling.files import read_json, sha256
from ilscaling.learning import snapshot
from ilscaling.learning.players import player
from ilscaling.learning.record import CellRecord
from ilscaling.params import Section
from ilscaling.policies.reading import read, tensors
from ilscaling.seeds import Purpose, seeds

# Of a batch, what is no observation.
APART = {"action", "reward", "episode", "index", "expert_probs"}


@dataclass(frozen=True)
class Agent:
    """A policy with its record.

    Parameters
    ----------
    network
        The PyTorch module, in evaluation mode.
    record
        What the cell is: `record.run` names game, family, size and actions; `record.flops`,
        `record.samples` say what it was trained with.
    file
        Where it was read from.
    """

    network: nn.Module
    record: CellRecord
    file: Path

    @property
    def game(self) -> str:
        """The game that it plays."""
        return self.record.run.game

    @property
    def actions(self) -> tuple[str, ...]:
        """A name for each of its answers."""
        return self.record.run.actions

    @property
    def parameters(self) -> int:
        """Trainable parameters."""
        return self.record.run.params

    @property
    def frames(self) -> int | None:
        """How many observations it sees at once; None for a policy with a memory of its own."""
        return self.record.run.shape.get("frames")

    def __str__(self) -> str:
        run = self.record.run
        return f"{run.family} of {run.params:,} parameters, {self.record.budget:.3g} FLOPs"

    def logits(
        self, observation: Mapping[str, np.ndarray | torch.Tensor] | np.ndarray | torch.Tensor
    ) -> torch.Tensor:
        """Unnormalised log probabilities of the actions.

        Parameters
        ----------
        observation
            Of a policy of stacks: an array (n, frames, ...), such as uint8 (n, 4, 84, 84), or
            {field: that array}; only its observation is read of a batch of `Demonstrations`. Of a
            policy with memory: {field: (n, steps, ...)}, n stretches of play, each from an
            episode's first step on, with `action` int64 (n, steps) for the steps before the last.

        Returns
        -------
        torch.Tensor
            float32 (n, actions), of policies with memory (n, steps, actions).
        """
        device = next(self.network.parameters()).device
        with torch.inference_mode():
            if self.frames is not None:
                if isinstance(observation, Mapping):
                    (observation,) = (v for n, v in observation.items() if n not in APART)
                return self.network(torch.as_tensor(observation).to(device)).float().cpu()
            return self._of_sequences(observation, device)

    def _of_sequences(self, batch: Mapping, device: torch.device) -> torch.Tensor:
        fields = {name: np.asarray(values) for name, values in batch.items() if name not in APART}
        if not self.record.run.shape.get("inventory"):
            fields.pop("inventory", None)
        count, steps = next(iter(fields.values())).shape[:2]
        previous = np.full((count, steps), len(self.actions))
        if "action" in batch:
            previous[:, 1:] = np.asarray(batch["action"])[:, : steps - 1]
        first = np.zeros((count, steps), bool)
        first[:, 0] = True
        stretches = {**fields, "previous": previous, "first": first}
        frames = read(getattr(self.network, "reader", None), stretches)
        answer, _ = self.network(tensors(frames, device), self.network.initial(count))
        return answer.float().cpu()

    def probabilities(self, observation, temperature: float = 1.0) -> torch.Tensor:
        """Probabilities of the actions at a temperature above 0, shaped as `logits`."""
        return (self.logits(observation) / temperature).softmax(-1)

    def play(
        self,
        section: Section,
        *,
        number: int = 0,
        seed: int | None = None,
        temperature: float | None = None,
        max_steps: int | None = None,
        on_step: Callable[[int], object] | None = None,
        threads: int = 1,
    ) -> episode.PlayedEpisode:
        """Play an episode; the same number is the same game, for every policy.

        Parameters
        ----------
        section
            The section of a study whose game it plays: see `section_of`.
        number
            Of the episode, from 0; those that `ilscaling evaluate` measures come first.
        seed
            Of the episode, instead of its number: that of a recorded one gives the expert's game.
        temperature
            Divides the logits; 0 plays the best action, None: that of the section's evaluation.
        max_steps
            Stop after so many steps; None: at the game's end.
        on_step
            Called with 1 after each step.
        threads
            Of PyTorch; one is the fastest for a single game.

        Raises
        ------
        GameError
            For a section of another game.
        """
        wanted = section.evaluation
        game = games.make(section.domain, self.game, 1, section.emulator)
        act = player(
            [self.network],
            game,
            frames=self.frames,
            inventory=bool(self.record.run.shape.get("inventory")),
            owner=np.zeros(1, np.int64),
            temperature=wanted.temperature if temperature is None else temperature,
        )
        own = seeds(Purpose.EVALUATION, wanted.seed + number, count=1)[0]
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            return episode.play(
                game,
                act,
                seed=own if seed is None else seed,
                player=str(self),
                on_step=on_step,
                max_steps=max_steps,
            )
        finally:
            torch.set_num_threads(before)
            game.close()


def load_policy(path: str | Path, *, extensions: Sequence[str] = (), device: str = "cpu") -> Agent:
    """The policy of a snapshot.

    Parameters
    ----------
    path
        `BUDGET.safetensors` of a run, or the JSON record beside it, for example below `data/runs`.
    extensions
        Files or folders that define its family, if that is none of ours: those that the study
        lists under `extensions`.
    device
        'cpu' or 'cuda'.

    Raises
    ------
    TrainingError
        For a snapshot that is missing, damaged, or of a family that nobody has defined.
    """
    if extensions:
        # A file that the study has loaded by another path is the same file.
        known = {Path(file).resolve() for file in registry.loaded()}
        more = [str(file) for file in extensions if Path(file).resolve() not in known]
        registry.load([*registry.loaded(), *dict.fromkeys(more)])
    path = Path(path)
    path = path.with_suffix(".safetensors") if path.suffix == ".json" else path
    if not path.is_file() or path.suffix != ".safetensors":
        folder = path if path.is_dir() else path.parent
        there = sorted(other.name for other in folder.glob("[0-9]*.safetensors"))
        raise TrainingError(
            "no such snapshot",
            where=str(path),
            fix=f"there are {', '.join(there)}" if there else "ls data/runs/*/*",
        )
    try:
        network, record = snapshot.load_policy(path)
    except TrainingError as error:
        if not _of_another_version(path):
            raise
        raise TrainingError(
            f"another version of ilscaling wrote it, and this one cannot read it: {error.what}",
            where=str(path),
            fix="ilscaling play --list   for those of this version   or check out the commit that"
            " made it",
        ) from None
    return Agent(network.to(device), record, path)


def _of_another_version(path: Path) -> bool:
    """Whether a snapshot that cannot be read is whole: not damaged, but of a policy, or in a
    format, that is no longer ours."""
    try:
        values = read_json(path.with_suffix(".json"))
        family = values.get("family")
        done = values.get("status") == "done" and family in registry.names("FAMILY")
        return done and values.get("sha256") == sha256(path)
    except (OSError, ValueError):
        return False


def section_of(agent: Agent, *files: str | Path, name: str | None = None) -> Section:
    """The section of a study that an agent's game belongs to, whose emulator it plays in.

    Parameters
    ----------
    agent
        Whose game.
    files
        Parameter file, and overlays of it; none: params.yaml.
    name
        Which section, if several play the game; None: the first.

    Raises
    ------
    ParamsError
        If no section plays the game.
    """
    study = params.read(*(files or ("params.yaml",)))
    playing = {
        key: each
        for key, each in study.games.items()
        if (name is None or key == name) and games.of(key, each).name == agent.game
    }
    if not playing:
        raise ParamsError(
            f"no section plays {agent.game} there"
            if name is None
            else f"the section {name!r} does not play {agent.game}; there are"
            f" {', '.join(study.games)}",
            where=str(files[0] if files else "params.yaml"),
            fix="--study studies/NAME.yaml   with the study that it was trained in",
        )
    return next(iter(playing.values()))
