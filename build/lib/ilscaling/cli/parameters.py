"""The verb that shows a study's parameters."""

import json
from typing import Annotated

import typer

from ilscaling.cli.options import PARAMS, ParamsFile, Study


def show_params(
    path: ParamsFile = PARAMS,
    study: Study = None,
    explain: Annotated[bool, typer.Option(help="List every key with type and default.")] = False,
    schema: Annotated[bool, typer.Option(help="Print the JSON schema.")] = False,
) -> None:
    """Check the parameters and print them as they are, studies laid over."""
    import yaml

    from ilscaling import params

    if schema:
        print(json.dumps(params.schema(), indent=2))
    elif explain:
        print("\n".join(params.explain()))
    else:
        values = params.read(path, *(study or [])).model_dump(mode="json")
        print(yaml.safe_dump(values, sort_keys=False), end="")
