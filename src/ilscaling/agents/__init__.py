"""Demonstrations and policies for programs of others: docs/api.md shows every use.

from ilscaling import agents

data = agents.Demonstrations("data/demonstrations/.../demos.zarr", frames=4)
agent = agents.load_policy("data/runs/.../6.4e+11.safetensors")
episode = agent.play(section)
"""

from ilscaling.agents.agent import Agent, load_policy, section_of
from ilscaling.agents.demonstrations import Demonstrations, batches
from ilscaling.agents.episode import PlayedEpisode, recorded
from ilscaling.agents.film import animate, show_in_terminal
from ilscaling.agents.panels import side_by_side
from ilscaling.agents.window import show_in_window

__all__ = [
    "Agent",
    "Demonstrations",
    "PlayedEpisode",
    "animate",
    "batches",
    "load_policy",
    "recorded",
    "section_of",
    "show_in_terminal",
    "show_in_window",
    "side_by_side",
]
