"""Ways in which people break a correct deployment. An operator changes a copy in place and says which keys it touched.

An operator that does not apply to a deployment returns nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import yaml

from mutation.corpus import Base, Values

Touched = tuple[str, ...] | None
"""What a finding must name: the mutated key, or its counterpart; any one of them."""
Operator = Callable[[Base], Touched]

OPERATORS: dict[str, Operator] = {}


def operator(function: Operator) -> Operator:
    """Registers an operator under its name."""
    OPERATORS[function.__name__.replace("_", " ")] = function
    return function


# --- Places in the values ---------------------------------------------------------------------


def section(values: Values, *path: str) -> Values:
    """A section of the values, made where it is missing."""
    node = values
    for key in path:
        if not isinstance(node.get(key), dict):
            node[key] = {}
        node = node[key]
    return node


def container(values: Values, role: str) -> Values | None:
    """The role's listed engine container."""
    listed = (values.get(role) or {}).get("containers") or []
    return listed[0] if listed else None


def is_custom(values: Values, role: str) -> bool:
    """Whether the engine's command is the user's own."""
    listed = container(values, role)
    return bool(listed) and listed.get("modelCommand", "custom") == "custom"  # type: ignore[union-attr]


def script(values: Values, role: str) -> int | None:
    """Index of the argument that is a script which starts vLLM."""
    listed = container(values, role) or {}
    for index, word in enumerate(listed.get("args") or []):
        if re.search(r"^\s*vllm serve \S+", str(word), re.MULTILINE):
            return index
    return None


def give_flag(base: Base, name: str, *words: str, role: str = "decode") -> Touched:
    """Gives the engine a flag, wherever its flags stand."""
    if not base.has(role) or base.engine(role) != "vllm" or (base.values.get("requester") or {}).get("enable"):
        return None
    if base.outside_of_the_table(role):
        return None
    listed = container(base.values, role)
    index = script(base.values, role)
    if index is not None and listed is not None:
        # In place of the same flag, which would otherwise be given twice.
        text = re.sub(rf"\s--{name}(?:[= ]+(?!-)[^\s\\]+)?", " ", listed["args"][index])
        listed["args"][index] = re.sub(
            r"(vllm serve \S+)", lambda match: " ".join([match[1], f"--{name}", *words]), text, count=1
        )
    elif is_custom(base.values, role):
        return None
    elif listed is not None:
        kept = [str(word) for word in listed.get("args") or []]
        if f"--{name}" in kept:
            at = kept.index(f"--{name}")
            end = at + 1
            while end < len(kept) and not kept[end].startswith("--"):
                end += 1
            kept[at:end] = []
        listed["args"] = [*kept, f"--{name}", *words]
    else:
        section(base.values, role, "engine", "args")[name] = (
            (words[0] if len(words) == 1 else list(words)) if words else True
        )
    return name, f"{role}.containers[0].args", f"{role}.engine.args"


def single(base: Base) -> bool:
    """Plain pods: no groups, claims or requesters."""
    return not (is_grouped(base) or (base.values.get("requester") or {}).get("enable"))


def is_grouped(base: Base) -> bool:
    """Whether LeaderWorkerSets have the pods."""
    return bool(base.values.get("multinode") or base.values.get("workload"))


def engine_field(base: Base, name: str, value: Any, role: str = "decode") -> Touched:
    """Sets a field of the engine container."""
    if not base.has(role) or (base.values.get("requester") or {}).get("enable"):
        return None
    listed = container(base.values, role)
    holder = listed if listed is not None else section(base.values, role, "engine")
    if name in (holder.get("extraConfig") or {}):
        holder = holder["extraConfig"]  # what stands there wins
    holder[name] = value
    return (name,)


def proxied(base: Base) -> bool:
    """Whether decode has the routing sidecar."""
    proxy = (base.values.get("routing") or {}).get("proxy") or {}
    return (
        base.has("decode")
        and proxy.get("enabled", True) is not False
        and not (base.values.get("requester") or {}).get("enable")
    )


def disaggregated(base: Base) -> bool:
    """Whether there are prefill and decode pods, with the sidecar between them."""
    return proxied(base) and base.has("prefill")


def pool_servers(base: Base) -> Values:
    """Where the pool's file has labels and ports."""
    if "router" in base.pool:
        return section(base.pool, "router", "modelServers")
    return section(base.pool, "inferencePool")


def pool_labels(base: Base) -> Values:
    """The pool's selector."""
    if "router" in base.pool:
        return section(base.pool, "router", "modelServers", "matchLabels")
    return section(base.pool, "inferencePool", "modelServers", "matchLabels")


def add_object(base: Base, obj: Values) -> None:
    """Another object of the release."""
    base.values["extraObjects"] = [*(base.values.get("extraObjects") or []), obj]


SELECTOR = ("matchLabels", "modelArtifacts.labels", "podLabels")
PORTS = ("targetPorts", "targetPortNumber", "routing.servicePort", "port")


# --- Keys and types ---------------------------------------------------------------------------


@operator
def key_misspelt(base: Base) -> Touched:
    section(base.values, "decode")["replcas"] = 2
    return ("replcas",)


@operator
def key_at_the_wrong_level(base: Base) -> Touched:
    base.values["tensor"] = 8
    return ("tensor",)


@operator
def type_wrong(base: Base) -> Touched:
    section(base.values, "decode")["replicas"] = "two"
    return ("decode.replicas",)


