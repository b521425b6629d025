"""How a checkpoint is quantised, by its configuration, with the names of methods that vLLM uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelservice.models.fields import ConfigurationError
from modelservice.models.shape import NumberFormat, Quantization

_FP8 = NumberFormat(8)
_FORMATS = {
    "fp8": _FP8,
    "fp8_pb_wo": NumberFormat(8, 128 * 128, 32),
    "mxfp8": NumberFormat(8, 32, 8),
    "nvfp4": NumberFormat(4, 16, 8),
    "mxfp4": NumberFormat(4, 32, 8),
    "w4a16_mxfp4": NumberFormat(4, 32, 8),
    "w4a16_nvfp4": NumberFormat(4, 16, 8),
    "nvfp4_awq": NumberFormat(4, 16, 8),
    "float-quantized": _FP8,
    "nvfp4-pack-quantized": NumberFormat(4, 16, 8),
    "mxfp4-pack-quantized": NumberFormat(4, 32, 8),
    "int-quantized": NumberFormat(8),
    "int8": NumberFormat(8),
}
"""Formats by the algorithms of ModelOpt, the formats of compressed-tensors, and the methods with one format only."""
_BITSANDBYTES = NumberFormat(4, 64, 32)
_GROUP = 128
"""Elements of a group where AWQ and GPTQ say nothing."""
_EXCLUDED = ("modules_to_not_convert", "exclude_modules", "ignore")


def quantization_of(config: Mapping[str, Any], extra: Mapping[str, Any] | None = None) -> Quantization | None:
    """Return how a checkpoint is quantised; None where its configuration says nothing of it.

    Args:
        config: content of ``config.json``.
        extra: content of ``hf_quant_config.json``, which vLLM reads where the former says nothing.
    """
    text = config.get("text_config")
    parts = (config, text if isinstance(text, Mapping) else {})
    given = next((part[name] for part in parts for name in ("quantization_config", "compression_config")
                  if isinstance(part.get(name), Mapping) and part[name]), None)  # fmt: skip
    inner = extra.get("quantization", extra) if isinstance(extra, Mapping) else None
    merged = {**(inner if isinstance(inner, Mapping) else {}), **(given or {})}
    if not merged:
        return None
    method = _method(merged)
    return Quantization(
        method=method,
        form=_form(method, merged),
        excluded=(*(str(item) for name in _EXCLUDED for item in _list(merged.get(name))), *_dynamic(merged)),
        forms=tuple(_forms(merged)),
        only_experts=method == "mxfp4" or bool(merged.get("moe_quant_algo")),
        cache=_cache(method, merged),
    )


def named(method: str) -> Quantization | None:
    """Return how a checkpoint is quantised of which only the method or format is known; None for an unknown one."""
    name = method.lower()
    if name == "fp8":
        return Quantization("fp8", _FORMATS["fp8_pb_wo"])
    if name in ("awq", "gptq", "int4", "w4a16", "pack-quantized"):
        return Quantization(name if name in ("awq", "gptq") else "compressed-tensors", NumberFormat(4, _GROUP, 20))
    if name == "bitsandbytes":
        return Quantization(name, _BITSANDBYTES)
    if name in _FORMATS:
        return Quantization("mxfp4" if name == "mxfp4" else "compressed-tensors", _FORMATS[name])
    return Quantization(name, None)


def _method(given: Mapping[str, Any]) -> str:
    method = str(given.get("quant_method") or "").lower().replace("compressed_tensors", "compressed-tensors")
    algorithm = str(given.get("quant_algo") or "").upper()
    producer = given.get("producer")
    if method in ("", "modelopt") and (algorithm or (isinstance(producer, Mapping) and producer.get("name"))):
        return {"NVFP4": "modelopt_fp4", "MIXED_PRECISION": "modelopt_mixed"}.get(algorithm, "modelopt")
    return method


def _form(method: str, given: Mapping[str, Any]) -> NumberFormat | None:
    algorithm = str(given.get("quant_algo") or "").lower()
    if method.startswith("modelopt"):
        return _FORMATS.get(algorithm)
    groups = given.get("config_groups")
    if method == "compressed-tensors" and isinstance(groups, Mapping) and groups:
        # Groups whose targets are patterns are in _forms.
        found = (form for targets, form in _groups(given) if not targets or "Linear" in targets)
        return next(found, None)
    if method == "fp8":
        return _FORMATS["fp8_pb_wo"] if given.get("weight_block_size") else _FP8
    if method in ("awq", "gptq", "auto-round", "awq_marlin", "gptq_marlin"):
        bits = _whole(given, "bits", "w_bit") or 4
        group = _whole(given, "group_size", "q_group_size") or _GROUP
        # A scale of 16 bits, and a zero point as wide as an element.
        return NumberFormat(bits, max(0, group), 16 + bits)
    if method == "bitsandbytes":
        return NumberFormat(8) if given.get("load_in_8bit") else _BITSANDBYTES
    return _FORMATS.get(method)


def _groups(given: Mapping[str, Any]) -> Iterator[tuple[list[str], NumberFormat | None]]:
    """The targets of each group of compressed-tensors, and its format."""
    groups = given.get("config_groups")
    for group in groups.values() if isinstance(groups, Mapping) else ():
        if isinstance(group, Mapping):
            form = str(group.get("format") or given.get("format") or "")
            yield [str(target) for target in _list(group.get("targets"))], _group(group, form)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _whole(given: Mapping[str, Any], *names: str) -> int:
    """The first of some fields that is set; 0 without.

    Raises:
        ConfigurationError: it is not a whole number.
    """
    name, value = next(((name, given[name]) for name in names if given.get(name) is not None), ("", 0))
    if isinstance(value, bool) or not isinstance(value, int):
        raise ConfigurationError(f"quantization_config.{name}: {value!r} is not a whole number")
    return value


def _group(group: Mapping[str, Any], form: str) -> NumberFormat | None:
    """The format of a group of compressed-tensors."""
    if form in ("nvfp4-pack-quantized", "mxfp4-pack-quantized"):
        return _FORMATS[form]
    weights = group.get("weights")
    if not isinstance(weights, Mapping) or not weights.get("num_bits"):
        return None
    size = _whole(weights, "group_size") if weights.get("strategy") in ("group", "tensor_group") else 0
    return NumberFormat(_whole(weights, "num_bits"), max(0, size), 16)


def _forms(given: Mapping[str, Any]) -> Iterator[tuple[str, NumberFormat]]:
    """Formats by pattern of the module, of a checkpoint with several."""
    if _method(given) == "compressed-tensors":
        for targets, form in _groups(given):
            yield from ((target, form) for target in targets if form and target != "Linear")
    layers = given.get("quantized_layers")
    for pattern, about in layers.items() if isinstance(layers, Mapping) else ():
        form = _FORMATS.get(str(about.get("quant_algo") or "").lower()) if isinstance(about, Mapping) else None
        if form:
            yield str(pattern), form


def _dynamic(given: Mapping[str, Any]) -> Iterator[str]:
    """Modules that GPTQ leaves as they are: those after ``-:``."""
    rules = given.get("dynamic")
    for pattern in rules if isinstance(rules, Mapping) else ():
        if str(pattern).startswith("-:"):
            yield f"re:{str(pattern)[2:]}"


def _cache(method: str, given: Mapping[str, Any]) -> str:
    """What ``--kv-cache-dtype auto`` becomes, as vLLM's ``get_kv_cache_quant_algo_string``."""
    if not method.startswith("modelopt"):
        return ""
    scheme = given.get("kv_cache_scheme") or given.get("kv_cache_quant_algo")
    if isinstance(scheme, Mapping):
        bits = scheme.get("num_bits")
        floating = scheme.get("type") == "float"
        return "fp8" if bits == 8 and floating and scheme.get("dynamic") is False else "nvfp4" if bits == 4 else ""
    return {"fp8": "fp8", "nvfp4": "nvfp4"}.get(str(scheme or "").lower(), "")
