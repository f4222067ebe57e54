"""Python loads this first in every job of the traced study: what does a step import and read?

With ILSCALING_TRACE=FOLDER each process that uses our package leaves a file there when it ends:
its command line, our modules that it loaded, the parameters (class, field) whose values it used,
and the files of extensions of which it used something. Checking the parameters themselves, which
touches all of them, does not count.
"""

import atexit
import importlib.util
import json
import os
import sys
from pathlib import Path

FOLDER = os.environ.get("ILSCALING_TRACE")
READ: set[tuple[str, str]] = set()
USED: set[str] = set()


class Hook:
    """Finder that patches `ilscaling.params` when it is first imported."""

    def find_spec(self, name, path=None, target=None):
        if name != "ilscaling.params":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        execute = spec.loader.exec_module

        def run(module):
            execute(module)
            record(module)

        spec.loader.exec_module = run
        return spec


def record(params) -> None:
    """Note every use of a parameter's value from now on."""
    model, checking = params.Model, [0]
    get, dump = model.__getattribute__, model.model_dump

    def used(self, name):
        value = get(self, name)
        if not checking[0] and not name.startswith("_") and name in type(self).__pydantic_fields__:
            note(type(self).__name__, name, value)
        return value

    def note(owner, name, value):
        inside = value.values() if isinstance(value, dict) else [value]
        if not any(isinstance(one, model) for one in inside):
            READ.add((owner, name))

    def all_of(self, exclude, include=None):
        for name, value in self.__dict__.items():
            if name in exclude or (include is not None and name not in include):
                continue
            for one in value.values() if isinstance(value, dict) else [value]:
                if isinstance(one, model):
                    all_of(one, ())
            note(type(self).__name__, name, value)

    def dumped(self, *arguments, **options):
        if not checking[0]:
            all_of(self, options.get("exclude") or (), options.get("include"))
        return dump(self, *arguments, **options)

    def unseen(function):
        def quiet(*arguments, **options):
            checking[0] += 1
            try:
                return function(*arguments, **options)
            finally:
                checking[0] -= 1

        return quiet

    registry = params.registry
    get_entry = registry.get

    def noted(kind, name, *where):
        if not checking[0] and not registry.is_built_in(kind, name):
            USED.add(registry._brought[kind, name].file)
        return get_entry(kind, name, *where)

    model.__getattribute__, model.model_dump = used, dumped
    registry.get = noted
    params.check, params.read = unseen(params.check), unseen(params.read)


def leave() -> None:
    ours = sorted(name for name in sys.modules if name.split(".")[0] == "ilscaling")
    if ours:
        found = {"argv": sys.orig_argv, "modules": ours, "read": sorted(READ), "used": sorted(USED)}
        (Path(FOLDER) / f"{os.getpid()}.json").write_text(json.dumps(found))


if FOLDER:
    sys.meta_path.insert(0, Hook())
    atexit.register(leave)