@operator
def size_zero(base: Base) -> Touched:
    section(base.values, "decode", "parallelism")["tensor"] = 0
    return ("decode.parallelism.tensor",)


@operator
def port_out_of_range(base: Base) -> Touched:
    section(base.values, "routing")["servicePort"] = 80000
    return ("routing.servicePort",)


@operator
def label_value_invalid(base: Base) -> Touched:
    section(base.values, "modelArtifacts", "labels")["llm-d.ai/model"] = "Qwen/Qwen3 8B"
    return ("llm-d.ai/model",)


@operator
def connector_invented(base: Base) -> Touched:
    section(base.values, "routing", "proxy")["connector"] = "nixlv3"
    return ("routing.proxy.connector",)


@operator
def uri_scheme_invented(base: Base) -> Touched:
    section(base.values, "modelArtifacts")["uri"] = "hugging://Qwen/Qwen3-8B"
    return ("modelArtifacts.uri",)


@operator
def quantity_invalid(base: Base) -> Touched:
    section(base.values, "modelArtifacts")["size"] = "100 GB"
    return ("modelArtifacts.size", "decode.volumeClaimTemplates")


# --- Parallelism and accelerators -------------------------------------------------------------


@operator
def ranks_contradict(base: Base) -> Touched:
    if is_custom(base.values, "decode"):
        return None
    section(base.values, "decode")["parallelism"] = {"data": 3, "dataLocal": 2}
    return ("decode.parallelism",)


@operator
def workers_without_groups(base: Base) -> Touched:
    if not single(base) or (base.values.get("decode") or {}).get("multinode"):
        return None
    section(base.values, "decode", "parallelism").update(workers=2, data=None, dataLocal=None)
    return ("decode.parallelism.workers",)


@operator
def accelerator_type_misspelt(base: Base) -> Touched:
    if base.engine("decode") not in ("vllm", "sglang"):
        return None  # a simulator has no accelerators
    section(base.values, "accelerator")["type"] = "nvdia"
    (base.values.get("decode") or {}).pop("accelerator", None)
    (base.values.get("prefill") or {}).pop("accelerator", None)
    return ("accelerator.type", "nvdia")


def _accelerator(base: Base) -> tuple[str, int] | None:
    """Name and number of the accelerators in the engine's limits."""
    listed = container(base.values, "decode") or {}
    for name, number in ((listed.get("resources") or {}).get("limits") or {}).items():
        if name in ("nvidia.com/gpu", "amd.com/gpu", "habana.ai/gaudi", "gpu.intel.com/i915", "gpu.intel.com/xe"):
            return name, int(number)
    return None


@operator
def accelerators_one_too_many(base: Base) -> Touched:
    found = _accelerator(base)
    if not found or base.engine("decode") != "vllm":
        return None
    resources = section(container(base.values, "decode") or {}, "resources")
    for part in ("limits", "requests"):
        if found[0] in (resources.get(part) or {}):
            resources[part][found[0]] = found[1] + 1
    return ("resources", "tensor-parallel-size", "parallelism", "containers[0].args")


@operator
def tensor_size_doubled(base: Base) -> Touched:
    if not _accelerator(base) or base.engine("decode") != "vllm" or not base.has("decode"):
        return None
    sizes = section(base.values, "decode", "parallelism")
    sizes["tensor"] = 2 * (sizes.get("tensor") or 1)
    return ("decode.parallelism.tensor", "resources", "tensor-parallel-size", "containers[0].args")


@operator
def requests_unlike_limits(base: Base) -> Touched:
    found = _accelerator(base)
    if not found:
        return None
    resources = section(container(base.values, "decode") or {}, "resources")
    section(resources, "requests")[found[0]] = found[1] + 1
    section(resources, "limits")[found[0]] = found[1]
    return ("resources",)


@operator
def accelerator_in_a_sidecar(base: Base) -> Touched:
    if not base.has("decode") or base.engine("decode") not in ("vllm", "sglang") or not single(base):
        return None
    if (base.values.get("accelerator") or {}).get("type") == "cpu" or (base.values.get("accelerator") or {}).get("dra"):
        return None
    resource = {"amd": "amd.com/gpu"}.get((base.values.get("accelerator") or {}).get("type", ""), "nvidia.com/gpu")
    found = _accelerator(base)
    if ((base.values.get("decode") or {}).get("accelerator") or {}).get("dra"):
        return None
    extra = {"name": "logger", "image": "fluent/fluent-bit:4.0", "command": ["fluent-bit"],
             "resources": {"limits": {found[0] if found else resource: 1}}}  # fmt: skip
    listed = container(base.values, "decode")
    if listed is None or not _has_accelerators(base):
        return None
    base.values["decode"]["containers"].append(extra)
    return ("decode.containers", "logger")


def _has_accelerators(base: Base) -> bool:
    accelerator = base.values.get("accelerator") or {}
    return (
        accelerator.get("type", "nvidia") != "cpu"
        and accelerator.get("count") != 0
        and (_accelerator(base) is not None or not is_custom(base.values, "decode"))
    )


@operator
def accelerator_beside_a_claim(base: Base) -> Touched:
    accelerator = {
        **(base.values.get("accelerator") or {}),
        **((base.values.get("decode") or {}).get("accelerator") or {}),
    }
    if not accelerator.get("dra") or accelerator.get("type", "nvidia") != "nvidia":
        return None
    engine_field(base, "resources", {"limits": {"nvidia.com/gpu": 1}})
    return ("resources",)


