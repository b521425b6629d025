"""Helm: the only module that calls it.

Two renderers behind one interface: embedded Helm, which needs no program, and a helm executable. Both report the
same errors in the same words, because both carry the same engine and validator.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import json
import logging
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import helm_python
import pyhelm3
import yaml
from helm_python import _native

from modelservice.errors import ModelserviceError, Problem, UsageError, ValuesError
from modelservice.suggest import key_patterns, suggestion
from modelservice.values.scalars import WORDS

# pyhelm3 logs each failed command; without a handler Python prints that to the standard error, beside our sentence.
logging.getLogger("pyhelm3").addHandler(logging.NullHandler())

INSTALL_ORDER = (
    "PriorityClass", "Namespace", "NetworkPolicy", "ResourceQuota", "LimitRange", "PodDisruptionBudget",
    "ServiceAccount", "Secret", "ConfigMap", "StorageClass", "PersistentVolume", "PersistentVolumeClaim",
    "CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "Service", "DaemonSet",
    "Pod", "ReplicationController", "ReplicaSet", "Deployment", "HorizontalPodAutoscaler", "StatefulSet", "Job",
    "CronJob", "IngressClass", "Ingress", "APIService",
)  # fmt: skip
"""Kinds in the order Helm installs them; others follow, by name
(https://helm.sh/docs/intro/using_helm/#helm-install-installing-a-package)."""


_RELEASE_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
"""https://github.com/helm/helm/blob/v4.3.1/pkg/chart/v2/util/validate_name.go"""


@dataclass(frozen=True)
class Release:
    """A release that a chart is rendered for."""

    name: str = "modelservice"
    namespace: str = "default"

    def __post_init__(self) -> None:
        """Refuses a name that Helm refuses; the embedded one renders any.

        Raises:
            UsageError: Helm would not install a release of this name.
        """
        if len(self.name) > 53 or not _RELEASE_NAME.fullmatch(self.name):
            raise UsageError(
                f"no name for a release: {self.name!r}",
                fix="use at most 53 lowercase letters, digits, '-' and '.', with a letter or digit at both ends",
            )


_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The loader of libyaml where PyYAML has it: rendered objects are long, and it is many times as fast."""


class _UniqueKeys(_LOADER):  # type: ignore[misc]
    """A loader that refuses a mapping with a key given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise ModelserviceError(
                    f"the rendered object has the key {key} twice (line {node.start_mark.line + 1})"
                )
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        return mapping


@dataclass(frozen=True)
class Rendered:
    """What a chart renders to: text by template path."""

    templates: Mapping[str, str]

    @property
    def notes(self) -> str:
        """NOTES.txt; empty where the renderer does not give it."""
        return next((text for path, text in self.templates.items() if path.endswith("/NOTES.txt")), "").strip()

    @functools.cached_property
    def _sources(self) -> list[tuple[str, dict[str, Any]]]:
        found = [(path, obj) for path in self.templates for obj in self.objects_of(path)]
        rank = {kind: index for index, kind in enumerate(INSTALL_ORDER)}
        return sorted(found, key=lambda item: (rank.get(_kind(item[1]), len(rank)), _kind(item[1]), _name(item[1])))

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The objects in the order Helm installs them."""
        return [obj for _, obj in self._sources]

    def objects_of(self, template: str) -> list[dict[str, Any]]:
        """The objects that one template printed, in its order."""
        return [] if template.endswith("NOTES.txt") else _parsed(template, self.templates.get(template, ""))

    def template_of(self, obj: Mapping[str, Any]) -> str:
        """Path of the template that printed an object.

        Raises:
            KeyError: the object is not of this render.
        """
        for path, other in self._sources:
            if other is obj:
                return path
        raise KeyError(_name(obj))

    @property
    def manifests(self) -> str:
        """The objects as one stream of YAML, each with the template it comes from."""
        return "".join(f"---\n# Source: {path}\n{dump(obj)}" for path, obj in self._sources)


def _parsed(path: str, text: str) -> list[dict[str, Any]]:
    """The objects in the text that a template rendered to.

    Raises:
        ModelserviceError: it is not YAML, or not Kubernetes objects.
    """
    try:
        documents = [document for document in yaml.load_all(text, Loader=_UniqueKeys) if document]
    except yaml.YAMLError as error:
        place = " ".join(str(error).split())
        raise ModelserviceError(f"the template renders to invalid YAML: {place}", file=path) from None
    for document in documents:
        if not isinstance(document, dict) or not isinstance(document.get("metadata", {}), dict):
            raise ModelserviceError("the template renders to something that is no Kubernetes object", file=path)
        if not document.get("kind"):
            raise ModelserviceError("the template renders to an object without a kind", file=path)
    return documents


def _kind(obj: Mapping[str, Any]) -> str:
    return str(obj.get("kind", ""))


def _name(obj: Mapping[str, Any]) -> str:
    return str(obj.get("metadata", {}).get("name", ""))


class _Dumper(yaml.SafeDumper):
    """Prints text of several lines, such as a file in a ConfigMap, as lines."""


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None),
)


def dump(obj: Mapping[str, Any]) -> str:
    """An object as YAML, keys in their order, lines unwrapped."""
    text: str = yaml.dump(dict(obj), Dumper=_Dumper, sort_keys=False, width=10_000, allow_unicode=True)
    return text


class Renderer(Protocol):
    """Renders the chart and lints it."""

    def render(
        self,
        values: Mapping[str, Any],
        release: Release,
        *,
        kube_version: str | None = None,
        api_versions: Sequence[str] = (),
    ) -> Rendered:
        """Renders the chart.

        Raises:
            ValuesError: the schema or the templates refuse the values.
            ModelserviceError: the chart does not render.
        """
        ...

    def lint(self, values: Mapping[str, Any]) -> list[str]:
        """What Helm's linter finds wrong, one line each."""
        ...


def renderer(which: str, chart: Path) -> Renderer:
    """The renderer that `--helm` names: ``embedded``, or the name or path of a helm executable.

    Raises:
        UsageError: there is no such executable, or no chart.
    """
    if not (chart / "Chart.yaml").is_file() and chart.suffix != ".tgz":
        raise UsageError("no chart: it has no Chart.yaml", file=str(chart))
    return EmbeddedHelm(chart) if which == "embedded" else HelmExecutable(chart, which)


def copy_chart(chart: Path, folder: Path) -> None:
    """Copies a chart, a directory or an archive, to a new directory.

    Raises:
        UsageError: it is no chart.
    """
    if chart.is_dir():
        shutil.copytree(chart, folder)
        return
    try:
        with tempfile.TemporaryDirectory() as scratch:
            helm_python.expand(chart, scratch)
            shutil.move(next(Path(scratch).iterdir()), folder)
    except helm_python.HelmError as error:
        raise UsageError(f"cannot be loaded as a chart: {error.detail}", file=str(chart)) from None


class EmbeddedHelm:
    """Helm as a library (helm-python-sdk). The chart is loaded once."""

    def __init__(self, chart: Path) -> None:
        self.path = chart
        try:
            self._chart = helm_python.Chart.load(chart)
        except helm_python.HelmError as error:
            raise UsageError(f"cannot be loaded as a chart: {error.detail}", file=str(chart)) from None

    def render(
        self,
        values: Mapping[str, Any],
        release: Release,
        *,
        kube_version: str | None = None,
        api_versions: Sequence[str] = (),
    ) -> Rendered:
        options: dict[str, Any] = {"name": release.name, "namespace": release.namespace}
        if kube_version:
            options["kube_version"] = kube_version
        if api_versions:
            options["api_versions"] = list(api_versions)
        try:
            return Rendered(_native_render(self._chart, values, options))
        except helm_python.HelmInvalidArgError as error:
            raise UsageError(error.detail) from None
        except helm_python.HelmError as error:
            raise _explained(error.detail, self._chart.schema, values) from None

    def lint(self, values: Mapping[str, Any]) -> list[str]:
        report = helm_python.lint(self.path, dict(values), strict=True)
        findings = [message["error"] for message in report["messages"] if message["severity"] >= 2]
        return findings + [error for error in report["errors"] if error not in findings]


def _native_render(chart: helm_python.Chart, values: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, str]:
    """Renders through the library's own entry point: its Python method lacks the Kubernetes version and the API
    versions, which the library takes.
    """
    text = _native.call_string("helm_render", chart._raw(), json.dumps(values), json.dumps(options))
    templates: dict[str, str] = json.loads(text)
    return templates


class HelmExecutable:
    """A helm executable, driven by pyhelm3."""

    def __init__(self, chart: Path, executable: str) -> None:
        found = shutil.which(executable)
        if found is None:
            raise UsageError(
                f"no program {executable}", fix="install helm, or leave --helm out to use the embedded one"
            )
        self.path = chart
        self.executable = found
        self._command = pyhelm3.Command(executable=found)
        self._check_version(executable)

    def _check_version(self, executable: str) -> None:
        """Any program that ends well would pass for a chart without objects, so it has to say that it is Helm.

        pyhelm3's own check refuses the ``v4.3`` of a helm built from its module without version flags.
        """
        with contextlib.suppress(pyhelm3.errors.Error, UnicodeDecodeError):
            output: bytes = asyncio.run(self._command.run(["version", "--template", "{{.Version}}"]))
            if re.match(r"v[34]\b", output.decode()):
                return
        raise UsageError(f"{executable} is not Helm 3 or 4", fix="name a helm executable, or leave --helm out")

    def render(
        self,
        values: Mapping[str, Any],
        release: Release,
        *,
        kube_version: str | None = None,
        api_versions: Sequence[str] = (),
    ) -> Rendered:
        arguments = ["template", release.name, str(self.path), "--namespace", release.namespace, "--values", "-"]
        if kube_version:
            arguments += ["--kube-version", kube_version]
        for version in api_versions:
            arguments += ["--api-versions", version]
        return Rendered(_by_template(self._run(arguments, values)))

    def lint(self, values: Mapping[str, Any]) -> list[str]:
        try:
            self._run(["lint", str(self.path), "--strict", "--values", "-"], values)
        except ModelserviceError as error:
            return str(error).splitlines()
        return []

    def _run(self, arguments: list[str], values: Mapping[str, Any]) -> str:
        try:
            output: bytes = asyncio.run(self._command.run(arguments, json.dumps(values).encode()))
            return output.decode()
        except pyhelm3.errors.Error as error:
            text = error.stderr.decode().removeprefix("Error: ")
            text = text.replace("Use --debug flag to render out invalid YAML", "").strip()
            if "invalid kube version" in text:
                raise UsageError(text) from None
            raise _explained(text, _schema(self.path), values) from None


def _schema(chart: Path) -> dict[str, Any] | None:
    with contextlib.suppress(OSError, ValueError):
        schema: dict[str, Any] = json.loads((chart / "values.schema.json").read_text(encoding="utf-8"))
        return schema
    return None


def _by_template(stream: str) -> dict[str, str]:
    """Splits the output of `helm template` at its source comments."""
    templates: dict[str, str] = {}
    for part in re.split(r"^---$", stream, flags=re.MULTILINE):
        source = re.search(r"^# Source: (\S+)$", part, flags=re.MULTILINE)
        if source:
            templates[source[1]] = templates.get(source[1], "") + "---" + part
    return templates


# ---------------------------------------------------------------------------------------------
# Errors
# ---------------------------------------------------------------------------------------------

_VIOLATION = re.compile(r"^(?P<indent>\s*)- at '(?P<pointer>[^']*)': (?P<reason>.*)$")
_REFUSAL = re.compile(r"execution error at \((?P<place>[^)]*)\): (?P<message>.*)", re.DOTALL)
_TEMPLATE = re.compile(r'cannot parse template (?P<text>"(?:[^"\\]|\\.)*"|`[^`]*`): template: \S+ (?P<reason>.*)')
_EVALUATION = re.compile(
    r'error during tpl function execution for (?P<text>"(?:[^"\\]|\\.)*"): template: \S+ (?P<reason>.*)', re.DOTALL
)
_KEY = re.compile(r"^(?P<key>[A-Za-z][A-Za-z0-9_\[\].*-]*): (?P<rest>.*)$", re.DOTALL)


def _explained(text: str, schema: dict[str, Any] | None, values: Mapping[str, Any]) -> ModelserviceError:
    """An error of Helm in the words of the person who wrote the values."""
    if "values don't meet the specifications of the schema" in text:
        return ValuesError(_violations(text, schema or {}), by_schema=True)
    refusal = _REFUSAL.search(text)
    if refusal:
        message = refusal["message"].strip()
        key = _KEY.match(message)
        return ValuesError([Problem(key["rest"], key=key["key"]) if key else Problem(message)])
    malformed = _TEMPLATE.search(text) or _EVALUATION.search(text)
    if malformed:
        return ValuesError([_malformed(malformed["text"], malformed["reason"], values)])
    return ModelserviceError(text)


def _malformed(quoted: str, reason: str, values: Mapping[str, Any]) -> Problem:
    """A value that is rendered as a template, and is none."""
    given = json.loads(quoted) if quoted.startswith('"') else quoted.strip("`")
    key = next((path for path, value in _texts(values, []) if value == given), None)
    message = f"{given!r} is rendered as a template, and cannot be: {reason}"
    return Problem(message, key=_dotted(key) if key else None, fix='correct it, or write {{ "{{" }} for two braces')


def _texts(value: Any, path: list[str]) -> Iterator[tuple[list[str], str]]:
    if isinstance(value, str):
        yield path, value
    entries = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for name, below in entries:
        yield from _texts(below, [*path, str(name)])


def _violations(text: str, schema: dict[str, Any]) -> list[Problem]:
    """The violations in Helm's report that are not just the sum of others below them."""
    lines = [match for line in text.splitlines() if (match := _VIOLATION.match(line))]
    problems = []
    for line, following in itertools.zip_longest(lines, lines[1:]):
        if following is None or len(following["indent"]) <= len(line["indent"]):
            path = [part.replace("~1", "/").replace("~0", "~") for part in line["pointer"].split("/")[1:]]
            problems += _violation(path, line["reason"], schema)
    return sorted(problems, key=lambda problem: problem.key or "") or [Problem(text)]


def _violation(path: list[str], reason: str, schema: dict[str, Any]) -> list[Problem]:
    unknown = re.match(r"additional propert(?:y|ies) (.*) not allowed", reason)
    if unknown:
        return [_unknown_key(path, name, schema) for name in re.findall(r"'([^']*)'", unknown[1])]
    pattern = re.match(r"(?P<value>.*) does not match pattern '(?P<pattern>.*)'$", reason)
    words = WORDS.get(pattern["pattern"].replace("\\\\", "\\")) if pattern else None
    if pattern and words:
        return [Problem(f"{pattern['value']} is not {words}", key=_dotted(path))]
    types = re.fullmatch(r"got (?P<given>\w+), want (?P<wanted>.*)", reason)
    fix = _type_fix(types["given"], types["wanted"].split(" or ")) if types else None
    return [Problem(reason.removesuffix(", <nil>"), key=_dotted(path), fix=fix)]


def _type_fix(given: str, wanted: Sequence[str]) -> str | None:
    """What to write where a value has another type than the schema wants."""
    if given in ("number", "integer", "boolean") and "string" in wanted:
        return "write it in quotes"
    if given == "string" and {"number", "integer", "boolean"} & set(wanted):
        return "write it without quotes"
    words = {"array": "write a list", "object": "write a map"}
    return next((words[name] for name in wanted if name in words), None)


def _unknown_key(path: list[str], name: str, schema: dict[str, Any]) -> Problem:
    key = _dotted([*path, name])
    words = [WORDS[pattern] for pattern in key_patterns(schema, path) if pattern in WORDS]
    if words:
        return Problem(f"{name!r} is not {words[0]}", key=key)
    return Problem("unknown key", key=key, fix=suggestion(schema, path, name))


def _dotted(path: Sequence[str]) -> str:
    """``["decode", "containers", "0", "name"]`` as ``decode.containers[0].name``."""
    text = ""
    for part in path:
        text += f"[{part}]" if part.isdigit() else f".{part}" if text else part
    return text
