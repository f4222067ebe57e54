"""The page: figures, tables and provenance in one file, everything embedded."""

import base64
import os
from pathlib import Path
from urllib.parse import quote

import pandas as pd
import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ilscaling.errors import WorkflowError
from ilscaling.files import atomic, read_json
from ilscaling.laws import StudyFit
from ilscaling.show import looks, titles, words
from ilscaling.show.report import (
    chart,
    download,
    methods,
    overview,
    purchase,
    statistics,
    terminal,
    text,
)

# section of the page -> the figures that it begins with
SECTIONS = {
    "laws": ("profiles", "laws", "return_on_loss", "conditions"),
    "methods": ("methods",),
    "forms": ("forms",),
    "held-out": ("held_out",),
    "rolling": ("validation",),
    "across": ("currencies", "across"),
    "forecast": ("forecast",),
    "run": ("curves",),
    "expert": ("expert",),
}
TYPES = {
    ".png": "image/png",
    ".gif": "image/gif",
}


def write(
    out_html: str | Path,
    *,
    title: str,
    params: dict,
    table: pd.DataFrame,
    fit: StudyFit,
    figures_dir: str | Path,
    demonstrations: dict[str, dict],
    provenance: dict,
    links: dict[str, str],
    forecast: dict | None = None,
) -> None:
    """Write the report of a study; equal inputs give equal bytes.

    Parameters
    ----------
    out_html
        The page.
    title
        Of the page.
    params
        The whole study as plain values (`Params.model_dump(mode="json")`).
    table
        Results table (`tables.COLUMNS`).
    fit
        Its laws.
    figures_dir
        Where `figures.draw_all` wrote its manifest figures.json and files.
    demonstrations
        Game -> {"splits": {split: {"steps", "episodes", "return_mean", "return_se"}}, "expert":
        {what: value} (its record, shown as given), "ingest": what was taken of recorded games (see
        `text.ingest`), "images": {caption: path of a PNG or GIF}, "replay": path of a file of
        `figures.replays.write`}; each part may be missing. Sections of one game whose parts are
        equal, but for the replay, share one account of the expert.
    provenance
        Each part may be missing: "commit" str, "dirty" bool, "keys" {step: key}, "versions"
        {package: version}, "hardware" {what: value}, "stages" [{"stage" str, "jobs" int, "seconds"
        float (summed over jobs), "flops" float or None}], "reproduce" [command], and "notes"
        [sentence].
    links
        Text -> path of a file, relative to the page.
    forecast
        None if none was trained, else {"predictions": table of `laws.forecast`, "realised": rows of
        a results table, "proposals": [record of `laws.proposal`]}.

    Raises
    ------
    WorkflowError
        If a link leaves for the network, or if a figure or image is missing.
    """
    out_html, figures_dir = Path(out_html), Path(figures_dir)
    for label, target in links.items():
        if "://" in target or target.startswith("//"):
            raise WorkflowError(
                f"the report opens without a network; its link {label!r} does not",
                where=target,
                fix="give the path of a file, relative to the page",
            )
    games = [game for game in fit.games if game in set(table["game"])]
    games += [game for game in text.unique(table["game"]) if game not in games]
    shown = {game: _embedded(demonstrations.get(game, {})) for game in games}
    experts = _experts(shown, demonstrations)
    html = (
        _environment()
        .get_template("template.html.j2")
        .render(
            title=title,
            params=params,
            params_yaml=yaml.safe_dump(params, sort_keys=False, allow_unicode=True),
            games=games,
            runs=table.drop_duplicates(["game", "family", "size", "seed"]).groupby("game").size(),
            table=table,
            archive=download.archive(table, fit, figures_dir),
            replayed={game for expert in experts if expert["player"] for game in expert["games"]},
            cells=text.cells(table, fit),
            more=text.more(table),
            fit=fit,
            figures={f["name"]: f for f in _figures(figures_dir, out_html.parent)},
            sections=SECTIONS,
            forecast=forecast,
            demonstrations=shown,
            experts=experts,
            provenance=provenance,
            links=links,
        )
    )
    with atomic(out_html) as temporary:
        temporary.write_text(html, encoding="utf-8")


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("ilscaling.show.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    written = (words.number, words.fixed, words.count, words.with_error)
    for write in (*written, text.rule, text.training, text.ingest, text.seconds, text.formula):
        environment.filters[write.__name__] = write
    environment.filters["power"] = words.power_html
    environment.filters["title_case"] = titles.title
    environment.globals |= {"headline": text.headline, "states": text.states}
    environment.globals |= {"known": words.known, "LAWS": looks.LAWS}
    environment.globals |= {"statistics": statistics, "overview": overview, "chart": chart}
    environment.globals |= {"methods": methods, "purchase_offers": purchase.offers}
    return environment


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise WorkflowError(f"cannot embed: {error.strerror}", where=str(path)) from None


def data_uri(path: Path) -> str:
    """A file as a data: URI; raises WorkflowError if it cannot be read."""
    return f"data:{TYPES[path.suffix]};base64,{base64.b64encode(_content(path)).decode()}"


def svg_uri(path: Path) -> Markup:
    """A drawing as a data: URI, as text: base64 makes it a third longer. Raises as `data_uri`."""
    drawing = " ".join(_content(path).decode("utf-8").split())
    if "'" not in drawing:
        drawing = drawing.replace('"', "'")
    # What a URI or an attribute in double quotes cannot hold is escaped, and that alone.
    return Markup("data:image/svg+xml," + quote(drawing, safe=" '<>()[]{}:;,/=?!+*@$|^`~"))


def _figures(directory: Path, beside: Path) -> list[dict]:
    """The manifest's figures, with images embedded and links relative to the page."""
    relative = Path(os.path.relpath(directory, beside))
    try:
        manifest = read_json(directory / "figures.json")
    except OSError as error:
        raise WorkflowError(
            f"no figures: {error.strerror}", where=str(directory), fix="ilscaling figures --help"
        ) from None
    return [
        {
            **figure,
            "name": name,
            "image": svg_uri(directory / figure["files"]["svg"]),
            "rows": (directory / figure["files"]["csv"]).read_bytes().count(b"\n") - 1,
            "links": {
                kind: quote((relative / file).as_posix()) for kind, file in figure["files"].items()
            },
        }
        for name, figure in manifest.items()
    ]


def _embedded(shown: dict) -> dict:
    """A game's demonstrations with all parts present and the images embedded."""
    images = {caption: data_uri(Path(path)) for caption, path in shown.get("images", {}).items()}
    parts = {name: shown.get(name, {}) for name in ("splits", "expert", "ingest")}
    return {**parts, "images": images}


def _experts(shown: dict[str, dict], demonstrations: dict[str, dict]) -> list[dict]:
    """One entry a set of demonstrations: the sections that share it, what is shown, a player."""
    groups: list[tuple[dict, list[str]]] = []
    for game, parts in shown.items():
        same = next(
            (games for known, games in groups if any(parts.values()) and known == parts), None
        )
        if same is None:
            groups.append((parts, [game]))
        else:
            same.append(game)
    return [
        {
            **parts,
            "games": games,
            "title": titles.together(games),
            "player": terminal.player(
                {
                    game: Path(demonstrations[game]["replay"])
                    for game in games
                    if "replay" in demonstrations.get(game, {})
                }
            ),
        }
        for parts, games in groups
    ]