@operator
def node_label_of_another_vendor(base: Base) -> Touched:
    if not base.has("decode") or not _has_accelerators(base) or base.engine("decode") != "vllm":
        return None
    accelerator = {
        **(base.values.get("accelerator") or {}),
        **((base.values.get("decode") or {}).get("accelerator") or {}),
    }
    if accelerator.get("type", "nvidia") not in ("nvidia", "amd", "intel-gaudi") or accelerator.get("dra"):
        return None
    label = (
        "nvidia.com/gpu.product" if accelerator.get("type") in ("amd", "intel-gaudi") else "amd.com/gpu.product-name"
    )
    section(base.values, "decode")["acceleratorTypes"] = {"labelKey": label, "labelValues": ["X"]}
    return ("acceleratorTypes",)


@operator
def strategy_of_the_other_workload(base: Base) -> Touched:
    grouped = is_grouped(base)
    section(base.values, "decode")["strategy" if grouped else "rolloutStrategy"] = (
        {"type": "Recreate"} if grouped else {"type": "RollingUpdate"}
    )
    return ("decode.strategy", "decode.rolloutStrategy")


# --- Model ------------------------------------------------------------------------------------


def give_model(base: Base, name: str) -> Touched:
    """Serves another model, which is downloaded, wherever the chart writes the engine's command."""
    if not base.has("decode") or base.engine("decode") != "vllm" or is_custom(base.values, "decode"):
        return None
    listed = container(base.values, "decode") or {}
    written = ("--model", "hf-overrides", "VLLM_ALLOW_LONG_MAX_MODEL_LEN")
    if (base.values.get("requester") or {}).get("enable") or any(word in str(base.values) for word in written):
        return None
    if listed.get("modelCommand") == "imageDefault":
        return None
    section(base.values, "modelArtifacts").update(name=name, uri=f"hf://{name}", size="2Ti")
    return name, "modelArtifacts.name", "modelArtifacts.uri"


def give_card(base: Base, product: str) -> Touched:
    """Places the pods on nodes with a product of NVIDIA's."""
    accelerator = {
        **(base.values.get("accelerator") or {}),
        **((base.values.get("decode") or {}).get("accelerator") or {}),
    }
    if accelerator.get("dra") or accelerator.get("type", "nvidia") != "nvidia" or not _has_accelerators(base):
        return None
    found = _accelerator(base)
    if found and found[0] != "nvidia.com/gpu":
        return None
    decode = section(base.values, "decode")
    decode.pop("acceleratorTypes", None)
    section(decode, "nodeSelector")["nvidia.com/gpu.product"] = product
    return product, "decode.nodeSelector"


def _ranks(base: Base) -> int:
    """Over how many ranks decode's weights are spread, as far as the values of its parallelism tell."""
    sizes = (base.values.get("decode") or {}).get("parallelism") or {}
    return int((sizes.get("tensor") or 1) * (sizes.get("pipeline") or 1))


@operator
def model_larger_than_its_accelerators(base: Base) -> Touched:
    if _ranks(base) > 8 or give_card(base, "NVIDIA-H100-80GB-HBM3") is None:
        return None
    return give_model(base, "meta-llama/Meta-Llama-3.1-405B")


@operator
def accelerators_smaller_than_the_model(base: Base) -> Touched:
    if _ranks(base) > 2 or "tensor-parallel-size" in str(base.values) or give_model(base, "Qwen/Qwen3-32B") is None:
        return None
    return give_card(base, "NVIDIA-L4")


@operator
def context_longer_than_the_models(base: Base) -> Touched:
    return give_flag(base, "max-model-len", "1048576") if give_model(base, "Qwen/Qwen3-30B-A3B") else None


def _divided(base: Base, model: str, tensor: int) -> Touched:
    """Give decode a model and a tensor parallel size."""
    if "tensor-parallel-size" in str(base.values) or give_model(base, model) is None:
        return None
    section(base.values, "decode", "parallelism")["tensor"] = tensor
    return ("decode.parallelism.tensor", "tensor-parallel-size", f"tensor {tensor}")


@operator
def tensor_size_odd(base: Base) -> Touched:
    return _divided(base, "Qwen/Qwen3-30B-A3B", 3)


@operator
def heads_of_keys_and_values_not_divisible(base: Base) -> Touched:
    return _divided(base, "microsoft/phi-4", 4)


@operator
def blocks_of_quantised_weights_not_divisible(base: Base) -> Touched:
    return _divided(base, "Qwen/Qwen3-32B-FP8", 16)


@operator
def context_parallel_for_too_few_ranks(base: Base) -> Touched:
    if "tensor-parallel-size" in str(base.values) or give_model(base, "Qwen/Qwen3-32B") is None:
        return None
    given = give_flag(base, "decode-context-parallel-size", "2")
    section(base.values, "decode", "parallelism")["tensor"] = 4
    return (*given, "tensor 4") if given else None


@operator
def draft_model_of_another_family(base: Base) -> Touched:
    if not base.tells_its_version("decode") or give_model(base, "Qwen/Qwen3-32B") is None:
        return None
    draft = {"method": "draft_model", "model": "meta-llama/Llama-3.2-1B", "num_speculative_tokens": 4}
    return give_flag(base, "speculative-config", json.dumps(draft))


