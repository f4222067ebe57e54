"""One HTML page of a study that opens without a network."""

from ilscaling.show.report.page import write

__all__ = ["write"]
