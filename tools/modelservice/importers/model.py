"""Where the model is and what it is called, from the engine's command line and what is mounted there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from modelservice.importers.commandline import CommandLine, Option
from modelservice.importers.fields import Fate
from modelservice.importers.serving import MOUNT_PATH, Draft, Role, escaped


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
    if serving.size:
        draft.artifacts["size"] = serving.size
    if serving.auth_secret:
        draft.artifacts["authSecretName"] = serving.auth_secret


def _served_name(draft: Draft, lines: Mapping[str, CommandLine], argument: str | None) -> None:
    names: dict[str, str] = {}
    for role, line in lines.items():
        option = line.get("served-model-name")
        if option and option.values:
            names[role] = option.values[0]
            if len(option.values) == 1:
                line.take("served-model-name")
    served = names.get("decode") or draft.serving.model or next(iter(names.values()), None)
    name = served or argument or draft.serving.name
    draft.artifacts["name"] = name
    for role, line in lines.items():
        if names.get(role, name) != name and line.get("served-model-name") is None:
            line.options.append(Option("served-model-name", [], ["--served-model-name", names[role]]))


def _model_option(line: CommandLine) -> Option | None:
    """Takes the model out of the engine's options; a positional one is said as an option."""
    if line.start == "custom":
        return None
    option = line.get("model")
    if option and option.values:
        line.take("model")
        return option
    positional = next((item for item in line.options if not item.name), None)
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
    if "$(" in argument or "://" in argument:
        return
    if not argument.startswith("/"):
        if re.fullmatch(r"[\w.-]+(/[\w.-]+)?", argument):
            serving.uri = f"hf://{argument}"
        return
    found = mounted_at(role.pod, argument)
    if found is None:
        return
    mount, volume = found
    inside = argument.rstrip("/").removeprefix(mount["mountPath"].rstrip("/")).strip("/")
    claim = volume.get("persistentVolumeClaim")
    if claim and "subPathExpr" not in mount:
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
    elif "image" in volume and not inside and volume["image"].get("reference"):
        serving.uri = f"oci://{volume['image']['reference']}"
        if volume["image"].get("pullPolicy", "Always") != "Always":
            draft.artifacts["imagePullPolicy"] = volume["image"]["pullPolicy"]
    else:
        return
    serving.mount_path = mount["mountPath"].rstrip("/") or "/"
    serving.mounted = True


def take_token(draft: Draft, container: dict[str, Any], role: Role) -> None:
    """The Hugging Face token from the Secret that the chart refers to anyway."""
    for variable in list(container.get("env", [])):
        reference = variable.get("valueFrom", {}).get("secretKeyRef", {})
        if variable["name"] != "HF_TOKEN" or reference.get("key") != "HF_TOKEN" or "optional" in reference:
            continue
        if draft.artifacts.setdefault("authSecretName", reference["name"]) == reference["name"]:
            container["env"].remove(variable)


def absorb(draft: Draft, name: str, pod: dict[str, Any], role: Role) -> str | None:
    """Leaves the model's volume to the chart where it makes the same one; the volume's name."""
    serving = draft.serving
    uri = serving.uri or ""
    engine = pod["containers"][0]
    path = serving.mount_path
    for mount in engine.get("volumeMounts", []):
        volume = next((item for item in pod.get("volumes", []) if item["name"] == mount["name"]), None)
        if volume is None or mount.get("subPathExpr"):
            continue
        if uri.startswith("hf://"):
            env = {item["name"]: item.get("value") for item in engine.get("env", [])}
            if set(volume) != {"name", "emptyDir"} or set(volume["emptyDir"]) - {"sizeLimit"}:
                continue
            if (
                mount.get("readOnly")
                or mount.get("subPath")
                or env.get("HF_HOME", "").rstrip("/") != mount["mountPath"].rstrip("/")
            ):
                continue
            size = volume["emptyDir"].get("sizeLimit")
            wanted = mount["mountPath"].rstrip("/")
            if draft.model_volume and (path != wanted or draft.artifacts.get("size") != size):
                continue
            serving.mount_path = path = wanted
            if path != MOUNT_PATH:
                draft.artifacts["mountPath"] = path
            if size is not None:
                draft.artifacts["size"] = size
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
    if scheme == "hf":
        return rest
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