@operator
def draft_model_that_ranks_cannot_share(base: Base) -> Touched:
    if "tensor-parallel-size" in str(base.values) or not base.tells_its_version("decode"):
        return None
    if give_model(base, "Qwen/Qwen3-32B") is None:
        return None
    section(base.values, "decode", "parallelism")["tensor"] = 4
    draft = {"method": "draft_model", "model": "Qwen/Qwen2.5-0.5B-Instruct", "num_speculative_tokens": 4}
    given = give_flag(base, "speculative-config", json.dumps(draft))
    return (*given, "tensor 4") if given else None


@operator
def dense_model_with_expert_parallelism(base: Base) -> Touched:
    if not base.tells_its_version("decode") or give_model(base, "Qwen/Qwen3-32B") is None:
        return None
    section(base.values, "decode", "parallelism")["expert"] = True
    return ("decode.parallelism.expert", "enable-expert-parallel")


# --- Engine arguments -------------------------------------------------------------------------


@operator
def flag_misspelt(base: Base) -> Touched:
    return give_flag(base, "gpu-memory-utilisation", "0.9")


@operator
def flag_of_another_product(base: Base) -> Touched:
    return give_flag(base, "mem-fraction-static", "0.9")


@operator
def flag_value_of_the_wrong_type(base: Base) -> Touched:
    return give_flag(base, "max-num-seqs", "many")


@operator
def flag_without_its_value(base: Base) -> Touched:
    if container(base.values, "decode") is None:
        return None  # engine.args makes that impossible
    return give_flag(base, "max-model-len")


@operator
def flag_value_not_a_choice(base: Base) -> Touched:
    if not base.tells_its_version("decode"):
        return None  # another version may have it
    return give_flag(base, "dtype", "float13")


@operator
def flag_outside_of_its_range(base: Base) -> Touched:
    return give_flag(base, "gpu-memory-utilization", "90")


@operator
def flag_given_twice(base: Base) -> Touched:
    touched = give_flag(base, "max-model-len", "8192")
    listed = container(base.values, "decode")
    if not touched or listed is None:
        return None
    index = script(base.values, "decode")
    if index is None:
        listed["args"] += ["--max-model-len", "4096"]
    else:
        listed["args"][index] = listed["args"][index].replace(
            "--max-model-len 8192", "--max-model-len 8192 --max-model-len 4096"
        )
    return touched


@operator
def image_newer_than_a_flag(base: Base) -> Touched:
    touched = give_flag(base, "swap-space", "4")
    if touched is None:
        return None
    engine_field(base, "image", "vllm/vllm-openai:v0.32.0")
    return touched


@operator
def image_older_than_a_flag(base: Base) -> Touched:
    if is_custom(base.values, "decode"):
        return None
    touched = give_flag(base, "shutdown-timeout", "10")
    if touched is None:
        return None
    engine_field(base, "image", "vllm/vllm-openai:v0.11.0")
    return touched


@operator
def two_data_parallel_modes(base: Base) -> Touched:
    first = give_flag(base, "data-parallel-external-lb")
    return (*first, "data-parallel") if first and give_flag(base, "data-parallel-hybrid-lb") else None


@operator
def tool_choice_without_a_parser(base: Base) -> Touched:
    text = str(container(base.values, "decode") or {})
    return None if "tool-call-parser" in text else give_flag(base, "enable-auto-tool-choice")


@operator
def roles_serve_different_names(base: Base) -> Touched:
    if not base.has("prefill") or not base.has("decode"):
        return None
    touched = give_flag(base, "served-model-name", "another", role="prefill")
    return (*touched, "modelArtifacts.name") if touched else None


@operator
def engine_on_another_port(base: Base) -> Touched:
    touched = give_flag(base, "port", "9123")
    return (*touched, "targetPort", "servicePort", "targetPorts", "9123") if touched else None


@operator
def engine_on_localhost(base: Base) -> Touched:
    if str(base.values).count("'host'") or "--host" in str(base.values):
        return None
    # Behind the routing sidecar, which is in the same pod, an engine without probes may listen there.
    return give_flag(base, "host", "127.0.0.1", role="prefill" if disaggregated(base) else "decode")


@operator
def offloading_beside_the_transfer(base: Base) -> Touched:
    if not disaggregated(base) or "NixlConnector" not in str(base.values) or not base.tells_its_version("decode"):
        return None
    return give_flag(base, "kv-offloading-size", "64")


@operator
def ray_in_a_group_of_nodes(base: Base) -> Touched:
    sizes = (base.values.get("decode") or {}).get("parallelism") or {}
    if not base.values.get("multinode") or (sizes.get("workers") or 1) < 2 or not (sizes.get("pipeline") or 1) > 1:
        return None
    return give_flag(base, "distributed-executor-backend", "ray")


@operator
def downloads_forbidden(base: Base) -> Touched:
    uri = str((base.values.get("modelArtifacts") or {}).get("uri"))
    text = str(base.values)
    kept = any(word in text for word in ("persistence", "download", "adapters")) or container(base.values, "decode")
    if (
        not single(base)
        or not uri.startswith("hf://")
        or kept
        or not base.has("decode")
        or base.engine("decode") != "vllm"
    ):
        return None
    section(base.values, "decode", "engine", "env")["HF_HUB_OFFLINE"] = "1"
    return ("HF_HUB_OFFLINE",)


