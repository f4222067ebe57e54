"""Exceptions whose text says what is wrong, where, and what to type next."""


class IlscalingError(Exception):
    """An error that a user can act on; the command line prints its text and no traceback.

    `what` is a sentence, `where` a file, key or array, `fix` the next thing to type.
    """

    def __init__(self, what: str, *, where: str = "", fix: str = ""):
        self.what, self.where, self.fix = what, where, fix
        super().__init__(str(self))

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.fix:
            lines.append(f"  try:   {self.fix}")
        return "\n".join(lines)


class ParamsError(IlscalingError):
    """A parameter that is unknown, of the wrong type or out of bounds."""


class ExtensionError(IlscalingError):
    """A file of `extensions` that cannot be loaded, or that does not do what it must."""


class GameError(IlscalingError):
    """A game that does not exist or cannot do what was asked."""


class StoreError(IlscalingError):
    """Demonstrations that are missing, truncated or corrupted."""


class ExpertError(IlscalingError):
    """An expert file that is missing, damaged or of another game."""


class TrainingError(IlscalingError):
    """A run that cannot start, or a snapshot that cannot be read."""


class FitError(IlscalingError):
    """A law that the table does not determine."""


class WorkflowError(IlscalingError):
    """A workflow that cannot start: a lock, a missing file, no disk space."""
