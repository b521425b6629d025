"""Strings that are rendered as templates: whatever they render to, they are that one string and nothing else."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelservice.errors import ValuesError
from modelservice.helm import EmbeddedHelm, Release
from modelservice.helm_executable import HelmExecutable
from support.render import VLLM, Objects

Place = tuple[Callable[[str], dict[str, Any]], str, Callable[[Objects], Any]]


def routed(**route: Any) -> dict[str, Any]:
    return {
        "engine": VLLM,
        "routing": {
            "inferencePool": {"create": True},
            "epp": {"create": True},
            "parentRefs": [{"name": "g"}],
            "httpRoute": {"create": True, **route},
        },
    }


def decode(**fields: Any) -> dict[str, Any]:
    return {"engine": VLLM, "decode": fields}


def listed(*containers: dict[str, Any]) -> dict[str, Any]:
    first = {"name": "vllm", "image": VLLM["image"], "modelCommand": "vllmServe"}
    return {"decode": {"containers": [{**first, **containers[0]}, *containers[1:]]}}


def download(**options: Any) -> dict[str, Any]:
    return {"engine": VLLM, "modelArtifacts": {"uri": "hf://o/m", "download": {"enabled": True, **options}}}


def loader(objects: Objects) -> dict[str, Any]:
    return next(item for item in objects.pod()["initContainers"] if item["name"] == "download-model")


def rule(objects: Objects) -> dict[str, Any]:
    first: dict[str, Any] = objects.one("HTTPRoute")["spec"]["rules"][0]
    return first


def values_of(container: dict[str, Any]) -> dict[str, Any]:
    return {item["name"]: item.get("value") for item in container["env"]}


MATCH = "routing.httpRoute.matches[0].headers[0].value"
FILTER = "routing.httpRoute.rules[0].filters[0].requestHeaderModifier.set[0].value"
PLACES: dict[str, Place] = {
    # key: (values with a text in it, where the text is rendered to)
    "engine.env.A": (lambda text: {"engine": {**VLLM, "env": {"A": text}}}, "", lambda o: o.env()["A"]),
    "decode.engine.env.A": (lambda text: decode(engine={"env": {"A": text}}), "", lambda o: o.env()["A"]),
    "decode.containers[0].env[0].value": (
        lambda text: listed({"env": [{"name": "A", "value": text}]}), "", lambda o: o.env()["A"],
    ),
    "decode.containers[1].env[0].value": (
        lambda text: listed({}, {"name": "b", "image": "b", "env": [{"name": "A", "value": text}]}), "",
        lambda o: values_of(o.pod()["containers"][1])["A"],
    ),
    "decode.containers[0].extraConfig.lifecycle.preStop.exec.command[1]": (
        lambda text: listed({"extraConfig": {"lifecycle": {"preStop": {"exec": {"command": ["echo", text]}}}}}), "",
        lambda o: o.engine()["lifecycle"]["preStop"]["exec"]["command"][1],
    ),
    "decode.extraConfig.nodeSelector.a": (
        lambda text: decode(extraConfig={"nodeSelector": {"a": text}}), "", lambda o: o.pod()["nodeSelector"]["a"],
    ),
    "modelArtifacts.download.env.A": (
        lambda text: download(env={"A": text}), "", lambda o: values_of(loader(o))["A"],
    ),
    "modelArtifacts.download.command[1]": (
        lambda text: download(command=["load", text]), "", lambda o: loader(o)["command"][1],
    ),
    "routing.epp.extraConfig.nodeSelector.a": (
        lambda text: {"engine": VLLM, "routing": {
            "inferencePool": {"create": True}, "epp": {"create": True, "extraConfig": {"nodeSelector": {"a": text}}}}}, "",
        lambda o: o.one("Deployment", "epp")["spec"]["template"]["spec"]["nodeSelector"]["a"],
    ),
    MATCH: (
        lambda text: routed(matches=[{"headers": [{"name": "x", "value": text}]}]), "v",
        lambda o: rule(o)["matches"][0]["headers"][0]["value"],
    ),
    FILTER: (
        lambda text: routed(rules=[{"filters": [{
            "type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "x", "value": text}]}}]}]), "v",
        lambda o: rule(o)["filters"][0]["requestHeaderModifier"]["set"][0]["value"],
    ),
    "routing.httpRoute.parentRefs[0].namespace": (
        lambda text: routed(parentRefs=[{"name": "g", "namespace": text}]), "{{ `` }}",
        lambda o: o.one("HTTPRoute")["spec"]["parentRefs"][0]["namespace"],
    ),
}  # fmt: skip
"""The middle one is what a text begins with so that the schema accepts it there."""

texts = st.text("ab '\"\\`#:-{}[]&*!|>%@,?$()~\n\t\u00e9\u6a21", max_size=12) | st.sampled_from(
    [
        "eu # primary",
        "two\nlines",
        "it's",
        "a: b",
        "evil'\n  B: 'injected",
        "5600",
        "true",
        "null",
        "~",
        "1e3",
        "- a",
        "|",
    ]
)
"""Texts that mean something in YAML, JSON, a shell or a template."""


def rendered(embedded: EmbeddedHelm, values: dict[str, Any], x: str = "") -> Objects:
    result = embedded.render({**values, "common": {"x": x}}, Release("test"))
    return Objects(result.objects, result.notes)


@pytest.mark.parametrize("key", PLACES)
@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(x=texts)
def test_a_template_becomes_exactly_what_it_renders_to(embedded: EmbeddedHelm, key: str, x: str) -> None:
    values, start, found = PLACES[key]
    assert found(rendered(embedded, values(f"{start}{{{{ .Values.common.x }}}},team=ml"), x)) == (
        f"{start.removeprefix('{{ `` }}')}{x},team=ml"
    )


@pytest.mark.parametrize("key", [key for key, (_, start, _) in PLACES.items() if not start])
@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=texts.filter(lambda text: "{{" not in text))
def test_a_text_that_is_no_template_stays_as_it_is(embedded: EmbeddedHelm, key: str, text: str) -> None:
    values, _, found = PLACES[key]
    assert found(rendered(embedded, values(text))) == text


SECRET = "s3cr3t"


@pytest.mark.parametrize("key", PLACES)
@pytest.mark.parametrize(
    "template", ["{{ nosuch }}", "{{ .Values.a.b.c }}", "{{ 's3cr3t' }}", '{{ index .Values.a "s3cr3t" }}']
)
def test_a_template_that_fails_is_named_by_its_key_alone(embedded: EmbeddedHelm, key: str, template: str) -> None:
    values, _, _ = PLACES[key]
    with pytest.raises(ValuesError, match="rendered as a template") as error:
        rendered(embedded, values(f"{SECRET}{template}"))
    (problem,) = error.value.problems
    assert problem.key == key
    assert SECRET not in str(problem)


@pytest.mark.executable
def test_helm_itself_names_the_key_and_renders_the_same(executable: HelmExecutable, embedded: EmbeddedHelm) -> None:
    env = {"A": "{{ .Values.common.x }}", "B": "{{ nosuch }}"}
    values = {"engine": {**VLLM, "env": env}, "common": {"x": "evil'\n B: '"}}
    with pytest.raises(ValuesError, match=r"^engine\.env\.B: it is rendered as a template"):
        executable.render(values, Release("test"))
    del env["B"]
    assert executable.render(values, Release("test")).objects == embedded.render(values, Release("test")).objects


def test_the_port_of_a_probe_is_a_number_or_a_name(embedded: EmbeddedHelm) -> None:
    probe = {"httpGet": {"path": "/", "port": "{{ .Values.routing.servicePort }}"}}
    found = rendered(embedded, listed({"extraConfig": {"readinessProbe": probe}}))
    assert found.engine()["readinessProbe"]["httpGet"]["port"] == 8000