@operator
def model_forgotten(base: Base) -> Touched:
    artifacts = base.values.get("modelArtifacts") or {}
    if not artifacts.get("name") or not str(artifacts.get("uri", "hf://")).startswith("hf://"):
        return None
    if (
        container(base.values, "decode")
        or base.engine("decode") != "vllm"
        or base.values.get("routing", {}).get("modelName")
    ):
        return None
    for key in ("name", "uri"):
        artifacts.pop(key, None)
    return ("modelArtifacts.name",)


@operator
def cache_types_differ(base: Base) -> Touched:
    if not disaggregated(base) or "kv_connector" not in str(base.values):
        return None
    kinds = [((base.values.get(role) or {}).get("accelerator") or {}).get("type") for role in ("decode", "prefill")]
    if kinds[0] != kinds[1] or "kv-cache-dtype" in str(base.values) or base.engine("decode") != "vllm":
        return None
    return give_flag(base, "kv-cache-dtype", "fp8", role="prefill")


def _fetches(base: Base) -> bool:
    """Whether vLLM engines of two roles on equal hardware hand over with NIXL."""
    kinds = [((base.values.get(role) or {}).get("accelerator") or {}).get("type") for role in ("decode", "prefill")]
    named = "NixlConnector" in str(base.values)
    return disaggregated(base) and named and kinds[0] == kinds[1] and base.engine("decode") == "vllm"


@operator
def image_of_one_role_upgraded(base: Base) -> Touched:
    if not _fetches(base):
        return None
    engine_field(base, "image", "vllm/vllm-openai:v0.31.0", role="decode")
    return engine_field(base, "image", "vllm/vllm-openai:v0.32.0", role="prefill")


@operator
def attention_backends_differ(base: Base) -> Touched:
    if not _fetches(base) or "attention-backend" in str(base.values):
        return None
    for role in ("decode", "prefill"):
        engine_field(base, "image", "vllm/vllm-openai:v0.32.0", role=role)
    if give_flag(base, "attention-backend", "FLASH_ATTN", role="decode") is None:
        return None
    return give_flag(base, "attention-backend", "FLASHINFER", role="prefill")


@operator
def revision_of_one_role(base: Base) -> Touched:
    if not _fetches(base) or "revision" in str(base.values):
        return None
    return give_flag(base, "revision", "v2", role="prefill")


@operator
def revisions_of_a_single_role(base: Base) -> Touched:
    if (base.values.get("prefill") or {}).get("create") is not False or not base.has("decode"):
        return None
    section(base.values, "routing", "revisionGating")["enabled"] = True
    return ("routing.revisionGating.enabled",)


@operator
def picker_screens_revisions_that_pods_lack(base: Base) -> Touched:
    files = ((base.pool.get("router") or {}).get("epp") or {}).get("pluginsCustomConfig") or {}
    if not disaggregated(base) or "pd.yaml" not in files:
        return None
    config = yaml.safe_load(files["pd.yaml"])
    gating = {"mode": "sum", "requireRoles": {"values": ["prefill", "decode"]}, "revisionLabelKey": "team/revision"}
    parameters = {"scope": {"labelSelector": "team"}, "revisionGating": gating}
    config["plugins"].append({"type": "disaggregatedset-rollout-screener", "parameters": parameters})
    files["pd.yaml"] = yaml.safe_dump(config)
    is_set = base.values.get("workload") == "DisaggregatedSet"
    return ("router.epp.pluginsCustomConfig" if is_set else "routing.revisionGating",)


# --- KV transfer, sidecar, picker -------------------------------------------------------------


def _transfer(base: Base, config: str) -> Touched:
    if not disaggregated(base) or base.engine("prefill") != "vllm" or base.engine("decode") != "vllm":
        return None
    return (
        give_flag(base, "kv-transfer-config", config, role="prefill")
        if script(base.values, "prefill") is None
        else None
    )


@operator
def transfer_role_missing(base: Base) -> Touched:
    return _transfer(base, '{"kv_connector":"NixlConnector"}')


@operator
def transfer_role_of_the_other(base: Base) -> Touched:
    return _transfer(base, '{"kv_connector":"NixlConnector","kv_role":"kv_consumer"}')


@operator
def transfer_connector_of_one_role(base: Base) -> Touched:
    return _transfer(base, '{"kv_connector":"MooncakeConnector","kv_role":"kv_both"}')


@operator
def transfer_not_json(base: Base) -> Touched:
    return _transfer(base, "{kv_connector=NixlConnector}")


@operator
def transfer_missing(base: Base) -> Touched:
    if not disaggregated(base) or base.engine("prefill") != "vllm" or container(base.values, "prefill"):
        return None
    if "kv-transfer-config" not in str(base.values.get("engine")):
        return None
    section(base.values, "prefill", "engine", "args")["kv-transfer-config"] = None
    return ("prefill.engine.args", "kv-transfer-config")


def _nixl(base: Base) -> Values | list[Values] | None:
    """Where the NIXL variables stand."""
    if not disaggregated(base) or base.engine("decode") != "vllm":
        return None
    for holder in (container(base.values, "decode") or {}, section(base.values, "engine")):
        if "VLLM_NIXL_SIDE_CHANNEL_HOST" in str(holder.get("env")):
            env: Values | list[Values] = holder["env"]
            return env
    return None


