"""A first study of an Atari game, as large as a time allows."""

from ilscaling.domains.domain import Starter

# Share of the time for an expert that is trained first.
EXPERT = 0.4
# The sizes and budgets of the default study, from which a first one is scaled.
SIZES = (2, 4, 8, 12, 16, 24)
BUDGETS = (4.0e10, 8.0e10, 1.6e11, 3.2e11, 6.4e11, 1.28e12)
FULL = 10_000_000  # steps of published PPO


def starter(game: str) -> Starter:
    """Sizes and budgets of Breakout's default study; an expert trained by PPO first."""

    def section(scale: float, expert: float) -> dict:
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
                "sizes": [round(size * max(1.0, scale) ** 0.25) for size in SIZES],
                "budgets": [float(f"{budget * scale:.2g}") for budget in BUDGETS],
                "max_epochs": 2.0,
            },
            "train": {
                "batch": {"value": 32},
                "rate": {"value": 0.003, "at": 8, "power": 0.25},
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
        ),
    )
