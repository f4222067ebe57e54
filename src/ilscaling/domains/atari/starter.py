"""A first study of an Atari game, as large as a time allows."""

from ilscaling.domains.domain import Starter
from ilscaling.domains.ladder import ladder

# Share of the time for an expert that is trained first.
EXPERT = 0.4
# At scale 1 about the budgets and sizes of the default study, and some beyond either end.
LEAST, MOST = 2.0e10, 2.0e12
SMALLEST, LARGEST = 1, 40
FULL = 10_000_000  # steps of published PPO


def starter(game: str) -> Starter:
    """Sizes and budgets about those of the default study; an expert trained by PPO first."""

    def section(scale: float, expert: float) -> dict:
        budgets = ladder(LEAST * min(1.0, scale), MOST * scale, step=2.5, fewest=6, most=8)
        largest = LARGEST * max(1.0, scale) ** 0.25
        sizes = ladder(SMALLEST, largest, step=1.8, fewest=6, most=8)
        steps = max(20_000, round(FULL * expert, -4))
        return {
            "domain": "atari",
            "emulator": {"max_steps": 4500},
            "expert": {
                "file": None,
                "temperature": 1.0,
                "ppo": {"steps": int(steps), "width": 0.5},
            },
            "demonstrations": {
                "train_steps": max(20_000, int(452_000 * scale**0.5)),
                "dev_steps": max(5_000, int(20_000 * scale**0.5)),
                "test_steps": max(5_000, int(20_000 * scale**0.5)),
                "jobs": 4,
            },
            "grid": {
                "family": "cnn",
                "sizes": sorted({round(size) for size in sizes}),
                "budgets": [float(f"{budget:.2g}") for budget in budgets],
                "max_epochs": 4.0,
            },
            "train": {
                "batch": {"value": 32},
                # A third of Breakout's, which left most policies of Pong at the entropy of the
                # expert's actions (docs/lot.md).
                "rate": {"value": 0.001, "at": 8, "power": 0.25},
                "warmup_steps": 50,
            },
            "evaluation": {"episodes": 6, "random_episodes": 30},
        }

    return Starter(
        section,
        expert_share=EXPERT,
        notes=(
            "The expert is trained by PPO first, on the steps that the time allows. Published PPO",
            f"takes {FULL:,} steps (hours): raise expert.ppo.steps, or bring an expert of your own",
            "(ilscaling import-expert) and name it in expert.file, before you believe a result.",
            "A loss that stays at the entropy of the expert's actions asks for another train.rate.",
        ),
    )
