"""Ask vLLM's own parser of `vllm serve`, without vLLM's dependencies.

    python vllm_parser.py SOURCES.zip                      print the arguments that it defines
    python vllm_parser.py SOURCES.zip --describe           print the first sentence of the help of each
    python vllm_parser.py SOURCES.zip --parse < LISTS      print why it rejects each list of arguments, or null

The zip holds vLLM's Python files. They run as they are: every other package that is not in :data:`REAL` is a stand-in
whose attributes are classes that do nothing. A module of vLLM that fails with stand-ins becomes one itself, unless it
defines arguments. Nothing of a stand-in may reach the output; see :func:`plain`.
"""

from __future__ import annotations

import abc
import argparse
import contextlib
import enum
import importlib
import importlib.abc
import importlib.machinery
import io
import json
import re
import sys
import types
import typing
import zipfile
from typing import Any

REAL = {"annotated_types", "packaging", "pydantic", "pydantic_core", "typing_extensions", "typing_inspection", "yaml"}
"""Packages that run: vLLM's configuration consists of pydantic dataclasses."""

PARSERS = (
    "vllm.entrypoints.common.cli_args",  # since 0.33
    "vllm.entrypoints.launchers.cli_args",  # since 0.29
    "vllm.entrypoints.openai.cli_args",
)
"""Modules that have held the parser of `vllm serve`, the newest first."""

REQUIRED = re.compile(r"vllm\.(config|engine|utils\.argparse_utils|entrypoints\.\w+\.cli_args)\b")
"""Modules of vLLM that define arguments: they have to run."""

DEVICE = "<device>"
"""The name of the accelerator: values that contain it depend on the machine."""

KINDS = {
    "int": "int",
    "float": "float",
    "human_readable_int": "size",
    "human_readable_int_or_auto": "size",
    "loads": "json",
    "parse_dataclass": "json",
}
"""Types of values by the name of the function that reads them."""


class Nothing(abc.ABCMeta):
    """The class of stand-ins: what vLLM's modules do with their dependencies on import has no effect."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return stand_in(f"{cls.__module__}.{name}")

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if "stands_in" not in cls.__dict__:
            return super().__call__(*args, **kwargs)  # a class of vLLM that derives from one
        decorates = len(args) == 1 and not kwargs and callable(args[0]) and not isinstance(args[0], Nothing)
        return args[0] if decorates else cls

    def __or__(cls, other: Any) -> Any:
        return cls if isinstance(other, Nothing) else typing.Union[cls, other]  # noqa: UP007

    def __ror__(cls, other: Any) -> Any:
        return typing.Union[other, cls]  # noqa: UP007

    def __iter__(cls) -> Any:
        return iter(())

    def __enter__(cls) -> Any:
        return cls

    def __exit__(cls, *_: object) -> None:
        pass

    def __bool__(cls) -> bool:
        return False

    def __int__(cls) -> int:
        return 0

    def __lt__(cls, _: object) -> bool:
        return False

    def __add__(cls, _: object) -> Any:
        return cls

    __index__ = __len__ = __int__
    __gt__ = __le__ = __ge__ = __contains__ = __lt__
    __getitem__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __add__
    __floordiv__ = __pow__ = __mod__ = __and__ = __rand__ = __lshift__ = __add__


def stand_in(name: str) -> Nothing:
    """Return a class in place of an attribute of an absent package."""
    module, _, short = name.rpartition(".")
    body = {
        "stands_in": True,
        "__module__": f"{module}.{short}",
        "__init__": lambda self, *args, **kwargs: None,
        "__init_subclass__": classmethod(lambda cls, **kwargs: None),
        "__class_getitem__": classmethod(lambda cls, item: cls),
        "__get_pydantic_core_schema__": classmethod(lambda cls, *_: {"type": "any"}),
    }
    return Nothing(short, (), body)


class Absent(types.ModuleType):
    """A module in place of an absent one."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__ = []

    def __getattr__(self, name: str) -> Any:
        if name == "__version__":
            return "99.0.0"
        if name.startswith("__"):
            raise AttributeError(name)
        found = stand_in(f"{self.__name__}.{name}")
        setattr(self, name, found)
        return found