@operator
def nixl_host_not_the_pod(base: Base) -> Touched:
    env = _nixl(base)
    if isinstance(env, dict):
        env["VLLM_NIXL_SIDE_CHANNEL_HOST"] = "0.0.0.0"
    elif env is not None:
        env[:] = [item for item in env if item["name"] != "VLLM_NIXL_SIDE_CHANNEL_HOST"]
        env.append({"name": "VLLM_NIXL_SIDE_CHANNEL_HOST", "value": "0.0.0.0"})
    return ("VLLM_NIXL_SIDE_CHANNEL_HOST",) if env is not None else None


@operator
def nixl_port_of_the_engine(base: Base) -> Touched:
    env = _nixl(base)
    port = str(((base.values.get("routing") or {}).get("proxy") or {}).get("targetPort", 8200))
    if isinstance(env, dict):
        env["VLLM_NIXL_SIDE_CHANNEL_PORT"] = port
    elif env is not None:
        env[:] = [item for item in env if item["name"] != "VLLM_NIXL_SIDE_CHANNEL_PORT"]
        env.append({"name": "VLLM_NIXL_SIDE_CHANNEL_PORT", "value": port})
    return ("VLLM_NIXL_SIDE_CHANNEL_PORT", "containers[0].env", "side channel") if env is not None else None


@operator
def rpc_port_of_the_engine(base: Base) -> Touched:
    sizes = (base.values.get("decode") or {}).get("parallelism") or {}
    over_pods = "dataLocal" in sizes and (sizes.get("workers") or 1) > 1
    if not over_pods or base.outside_of_the_table("decode") or is_custom(base.values, "decode"):
        return None
    routing = base.values.get("routing") or {}
    target = (routing.get("proxy") or {}).get("targetPort", 8200)
    port = target if proxied(base) else routing.get("servicePort", 8000)
    touched = give_flag(base, "data-parallel-rpc-port", str(port))
    return ("data-parallel-rpc-port",) if touched else None


@operator
def interface_left_out_for_gloo(base: Base) -> Touched:
    if not base.has("decode") or base.engine("decode") != "vllm" or (base.values.get("requester") or {}).get("enable"):
        return None
    listed = container(base.values, "decode")
    if listed is not None:
        kept = [item for item in listed.get("env") or [] if item.get("name") != "GLOO_SOCKET_IFNAME"]
        listed["env"] = [*kept, {"name": "GLOO_SOCKET_IFNAME", "value": "^lo,docker"}]
    else:
        section(base.values, "decode", "engine", "env")["GLOO_SOCKET_IFNAME"] = "^lo,docker"
    return ("GLOO_SOCKET_IFNAME",)


@operator
def group_in_the_network_of_its_nodes(base: Base) -> Touched:
    sizes = (base.values.get("decode") or {}).get("parallelism") or {}
    if not base.values.get("multinode") or is_custom(base.values, "decode") or base.engine("decode") != "vllm":
        return None
    extra = section(base.values, "decode", "extraConfig")
    if (sizes.get("workers") or 1) < 2 or "dnsPolicy" in extra or "dnsConfig" in extra:
        return None
    extra["hostNetwork"] = True
    return ("hostNetwork", "dnsPolicy")


@operator
def sidecar_flag_misspelt(base: Base) -> Touched:
    if not proxied(base):
        return None
    section(base.values, "routing", "proxy")["args"] = ["--secure-prxy=false"]
    return ("routing.proxy.args",)


@operator
def sidecar_flag_of_another_version(base: Base) -> Touched:
    if not proxied(base):
        return None
    section(base.values, "routing", "proxy").update(args=["--connector=nixlv2"], version="0.10.0")
    return ("routing.proxy.args",)


@operator
def sidecar_too_old_for_its_connector(base: Base) -> Touched:
    if not proxied(base):
        return None
    section(base.values, "routing", "proxy").update(connector="mooncake", version="0.5.0")
    return ("routing.proxy.connector",)


@operator
def sidecar_connector_unlike_the_engines(base: Base) -> Touched:
    if not disaggregated(base) or base.engine("decode") != "vllm" or "NixlConnector" not in str(base.values):
        return None
    section(base.values, "routing", "proxy").update(connector="mooncake", version="0.10.0")
    return ("routing.proxy.connector", "kv-transfer-config", "containers[0].args")


@operator
def sidecar_with_tls(base: Base) -> Touched:
    if not proxied(base):
        return None
    section(base.values, "routing", "proxy")["secure"] = True
    return ("routing.proxy.secure",)


@operator
def prefill_tls_on_one_side(base: Base) -> Touched:
    if (
        not disaggregated(base)
        or base.engine("prefill") not in ("vllm", "simulator")
        or script(base.values, "prefill") is not None
    ):
        return None
    section(base.values, "routing", "proxy")["prefillerUseTLS"] = True
    return ("routing.proxy.prefillerUseTLS",)


@operator
def sidecar_switched_off(base: Base) -> Touched:
    if not disaggregated(base):
        return None
    section(base.values, "routing", "proxy")["enabled"] = False
    return ("routing.proxy.enabled", "routing.servicePort", "port")


@operator
def sidecar_and_engine_on_one_port(base: Base) -> Touched:
    if not proxied(base):
        return None
    first = (base.values.get("routing") or {}).get("servicePort", 8000)
    section(base.values, "routing", "proxy")["targetPort"] = first
    return ("routing.proxy.targetPort",)


@operator
def decode_scaled_to_nothing(base: Base) -> Touched:
    if not base.has("prefill") or not base.has("decode") or (base.values.get("requester") or {}).get("enable"):
        return None
    section(base.values, "decode")["replicas"] = 0
    return ("decode.replicas",)


