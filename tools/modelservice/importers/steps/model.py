"""Where the model is and what it is called, from the engine's command line and what is mounted there."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from modelservice.importers.commandline import CommandLine, Option
from modelservice.importers.source.fields import Fate
from modelservice.importers.workload import MOUNT_PATH, Draft, Role, escaped


def place(draft: Draft) -> None:
    """Where the model is and what it is called: one answer for both roles, from decode's command line first."""
    serving, lines = draft.serving, draft.lines
    options = {name: _model_option(line) for name, line in lines.items()}
    if not any(options.values()) and serving.uri is None:
        _mentioned(draft, lines)
    first = next((option.values[0] for option in options.values() if option), None)
    role = serving.decode or serving.prefill
    if serving.uri is None and first and role:
        _infer_uri(draft, first, role)
        inferred = serving.uri is not None
    else:
        inferred = False
    if serving.uri:
        draft.artifacts["uri"] = escaped(serving.uri)
    derived = model_argument(serving.uri, serving.mount_path) if serving.uri else None
    for name, option in options.items():
        if option and not (_same_model(option.values[0], derived) or (inferred and option.values[0] == first)):
            lines[name].options.insert(0, option)
    _served_name(draft, lines, first or derived)
    if serving.mount_path != MOUNT_PATH and (serving.mounted or (serving.uri and not serving.uri.startswith("hf://"))):
        draft.artifacts["mountPath"] = serving.mount_path
    _revision(draft)
    _endpoint(draft)
    _adapters(draft)


def _served_name(draft: Draft, lines: Mapping[str, CommandLine], argument: str | None) -> None:
    """One list of names for both roles; where they differ, the first of decode's, and each its own as an option."""
    names: dict[str, list[str]] = {}
    for role, line in lines.items():
        option = line.get("served-model-name")
        if option and option.values and not (line.start == "sglangServe" and len(option.values) > 1):
            names[role] = list(dict.fromkeys(option.values))
            line.take("served-model-name")
    first = names.get("decode") or next(iter(names.values()), [])
    name = first[0] if first else draft.serving.model or argument or draft.serving.name
    draft.artifacts["name"] = name
    if len(first) > 1 and all(names.get(role) == first for role, line in lines.items() if line.derived):
        draft.artifacts["aliases"] = first[1:]
        return
    for role, own in names.items():
        if own != [name]:
            lines[role].options.append(Option("served-model-name", own, ["--served-model-name", *own]))


def _model_option(line: CommandLine) -> Option | None:
    """Takes the model out of the engine's options; a positional one is said as an option."""
    if not line.derived:
        return None
    option = line.get("model")
    if option and option.values:
        line.take("model")
        return option
    positional = next((item for item in line.options if not item.name and item.values), None)
    if positional is None:
        return None
    line.options.remove(positional)
    return Option("model", positional.values, ["--model", positional.values[0]])


def _mentioned(draft: Draft, lines: Mapping[str, CommandLine]) -> None:
    """The model that a script names, which the chart does not start itself."""
    serving = draft.serving
    for name, role in serving.roles:
        if not lines[name].engine:
            continue
        container = role.pod["containers"][0]
        text = " ".join([*container.get("command", []), *container.get("args", [])])
        model = re.search(r"(?:--model(?:-path)?[= ]|vllm serve )['\"]?([\w.-]+/[\w.-]+)['\"]?(?=[\s;]|$)", text)
        served = re.search(r"--served-model-name[= ]['\"]?([\w./-]+)", text)
        if model:
            serving.uri = f"hf://{model[1]}"
        if served or model:
            serving.model = serving.model or (served or model)[1]  # type: ignore[index]
            return