class Sources(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Imports vLLM from its sources, and stand-ins for all else that is neither real nor of the standard library."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.texts = {name: archive.read(name).decode() for name in archive.namelist()}

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        top = fullname.partition(".")[0]
        if top in REAL or top in sys.stdlib_module_names:
            return None
        return importlib.machinery.ModuleSpec(fullname, self, is_package=self.is_package(fullname))

    def is_package(self, fullname: str) -> bool:
        return f"{fullname.replace('.', '/')}.py" not in self.texts

    def get_source(self, fullname: str) -> str | None:
        path = fullname.replace(".", "/")
        return self.texts.get(f"{path}/__init__.py", self.texts.get(f"{path}.py"))

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType | None:
        if spec.name == "regex":
            return re
        return None if self.get_source(spec.name) is not None else Absent(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        name = module.__name__
        source = self.get_source(name)
        if source is None:
            return
        module.__file__ = f"{name}.py"  # pydantic and inspect ask for one
        try:
            exec(compile(source, module.__file__, "exec", dont_inherit=True), module.__dict__)  # noqa: S102
        except Exception:
            if REQUIRED.match(name):
                raise
            vars(module)["__getattr__"] = Absent(name).__getattr__


def parser(sources: Sources) -> argparse.ArgumentParser:
    """Return vLLM's parser, for an accelerator called :data:`DEVICE`."""
    platforms = importlib.import_module("vllm.platforms")
    interface = importlib.import_module("vllm.platforms.interface")
    platform = interface.UnspecifiedPlatform()
    platform._enum, platform.device_type = interface.PlatformEnum.CUDA, DEVICE
    vars(platforms)["_current_platform"] = platform
    module = importlib.import_module(next(name for name in PARSERS if sources.get_source(name) is not None))
    made: argparse.ArgumentParser = module.make_arg_parser(module.FlexibleArgumentParser())
    return made


def arguments(made: argparse.ArgumentParser) -> list[dict[str, Any]]:
    """Return the arguments of a parser as the table of arguments has them, without versions."""
    flags: dict[argparse.Action, list[str]] = {}
    for flag, action in made._option_string_actions.items():  # an action itself may hide some of its flags
        flags.setdefault(action, []).append(flag)
    return [argument(action, found, made) for action, found in flags.items()]


def argument(action: argparse.Action, flags: list[str], made: argparse.ArgumentParser) -> dict[str, Any]:
    """Return one argument."""
    negations = [flag for flag in flags if flag in negative(action)]
    choices = None if action.choices is None else sorted(str(plain(choice)) for choice in action.choices)
    found: dict[str, Any] = {"flags": sorted(set(flags) - set(negations), key=lambda flag: (-len(flag), flag))}
    name = f"--{action.dest.replace('_', '-')}"
    if name in flags:
        found["flags"].sort(key=lambda flag: flag != name)
    if negations:
        found["negations"] = sorted(negations)
    if action.nargs is not None:
        found["arity"] = action.nargs
    if kind := KINDS.get(reader(action.type)):
        found["type"] = kind
    if choices and DEVICE not in choices:
        found["choices"] = choices
    default = plain(action.default)
    if default is not None and default != argparse.SUPPRESS:
        found["default"] = default
    if deprecated(action, made):
        found["deprecated"] = True
    return found


def described(made: argparse.ArgumentParser) -> dict[str, str]:
    """Return the first sentence of the help of each argument, by its first flag."""
    found = {}
    for item, action in zip(arguments(made), dict.fromkeys(made._option_string_actions.values()), strict=True):
        text = " ".join((action.help or "").split())
        if text and text != argparse.SUPPRESS:
            found[item["flags"][0]] = re.split(r"(?<=[.:])\s+(?=[A-Z\-*`])", text, maxsplit=1)[0]
    return found


def negative(action: argparse.Action) -> set[str]:
    """Return the flags that turn a switch off."""
    if not isinstance(action, argparse.BooleanOptionalAction):
        return set()
    stated: set[str] | None = getattr(action, "negative_option_strings", None)
    return stated or {flag for flag in action.option_strings if flag.startswith("--no-")}


def reader(function: Any) -> str:
    """Return the name of the function that reads a value; vLLM wraps many to take None or to report errors."""
    closed = getattr(function, "__closure__", None) or ()
    if getattr(function, "__name__", "") in ("_optional_type", "_parse_type"):
        return reader(next(cell.cell_contents for cell in closed if callable(cell.cell_contents)))
    plain(function)
    return getattr(function, "__name__", "")


def deprecated(action: argparse.Action, made: argparse.ArgumentParser) -> bool:
    """Return whether an argument is marked as deprecated, or its help says that it is."""
    marked = action in getattr(made, "_deprecated", ()) or getattr(action, "deprecated", False)
    return marked or bool(re.search(r"(^|\n)\W*deprecated\b|\bis deprecated\b", action.help or "", re.IGNORECASE))


def plain(value: Any) -> Any:
    """Return a value as JSON has it; None for an object that JSON cannot hold, such as a whole configuration.

    Raises:
        TypeError: a stand-in came this far: its package is needed in :data:`REAL`.
    """
    if isinstance(value, Nothing) or isinstance(type(value), Nothing):
        raise TypeError(f"{value!r} is a stand-in")
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, (set, frozenset, tuple)):
        return sorted(plain(item) for item in value)
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value if isinstance(value, (bool, int, float, str)) else None


def rejection(made: argparse.ArgumentParser, words: list[str]) -> str | None:
    """Return why a parser rejects arguments; None if it accepts them."""
    if not made._get_positional_actions():
        made.add_argument("model_tag", nargs="?")  # of old releases the subcommand adds it, not the parser
    errors = io.StringIO()
    try:
        with contextlib.redirect_stderr(errors):
            made.parse_args(words)
    except SystemExit:
        return (errors.getvalue().strip().splitlines() or ["no reason given"])[-1]
    except Exception as error:  # any exception is an answer
        return f"{type(error).__name__}: {error}"
    return None


def main() -> None:
    """Print the arguments, their help, or what becomes of command lines, as JSON."""
    option = sys.argv[2:]
    asked = json.load(sys.stdin) if option == ["--parse"] else []
    with zipfile.ZipFile(sys.argv[1]) as archive:
        sources = Sources(archive)
    sys.meta_path.insert(0, sources)
    # vLLM writes help texts, which tell of deprecation, only where they are asked for.
    sys.argv = ["vllm", "--help"]
    made = parser(sources)
    if option == ["--describe"]:
        json.dump(described(made), sys.stdout)
    else:
        json.dump([rejection(made, words) for words in asked] if option else arguments(made), sys.stdout)


if __name__ == "__main__":
    main()