@operator
def picker_without_prefill_profile(base: Base) -> Touched:
    if not base.has("prefill") or "router" not in base.pool or not base.has("decode"):
        return None
    section(base.pool, "router", "epp")["pluginsConfigFile"] = "default-plugins.yaml"
    return ("prefill", "pluginsConfigFile")


@operator
def picker_configuration_not_there(base: Base) -> Touched:
    key = "router" if "router" in base.pool else "inferenceExtension"
    epp = section(base.pool, "router", "epp") if key == "router" else section(base.pool, "inferenceExtension")
    epp["pluginsConfigFile"] = "my-plugins.yaml"
    return ("pluginsCustomConfig", "pluginsConfigFile")


def give_picker(base: Base, *lines: str) -> None:
    """Gives the picker a configuration."""
    epp = section(base.pool, *(("router", "epp") if "router" in base.pool else ("inferenceExtension",)))
    epp["pluginsConfigFile"] = "mine.yaml"
    text = ["apiVersion: llm-d.ai/v1alpha1", "kind: EndpointPickerConfig", *lines]
    section(epp, "pluginsCustomConfig")["mine.yaml"] = "\n".join(text)


@operator
def picker_profile_with_a_missing_plugin(base: Base) -> Touched:
    profiles = "schedulingProfiles: [{name: default, plugins: [{pluginRef: queue-scorr}]}]"
    give_picker(base, "plugins: [{type: queue-scorer}]", profiles)
    return ("pluginsCustomConfig", "mine.yaml", "queue-scorr")


@operator
def picker_plugin_of_a_misspelled_type(base: Base) -> Touched:
    give_picker(base, "plugins: [{type: queue-scorerr}]")
    return ("pluginsCustomConfig", "mine.yaml", "queue-scorerr")


@operator
def picker_feature_gate_misspelled(base: Base) -> Touched:
    give_picker(base, "featureGates: [flowControll]", "plugins: [{type: queue-scorer}]")
    return ("pluginsCustomConfig", "mine.yaml", "flowControll")


# --- The pool ---------------------------------------------------------------------------------


@operator
def pool_port_changed(base: Base) -> Touched:
    servers = pool_servers(base)
    if "targetPortNumber" in servers:
        servers["targetPortNumber"] = 8888
    else:
        servers["targetPorts"] = [{"number": 8888}]
    return PORTS if base.has("decode") else None


@operator
def service_port_changed(base: Base) -> Touched:
    if not proxied(base):
        return None
    section(base.values, "routing")["servicePort"] = 8765
    return PORTS


@operator
def pool_label_changed(base: Base) -> Touched:
    labels = pool_labels(base)
    key = next(iter(labels))
    labels[key] = "something-else"
    return SELECTOR


@operator
def pool_label_added(base: Base) -> Touched:
    pool_labels(base)["example.com/tier"] = "gold"
    return SELECTOR


@operator
def model_label_changed(base: Base) -> Touched:
    labels = (base.values.get("modelArtifacts") or {}).get("labels")
    key = next((key for key in labels or {} if key in pool_labels(base)), None)
    if key is None or key in str((base.values.get("decode") or {}).get("podLabels")):
        return None
    base.values["modelArtifacts"]["labels"][key] = "renamed"
    return SELECTOR


@operator
def model_label_removed(base: Base) -> Touched:
    labels = (base.values.get("modelArtifacts") or {}).get("labels")
    key = next((key for key in labels or {} if key in pool_labels(base)), None)
    # The label of the chart's default comes back by itself.
    if (
        key is None
        or key == "llm-d.ai/inference-serving"
        or key in str((base.values.get("decode") or {}).get("podLabels"))
    ):
        return None
    del base.values["modelArtifacts"]["labels"][key]
    return SELECTOR


@operator
def pool_without_a_selector(base: Base) -> Touched:
    pool_labels(base).clear()
    return SELECTOR


@operator
def pool_ports_bare_numbers(base: Base) -> Touched:
    servers = pool_servers(base)
    if "targetPorts" not in servers:
        return None
    servers["targetPorts"] = [entry["number"] for entry in servers["targetPorts"]]
    return ("targetPorts",)


@operator
def pool_port_that_nobody_serves(base: Base) -> Touched:
    servers = pool_servers(base)
    if "targetPorts" not in servers or not base.has("decode"):
        return None
    servers["targetPorts"] = [*servers["targetPorts"], {"number": 8111}]
    return PORTS


@operator
def pool_with_nine_ports(base: Base) -> Touched:
    servers = pool_servers(base)
    if "targetPorts" not in servers:
        return None
    servers["targetPorts"] = [{"number": 8000 + index} for index in range(9)]
    return ("targetPorts",)


# --- Objects beside the workloads -------------------------------------------------------------


@operator
def service_to_a_closed_port(base: Base) -> Touched:
    labels = dict((base.values.get("modelArtifacts") or {}).get("labels") or {})
    if not labels or base.engine("decode") is None or not base.has("decode") or not single(base):
        return None
    add_object(base, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "model"},
                      "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8081}]}})  # fmt: skip
    return ("extraObjects", "Service/model")


@operator
def service_that_selects_nothing(base: Base) -> Touched:
    add_object(base, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "model"},
                      "spec": {"selector": {"app": "vllm"}, "ports": [{"port": 80, "targetPort": 8000}]}})  # fmt: skip
    return ("extraObjects", "Service/model") if base.has("decode") else None