def _infer_uri(draft: Draft, argument: str, role: Role) -> None:
    """The model's place from the engine's model argument and what is mounted there."""
    serving = draft.serving
    if "$(" in argument:
        return
    if re.match(r"(s3|gs)://[^/]+/.", argument):
        lines = [draft.lines[name] for name, _ in serving.roles]
        if all(_values(line, "load-format") == ["runai_streamer"] for line in lines):
            for line in lines:
                line.take("load-format")
            serving.uri = argument.rstrip("/")
        return
    if "://" in argument:
        return
    if not argument.startswith("/"):
        if re.fullmatch(r"[\w.-]+(/[\w.-]+)?", argument):
            serving.uri = f"hf://{argument}"
        return
    found = mounted_at(role.pod, argument)
    mount, volume = found or ({}, {})
    inside = argument.rstrip("/").removeprefix(mount.get("mountPath", "").rstrip("/")).strip("/")
    claim = volume.get("persistentVolumeClaim")
    if claim and "subPathExpr" not in mount and not (mount.get("subPath") and _named_elsewhere(draft, mount)):
        path = "/".join(part for part in (mount.get("subPath", "").strip("/"), inside) if part) or "."
        serving.uri = f"pvc://{claim['claimName']}/{path}"
        if mount.get("subPath"):
            draft.ledger.add(
                Fate.changed,
                f"{role.place}.containers[{role.pod['containers'][0]['name']}].volumeMounts",
                "the chart mounts the whole claim, and the model's path names the directory",
                values="modelArtifacts.uri",
            )
        read_only = bool(claim.get("readOnly") or mount.get("readOnly"))
        if not read_only:
            draft.artifacts["readOnly"] = False
    elif "image" in volume and not inside and not mount.get("subPath") and volume["image"].get("reference"):
        serving.uri = f"oci://{volume['image']['reference']}"
        if volume["image"].get("pullPolicy", "Always") != "Always":
            draft.artifacts["imagePullPolicy"] = volume["image"]["pullPolicy"]
    else:
        serving.uri = f"file://{argument.rstrip('/')}"
        return
    serving.mount_path = mount["mountPath"].rstrip("/") or "/"
    serving.mounted = True


def _named_elsewhere(draft: Draft, mount: Mapping[str, Any]) -> bool:
    """Whether more than the model's option names the directory, which is another one in the whole claim."""
    path = re.compile(re.escape(mount["mountPath"].rstrip("/")) + r"(?![\w.-])")
    engines = [role.pod["containers"][0] for _, role in draft.serving.roles]
    words = [word for line in draft.lines.values() for word in line.arguments]
    words += [str(variable.get("value", "")) for engine in engines for variable in engine.get("env", [])]
    return any(path.search(word) for word in words)


def _values(line: CommandLine, name: str) -> list[str] | None:
    option = line.get(name)
    return option.values if option else None


def _revision(draft: Draft) -> None:
    """The revision of a repository, where both roles load the same."""
    lines = list(draft.lines.values())
    found = _values(lines[0], "revision")
    scheme = (draft.serving.uri or "").partition("://")[0]
    if scheme not in ("hf", "ms", "pvc+hf") or not found or not all(line.derived for line in lines):
        return
    if all(_values(line, "revision") == found for line in lines):
        for line in lines:
            line.take("revision")
        draft.artifacts["revision"] = found[0]


def _endpoint(draft: Draft) -> None:
    """A mirror of the Hugging Face Hub, and ModelScope in its place, by the variables that say so."""
    engines = [role.pod["containers"][0] for _, role in draft.serving.roles]
    uri = draft.serving.uri or ""
    if not uri.startswith("hf://"):
        return
    derived = all(line.derived for line in draft.lines.values())
    if derived and _taken(engines, "VLLM_USE_MODELSCOPE", "True"):
        draft.serving.uri = f"ms://{uri.removeprefix('hf://')}"
        draft.artifacts["uri"] = escaped(draft.serving.uri)
        return
    mirror = next((v.get("value") for v in engines[0].get("env", []) if v["name"] == "HF_ENDPOINT"), None)
    if mirror and re.fullmatch(r"https?://[^\s{}$]+", mirror) and _taken(engines, "HF_ENDPOINT", mirror):
        draft.artifacts["endpoint"] = mirror


def _taken(engines: list[dict[str, Any]], name: str, value: str) -> bool:
    """Removes a variable from all engines, where all have it with this value."""
    variable = {"name": name, "value": value}
    if not all(variable in engine.get("env", []) for engine in engines):
        return False
    for engine in engines:
        engine["env"] = [item for item in engine["env"] if item != variable]
    return True


