"""Strings and numbers with a fixed form: names, ports, quantities, durations."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from modelservice.docs.jsontype import json_type

WORDS: dict[str, str] = {}
"""Description of each pattern for error messages, because a regular expression explains little."""


def form(words: str, pattern: str, **bounds: Any) -> Any:
    """Return the constraints of a string, and keep its description for messages."""
    WORDS[pattern] = words
    return Field(pattern=pattern, **bounds)


def json_form(words: str, pattern: str, **schema: Any) -> Any:
    """Return the JSON type of a value whose strings have a form, and keep its description for messages."""
    WORDS[pattern] = words
    return json_type(pattern=pattern, **schema)


Port = Annotated[int, Field(ge=1, le=65535)]
Replicas = Annotated[int, Field(ge=0, le=10000)]
ImagePullPolicy = Literal["Always", "IfNotPresent", "Never", ""]

DnsLabel = Annotated[
    str,
    form(
        "a DNS label: lowercase letters, digits and dashes, at most 63",
        r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        max_length=63,
    ),
]
"""A DNS-1123 label, which Kubernetes requires of container, volume and claim names."""
DnsSubdomain = Annotated[
    str,
    form(
        "a DNS name: lowercase letters, digits, dashes and dots",
        r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        max_length=253,
    ),
]
OptionalName = Annotated[
    str,
    form(
        "empty or a DNS name: lowercase letters, digits, dashes and dots",
        r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)?$",
        max_length=253,
    ),
]
"""Name of an object, or empty for none."""
OptionalLabel = Annotated[
    str,
    form(
        "empty or a DNS label: lowercase letters, digits and dashes",
        r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$",
        max_length=63,
    ),
]
LabelValue = Annotated[
    str,
    form(
        "a label value: letters, digits, dashes, dots and underscores, at most 63",
        r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$",
        max_length=63,
    ),
]
LabelKey = Annotated[
    str,
    form(
        "a label key: [domain/]name",
        r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$",
        max_length=317,
    ),
]
OptionalLabelKey = Annotated[
    str,
    form(
        "empty or a label key: [domain/]name",
        r"^(([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$",
        max_length=317,
    ),
]
ResourceName = Annotated[
    str,
    form(
        "a resource: set cpu, memory, ephemeral-storage, hugepages-<size> or <vendor domain>/<name>",
        r"^(cpu|memory|ephemeral-storage|hugepages-[0-9]+[KMGTPE]i|"
        r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)$",
        max_length=317,
    ),
]
"""A resource that the API server knows (cpu, memory, …) or a vendor's extended resource, ``domain/name``."""
ExtendedResourceName = Annotated[
    str,
    form(
        "an extended resource: set <vendor domain>/<name>",
        r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$",
        max_length=317,
    ),
]
Quantity = Annotated[
    str | int | float,
    json_form(
        "a quantity, e.g. 500m, 16Gi or 4",
        r"^[0-9]+(\.[0-9]+)?([eE][0-9]+|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$",
        type=["string", "number"],
        minimum=0,
    ),
]
"""A Kubernetes quantity (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/)."""
NumberOrPercentage = Annotated[
    int | str,
    json_form(
        "a number or a percentage, e.g. 1 or 25%",
        "^(100|[0-9]?[0-9])%$",
        type=["integer", "string"],
        minimum=0,
        maximum=10000,
    ),
]
Version = Annotated[str, form("a version, e.g. 0.8.0", r"^v?[0-9]+\.[0-9]+(\.[0-9]+)?([-+].*)?$", max_length=64)]
FileName = Annotated[
    str,
    form("a file name: letters, digits, dashes, dots and underscores", r"^[-._A-Za-z0-9]+$", max_length=253),
]
"""A key of a ConfigMap's data."""
PortName = Annotated[
    str,
    form(
        "the name of a port: lowercase letters, digits and single dashes, and at least one letter",
        r"^([0-9]+-)*[0-9]*[a-z][a-z0-9]*(-[a-z0-9]+)*$",
        max_length=15,
    ),
]
"""An IANA service name, which Kubernetes requires of container and Service ports."""
ServiceName = Annotated[
    str,
    form(
        "the name of a Service: lowercase letters, digits and dashes, a letter first, at most 63",
        r"^[a-z]([-a-z0-9]*[a-z0-9])?$",
        max_length=63,
    ),
]
Hostname = Annotated[
    str,
    form(
        "a host name: a DNS name, or one below *.",
        r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
        max_length=253,
    ),
]
Line = Annotated[str, form("one line without control characters", r"^[^\x00-\x1f\x7f]*$")]
"""Text that other programs print or compare: a header, an annotation of a trace, a folder."""
Word = Annotated[str, form("text without spaces and control characters", r"^[^\x00-\x20\x7f]*$", max_length=253)]
Image = Annotated[str, form("an image: no spaces, no control characters", r"^[^\x00-\x20\x7f]*$", max_length=512)]
AbsolutePath = Annotated[
    str, form("an absolute path without control characters", r"^/[^\x00-\x1f\x7f]*$", max_length=1024)
]
UrlPath = Annotated[
    str,
    form(
        "a path of a URL: it begins with /, and spaces and characters such as { and ? are written as %XX",
        r"^/([-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})*$",
        max_length=1024,
    ),
]
"""A path that the Gateway API accepts (https://gateway-api.sigs.k8s.io/reference/spec/#httppathmatch)."""
_PORT = "(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})"
_HOST = r"([^\x00-\x20\x7f/@]+@)?([^\x00-\x20\x7f/:@\[\]]+|\[[0-9a-fA-F:.]+\])"
EndpointUrl = Annotated[
    str,
    form(
        "an address, e.g. https://host[:port], with a port of at most 65535",
        rf"^https?://{_HOST}(:{_PORT})?(/[^\x00-\x20\x7f]*)?$",
        max_length=512,
    ),
]
CollectorAddress = Annotated[
    str,
    form(
        "an address, e.g. http://host:4317, with a port of at most 65535",
        rf"^(([a-z][a-z0-9+.-]*://)?{_HOST}(:({_PORT}|\$\([A-Za-z_][A-Za-z0-9_.-]*\)))?(/[^\x00-\x20\x7f]*)?)?$",
        max_length=253,
    ),
]
"""An address, with or without a scheme, in which Kubernetes expands ``$(NAME)``; empty for none."""
EnvName = Annotated[str, form("the name of an environment variable", r"^[A-Za-z_][A-Za-z0-9_.-]*$", max_length=256)]
SecretKey = Annotated[
    str,
    form(
        "a key of a Secret: letters, digits, dashes, dots and underscores",
        r"^[-._a-zA-Z0-9]+$",
        min_length=1,
        max_length=253,
    ),
]
"""A key of a Secret's data."""
FlagName = Annotated[
    str,
    form(
        "a flag without leading dashes, and with dashes for underscores, e.g. max-model-len",
        r"^[a-z][a-z0-9-]*(\.[A-Za-z0-9_.-]+)?$",
        max_length=128,
    ),
]
"""A command line flag without its leading dashes, spelled with dashes: ``max-model-len``."""
ModelName = Annotated[
    str,
    form(
        "a model's name: no dash at the beginning, no spaces at the ends, no control characters or any of \"`\\${}",
        r"""^[^-\x00-\x20\x7f"`\\${}]([^\x00-\x1f\x7f"`\\${}]*[^\x00-\x20\x7f"`\\${}])?$""",
        min_length=1,
        max_length=253,
    ),
]
"""A model's name in requests. It is an argument of the engine, in which Kubernetes expands ``$(NAME)``, and part of
headers and paths."""
ModelAlias = Annotated[
    str,
    form(
        "a model's name without spaces: no dash at the beginning, no control characters or any of \"`\\${}",
        r"""^[^-\x00-\x20\x7f"`\\${}][^\x00-\x20\x7f"`\\${}]*$""",
        min_length=1,
        max_length=253,
    ),
]
"""A model's name in a list that some engines separate by spaces."""
ModelUri = Annotated[
    str,
    form("a URI without control characters", r"^[^\x00-\x1f\x7f]+$", max_length=1024),
]
"""Location of a model, possibly as a template; its form is checked when it is rendered."""
Revision = Annotated[
    str,
    form(
        "a branch, tag or commit: no dash at the beginning, no spaces, control characters, \\, $ or ~^:?*[",
        r"^[^-\x00-\x20\x7f\\$~^:?*\[][^\x00-\x20\x7f\\$~^:?*\[]*$",
        min_length=1,
        max_length=256,
    ),
]
"""A git revision (https://git-scm.com/docs/git-check-ref-format)."""
AnnotationKey = Annotated[
    str,
    form(
        "the key of an annotation: [domain/]name of letters, digits, dashes, dots and underscores",
        r"^([A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$",
        max_length=317,
    ),
]
Annotations = dict[AnnotationKey, str]
"""Annotations of an object (https://kubernetes.io/docs/concepts/overview/working-with-objects/annotations/)."""
NameOrTemplate = Annotated[
    str,
    form(
        "a DNS name: lowercase letters, digits, dashes and dots, or a template",
        r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?|.*\{\{.*\}\}.*)?$",
        max_length=253,
    ),
]
"""Name of an object that may be a template; what it renders to is checked by the API server."""
PriorityClass = Annotated[
    str,
    form(
        "empty, none or a DNS name: lowercase letters, digits, dashes and dots",
        r"^([Nn]one|[a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$",
        max_length=253,
    ),
]
"""Name of a PriorityClass; ``none`` takes back one of a lower layer."""
RequestField = Annotated[
    str,
    form("a field of a request: letters, digits, dashes and underscores", r"^[A-Za-z_][A-Za-z0-9_-]*$", max_length=128),
]
AcceleratorType = Annotated[
    str,
    form(
        "an accelerator type: lowercase letters, digits and dashes",
        r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
        min_length=1,
        max_length=63,
    ),
]
PrometheusLabel = Annotated[
    str,
    form("a Prometheus label: letters, digits and underscores", r"^[a-zA-Z_][a-zA-Z0-9_]*$", max_length=128),
]
Duration = Annotated[
    str, form("a Prometheus duration, e.g. 30s or 1m30s", r"^([0-9]+(ms|s|m|h|d|w|y))+$", max_length=32)
]
RouteDuration = Annotated[
    str, form("a duration, e.g. 30s, 1m30s or 0s", r"^([0-9]{1,5}(h|m|s|ms)){1,4}$", max_length=32)
]
"""A Gateway API duration (https://gateway-api.sigs.k8s.io/geps/gep-2257/)."""