@operator
def route_to_a_pool_of_the_wrong_group(base: Base) -> Touched:
    add_object(base, {
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "model"},
        "spec": {"parentRefs": [{"name": "gateway"}],
                 "rules": [{"backendRefs": [{"kind": "InferencePool", "name": "model"}]}]},
    })  # fmt: skip
    return ("extraObjects", "HTTPRoute/model")


@operator
def route_without_a_gateway(base: Base) -> Touched:
    add_object(base, {
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "model"},
        "spec": {"rules": [{"backendRefs": [
            {"group": "inference.networking.k8s.io", "kind": "InferencePool", "name": "model"}]}]},
    })  # fmt: skip
    return ("extraObjects", "HTTPRoute/model")


@operator
def autoscaler_of_a_missing_workload(base: Base) -> Touched:
    add_object(base, {
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "model"},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "model"}, "maxReplicas": 4},
    })  # fmt: skip
    return ("extraObjects", "autoscaling", "HorizontalPodAutoscaler/model") if base.has("decode") else None


# --- Serving practice -------------------------------------------------------------------------


@operator
def probe_of_a_closed_port(base: Base) -> Touched:
    if base.engine("decode") is None or (base.values.get("decode") or {}).get("workerTemplate"):
        return None
    return engine_field(base, "readinessProbe", {"httpGet": {"path": "/v1/models", "port": 8082}})


@operator
def probe_of_an_unnamed_port(base: Base) -> Touched:
    return engine_field(base, "readinessProbe", {"httpGet": {"path": "/v1/models", "port": "http-api"}})


@operator
def probe_of_the_sidecar(base: Base) -> Touched:
    if not proxied(base):
        return None
    port = (base.values.get("routing") or {}).get("servicePort", 8000)
    return engine_field(base, "readinessProbe", {"httpGet": {"path": "/health", "port": port}})


@operator
def startup_probe_impatient(base: Base) -> Touched:
    if base.engine("decode") != "vllm":
        return None
    section(base.values, "modelArtifacts")["uri"] = "hf://Qwen/Qwen3-32B"
    port = 8200 if proxied(base) else (base.values.get("routing") or {}).get("servicePort", 8000)
    return engine_field(base, "startupProbe", {"httpGet": {"path": "/health", "port": port}, "failureThreshold": 3})


@operator
def liveness_probe_on_a_cold_model(base: Base) -> Touched:
    if base.engine("decode") != "vllm" or (base.values.get("engine") or {}).get("type"):
        return None  # an engine of a stated type has a startup probe
    section(base.values, "decode").pop("probes", None)
    for holder in (
        container(base.values, "decode") or {},
        base.values.get("engine") or {},
        (base.values.get("decode") or {}).get("engine") or {},
    ):
        holder.pop("startupProbe", None)
        (holder.get("extraConfig") or {}).pop("startupProbe", None)
    port = 8200 if proxied(base) else (base.values.get("routing") or {}).get("servicePort", 8000)
    return engine_field(base, "livenessProbe", {"httpGet": {"path": "/health", "port": port}})


@operator
def grace_period_too_short(base: Base) -> Touched:
    section(base.values, "decode").pop("drain", None)
    touched = engine_field(base, "lifecycle", {"preStop": {"exec": {"command": ["/bin/sh", "-c", "sleep 30"]}}})
    section(base.values, "decode")["terminationGracePeriodSeconds"] = 20
    return ("terminationGracePeriodSeconds",) if touched else None


@operator
def volume_smaller_than_the_model(base: Base) -> Touched:
    if base.engine("decode") != "vllm" or not base.has("decode") or is_custom(base.values, "decode"):
        return None
    listed = container(base.values, "decode")
    if listed is not None and not listed.get("mountModelVolume"):
        return None
    if (base.values.get("requester") or {}).get("enable"):
        return None
    section(base.values, "modelArtifacts").update(uri="hf://meta-llama/Llama-3.3-70B-Instruct", size="20Gi")
    return ("modelArtifacts.size", "decode.volumeClaimTemplates")


@operator
def token_in_the_clear(base: Base) -> Touched:
    listed = container(base.values, "decode")
    if not base.has("decode"):
        return None
    if listed is not None:
        kept = [item for item in listed.get("env") or [] if item.get("name") != "HF_TOKEN"]
        listed["env"] = [*kept, {"name": "HF_TOKEN", "value": "hf_abcdef"}]
    else:
        section(base.values, "decode", "engine", "env")["HF_TOKEN"] = "hf_abcdef"
    return ("env", "HF_TOKEN")


@operator
def spreading_misspelt(base: Base) -> Touched:
    if not base.has("decode") or (base.values.get("requester") or {}).get("enable"):
        return None
    constraint = {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "Schedule"}
    section(base.values, "decode")["topologySpreadConstraints"] = [constraint]
    return ("decode.topologySpreadConstraints",)


@operator
def volume_not_declared(base: Base) -> Touched:
    mounts = (container(base.values, "decode") or {}).get("volumeMounts") or []
    return engine_field(base, "volumeMounts", [*mounts, {"name": "hf-cache", "mountPath": "/cache"}])


@operator
def two_containers_of_one_name(base: Base) -> Touched:
    listed = container(base.values, "decode")
    if listed is None:
        return None
    base.values["decode"]["containers"].append(
        {"name": listed.get("name", "vllm"), "image": "busybox:1", "command": ["true"]}
    )
    return ("decode.containers",)