_LORA = ("enable-lora", "lora-modules", "max-lora-rank", "max-loras", "max-cpu-loras")
_UPDATING = "VLLM_ALLOW_RUNTIME_LORA_UPDATING"


def _adapters(draft: Draft) -> None:
    """LoRA adapters that the importer names, or that the command lines load: both roles have the same."""
    serving = draft.serving
    lines = list(draft.lines.values())
    if not serving.adapters and all(line.derived and line.engine == "vllm" for line in lines):
        found = [_lora(line) for line in lines]
        if found[0] is not None and all(item == found[0] for item in found):
            engines = [role.pod["containers"][0] for _, role in serving.roles]
            dynamic = _taken(engines, _UPDATING, "True")
            if found[0][0] or dynamic:
                for line in lines:
                    line.take(*_LORA)
                serving.adapters, lora = found[0]
                serving.lora = {**lora, **({"dynamic": True} if dynamic else {})}
    if serving.adapters:
        draft.artifacts["adapters"] = escaped(serving.adapters)
    if serving.lora:
        draft.artifacts["lora"] = serving.lora


def _lora(line: CommandLine) -> tuple[list[dict[str, str]], dict[str, Any]] | None:
    """Adapters and sizes of a command line as the chart's; None where it has none or the chart would say others."""
    if line.get("enable-lora") is None or _values(line, "enable-lora"):
        return None
    adapters = []
    for text in _values(line, "lora-modules") or []:
        adapter = _adapter(text)
        if adapter is None:
            return None
        adapters.append(adapter)
    sizes: dict[str, int] = {}
    for name in ("max-lora-rank", "max-loras", "max-cpu-loras"):
        values = _values(line, name)
        if values is not None:
            if len(values) != 1 or not re.fullmatch(r"[1-9]\d{0,5}", values[0]):
                return None
            sizes[name] = int(values[0])
    batch = sizes.get("max-loras", 1)  # vLLM's default, where the chart's is the number of adapters
    lora: dict[str, Any] = {}
    if "max-lora-rank" in sizes:
        lora["maxRank"] = sizes["max-lora-rank"]
    if batch != max(1, len(adapters)):
        lora["maxLoras"] = batch
    if "max-cpu-loras" in sizes:
        if sizes["max-cpu-loras"] < batch:
            return None
        lora["maxCpuLoras"] = sizes["max-cpu-loras"]
    return adapters, lora


def _adapter(text: str) -> dict[str, str] | None:
    """One value of --lora-modules: ``name=path``, or JSON."""
    if text.startswith("{"):
        try:
            given = json.loads(text)
        except ValueError:
            return None
        if set(given) != {"name", "path"}:
            return None
        name, path = str(given["name"]), str(given["path"])
    else:
        name, _, path = text.partition("=")
    if not name or "$(" in text:
        return None
    if path.startswith("/"):
        return {"name": name, "uri": f"file://{path}"}
    return {"name": name, "uri": f"hf://{path}"} if re.fullmatch(r"[\w.-]+/[\w.-]+", path) else None


def take_token(draft: Draft, container: dict[str, Any]) -> None:
    """The token of the Hugging Face Hub from a Secret, as the chart refers to it."""
    for variable in list(container.get("env", [])):
        reference = variable.get("valueFrom", {}).get("secretKeyRef", {})
        if variable["name"] != "HF_TOKEN" or set(reference) != {"name", "key"}:
            continue
        if (draft.serving.uri or "").startswith("ms://"):
            continue  # there the chart's variable is ModelScope's
        given = {"authSecretName": reference["name"], "authSecretKey": reference["key"]}
        if all(draft.artifacts.setdefault(key, value) == value for key, value in given.items()):
            container["env"].remove(variable)


