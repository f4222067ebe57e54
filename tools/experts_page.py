"""The table of docs/experts.md, from the records beside the experts' weights.

tools/readme_numbers.py writes it.
"""

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Random play and people: the table of dqn_zoo (Wang et al. 2016). PPO: returns in the evaluations
# of rl-trained-agents (Stable-Baselines3's zoo) after 1, 2, 3 and 4 million steps of an agent, 50
# episodes each, the whole network, no sticky actions.
PUBLISHED = {
    "bank_heist": ("14.2", "753.1", ""),
    "beam_rider": ("363.9", "16,926.5", "584 / 1,153 / 1,361 / 1,765"),
    "berzerk": ("123.7", "2,630.4", ""),
    "boxing": ("0.1", "12.1", ""),
    "breakout": ("1.7", "30.5", "24 / 63 / 122 / 229"),
    "name_this_game": ("2,292.3", "8,049.0", ""),
    "pong": ("-20.7", "14.6", "-7 / 18 / 20 / 21"),
    "qbert": ("163.9", "13,455", "714 / 3,012 / 4,190 / 4,578"),
    "space_invaders": ("148.0", "1,668.7", "386 / 503 / 615 / 670"),
}
COLUMNS = ("game", "steps", "width", "ours", "random", "people", "PPO, published")


def rows() -> list[tuple[str, ...]]:
    """A row an expert: what its record says, and what others have published."""
    table = []
    for path in sorted((ROOT / "experts").glob("*.json")):
        record = json.loads(path.read_text(encoding="utf-8"))
        measured = record["measured"]
        ours = (
            f"{measured['return_mean']:.1f} ± {measured['return_se']:.1f}"
            f" ({measured['episodes']} episodes, temperature {measured['temperature']:g})"
        )
        published = PUBLISHED.get(record["game"], ("", "", ""))
        table.append(
            (record["game"], f"{record['steps']:,}", f"{record['width']:g}", ours, *published)
        )
    return table


def block(_: dict) -> str:
    """Markdown of the table."""
    lines = [COLUMNS, ("---",) * len(COLUMNS), *rows()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
