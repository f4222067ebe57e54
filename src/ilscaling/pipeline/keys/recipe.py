"""What a key is a digest of: the step's parameters, its inputs' keys, its code, its packages."""

from functools import cache
from importlib.metadata import version

from ilscaling import files, registry
from ilscaling.pipeline import code_digest

LENGTH = 12  # hex digits of a key in a path

# Modules whose import closure is the code of a step. What a registry names instead of importing
# (a domain's game, a family's policies) is added by the step's own entries.
ROOTS = {
    "expert": (),
    "record": ("ilscaling.games.jobs",),
    "shard": ("ilscaling.store.shard",),
    "ingest": (),
    "train": ("ilscaling.learning.run",),
    "evaluate": ("ilscaling.measuring",),
    "best": ("ilscaling.measuring.best",),
    "random": ("ilscaling.measuring.reference",),
    "table": ("ilscaling.pipeline.collect_table",),
    "fit": ("ilscaling.pipeline.fit_laws",),
    "proposal": ("ilscaling.pipeline.plan_extrapolation",),
    "forecast": ("ilscaling.pipeline.collect_extrapolation",),
    "figures": ("ilscaling.pipeline.plot_figures",),
    "report": ("ilscaling.pipeline.write_report",),
}
# The verb that runs a step. What it imports of a domain is left out: the step's own stands above.
VERBS = {
    "expert": "ilscaling.cli.train_expert",
    "record": "ilscaling.cli.record",
    "shard": "ilscaling.cli.shard",
    "ingest": "ilscaling.cli.ingest",
    "train": "ilscaling.cli.train",
    "evaluate": "ilscaling.cli.evaluate",
    "best": "ilscaling.cli.evaluate_best",
    "random": "ilscaling.cli.random_play",
}
DOMAINS = "ilscaling.domains."
DOMAIN = "ilscaling.domains.domain"
# Packages another version of which makes other numbers. A domain names its own.
PACKAGES = dict.fromkeys(("train", "evaluate", "best"), ("torch",))

# What every key computed so far is a digest of: step, content, and the modules its code begins at.
RECIPES: dict[str, tuple[str, object, tuple[str, ...]]] = {}


def key(
    step: str,
    content: object,
    *roots: str,
    packages: tuple[str, ...] = (),
    entry: str | None = None,
) -> str:
    """Key of a step.

    Parameters
    ----------
    step
        A key of `ROOTS`.
    content
        Its parameters and its inputs' keys, as JSON knows them.
    roots
        Where further code of it begins: modules, or files of extensions.
    packages
        Further packages whose versions its results depend on.
    entry
        Domain whose entry decides what the step runs. Its modules count, and nothing that they
        import: `roots` name what of it the step uses.
    """
    roots = (*ROOTS[step], *roots)
    versions = {name: public_version(name) for name in (*PACKAGES.get(step, ()), *packages)}
    made = files.digest([step, content, versions, code(step, roots), *_entry(entry)])[:LENGTH]
    RECIPES[made] = (step, content, roots)
    return made


def _entry(domain: str | None) -> list[str]:
    """Digest of the modules of a domain's entry, none without one."""
    if domain is None or not registry.is_built_in("DOMAIN", domain):
        return []  # an extension's files are among the roots
    return [code_digest.of((DOMAIN, registry.source("DOMAIN", domain)))]


def code(step: str, roots: tuple[str, ...]) -> str:
    """Digest of the code of a step, its verb's included.

    Parameters
    ----------
    step
        A key of `ROOTS`.
    roots
        Modules, or files of extensions, where the step's code begins.
    """
    return code_digest.of(modules(step, roots))


@cache
def modules(step: str, roots: tuple[str, ...]) -> tuple[str, ...]:
    """All modules of a step, in order.

    Parameters
    ----------
    step, roots
        As of `code`.
    """
    closure = set(code_digest.closure(*roots))
    if step in VERBS:
        closure |= set(code_digest.closure(VERBS[step], without=DOMAINS))
    return tuple(sorted(closure))


@cache
def public_version(package: str) -> str:
    """Version of an installed package without its build: '2.13.0' of '2.13.0+cpu'."""
    return version(package).partition("+")[0]