def absorb(draft: Draft, name: str, pod: dict[str, Any], role: Role) -> str | None:
    """Leaves the model's volume to the chart where it makes the same one; the volume's name."""
    serving = draft.serving
    uri, roles = serving.uri or "", serving.roles
    engine = pod["containers"][0]
    path = serving.mount_path
    for mount in engine.get("volumeMounts", []):
        volume = next((item for item in pod.get("volumes", []) if item["name"] == mount["name"]), None)
        if volume is None or mount.get("subPathExpr"):
            continue
        if uri.startswith("hf://"):
            env = {item["name"]: item.get("value", "") for item in engine.get("env", [])}
            claim = volume.get("persistentVolumeClaim", {})
            if set(volume) != {"name", "emptyDir"} and not (set(claim) == {"claimName"} and len(roles) == 1):
                continue
            if set(volume.get("emptyDir", {})) - {"sizeLimit"}:
                continue
            if (
                mount.get("readOnly")
                or mount.get("subPath")
                or env.get("HF_HOME", "").rstrip("/") != mount["mountPath"].rstrip("/")
            ):
                continue
            size = volume.get("emptyDir", {}).get("sizeLimit")
            wanted = mount["mountPath"].rstrip("/")
            if draft.model_volume and (path != wanted or draft.artifacts.get("size") != size):
                continue
            serving.mount_path = path = wanted
            if path != MOUNT_PATH:
                draft.artifacts["mountPath"] = path
            if size is not None:
                draft.artifacts["size"] = size
            if claim:
                draft.artifacts["persistence"] = {"enabled": True, "existingClaim": claim["claimName"]}
        elif uri.startswith("pvc://"):
            claim = volume.get("persistentVolumeClaim", {})
            if (
                claim.get("claimName") != uri.removeprefix("pvc://").split("/")[0]
                or mount["mountPath"].rstrip("/") != path
            ):
                continue
        elif uri.startswith("oci://"):
            if (
                volume.get("image", {}).get("reference") != uri.removeprefix("oci://")
                or mount["mountPath"].rstrip("/") != path
            ):
                continue
        else:
            continue
        _take_volume(pod, volume["name"], mount, path, uri.startswith("hf://"))
        draft.model_volume = "model-storage"
        return "model-storage"
    if serving.mounted and uri and not uri.startswith("hf://"):
        return "model-storage"
    return None


def _take_volume(pod: dict[str, Any], name: str, mount: Mapping[str, Any], path: str, home: bool) -> None:
    """Renames the model's volume to the chart's name; the engine's own mount and HF_HOME are the chart's."""
    engine = pod["containers"][0]
    engine["volumeMounts"] = [item for item in engine["volumeMounts"] if item is not mount]
    if home:
        engine["env"] = [item for item in engine["env"] if item["name"] != "HF_HOME"]
    for kind in ("containers", "initContainers"):
        for container in pod.get(kind, []):
            for other in container.get("volumeMounts", []):
                if other["name"] == name:
                    other["name"] = "model-storage"
    pod["volumes"] = [item for item in pod["volumes"] if item["name"] != name]


def model_argument(uri: str, mount_path: str) -> str | None:
    """What the chart gives to the engine as its model."""
    scheme, _, rest = uri.partition("://")
    if scheme in ("hf", "ms", "file"):
        return rest
    if scheme in ("s3", "gs", "oss"):
        return uri
    if scheme == "oci":
        return mount_path
    if scheme == "pvc":
        return f"{mount_path.rstrip('/')}/{rest.partition('/')[2]}"
    return "/".join(rest.split("/")[-2:]) if scheme == "pvc+hf" else None


def mounted_at(pod: Mapping[str, Any], path: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The engine's mount that holds a path, and its volume."""
    mounts = [
        mount
        for mount in pod["containers"][0].get("volumeMounts", [])
        if path == mount["mountPath"].rstrip("/") or path.startswith(mount["mountPath"].rstrip("/") + "/")
    ]
    for mount in sorted(mounts, key=lambda item: -len(item["mountPath"])):
        for volume in pod.get("volumes", []):
            if volume["name"] == mount["name"]:
                return mount, volume
    return None


def _same_model(argument: str, derived: str | None) -> bool:
    return derived is not None and argument.rstrip("/") == derived.removesuffix("/.").rstrip("/")
