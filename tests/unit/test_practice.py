"""What a service needs to survive: probes, drain, budgets, spreading, policies, keys and writable caches."""

import json
from typing import Any

import pytest

from modelservice.errors import ValuesError
from modelservice.helm import EmbeddedHelm, Release
from support.render import VLLM, Objects, Render, shared

RELEASE = {"app.kubernetes.io/name": "llm-d-modelservice", "app.kubernetes.io/instance": "test"}
GROUP: dict[str, Any] = {"multinode": True, "parallelism": {"tensor": 8, "pipeline": 2, "workers": 2}}


def single(engine: dict[str, Any] = VLLM, proxy: bool = False, **role: Any) -> dict[str, Any]:
    return {
        "engine": engine,
        "routing": {"proxy": {"enabled": proxy}},
        "decode": role,
        "prefill": {"create": False},
    }


# Probes


def probes(objects: Objects, part: str = "workerTemplate") -> dict[str, dict[str, Any]]:
    engine = objects.engine(part=part)
    return {name: engine[name] for name in ("startupProbe", "readinessProbe", "livenessProbe") if name in engine}


@pytest.mark.parametrize(
    ("values", "since", "key"),
    [
        ({"decode": {"drain": {"enabled": True}}}, 30, "decode.drain.enabled"),
        ({"engine": VLLM, "accelerator": {"dra": True}}, 34, "accelerator.dra"),
        ({"engine": VLLM, "prefill": {"accelerator": {"dra": True}}}, 34, "prefill.accelerator.dra"),
    ],
)
def test_what_a_cluster_is_too_old_for_is_refused(
    embedded: EmbeddedHelm, values: dict[str, Any], since: int, key: str
) -> None:
    assert embedded.render(values, Release(), kube_version=f"v1.{since}.0").objects
    with pytest.raises(ValuesError, match=rf"{key}: it needs .* this cluster is v1\.{since - 1}\.5; set false"):
        embedded.render(values, Release(), kube_version=f"v1.{since - 1}.5")


def test_there_are_no_probes_by_default(render: Render) -> None:
    objects = render(single())
    assert probes(objects) == {}
    assert "progressDeadlineSeconds" not in objects.workload()["spec"]


def test_the_startup_budget_is_the_time_of_the_load(render: Render) -> None:
    startup = probes(render(single(probes={"enabled": True, "loadSeconds": 1805})))["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] == 1810


def test_the_default_budget_is_an_hour(render: Render) -> None:
    startup = probes(render(single(probes={"enabled": True})))["startupProbe"]
    assert startup["periodSeconds"] * startup["failureThreshold"] == 3600


def test_nothing_delays_liveness_once_the_model_is_loaded(render: Render) -> None:
    for probe in probes(render(single(probes={"enabled": True}))).values():
        assert "initialDelaySeconds" not in probe


def test_a_deployment_is_not_failed_while_its_model_loads(render: Render) -> None:
    spec = render(single(probes={"enabled": True, "loadSeconds": 7200})).workload()["spec"]
    assert spec["progressDeadlineSeconds"] == 7800


@pytest.mark.parametrize("proxy", [False, True])
def test_probes_ask_the_engine_itself(render: Render, proxy: bool) -> None:
    for probe in probes(render(single(proxy=proxy, probes={"enabled": True}))).values():
        assert probe["httpGet"] == {"path": "/health", "port": 8200 if proxy else 8000}


@pytest.mark.parametrize("left", ["readiness", "liveness"])
def test_each_probe_has_a_switch(render: Render, left: str) -> None:
    found = probes(render(single(probes={"enabled": True, left: False})))
    assert set(found) == {"startupProbe", "readinessProbe", "livenessProbe"} - {f"{left}Probe"}


def test_without_startup_there_is_no_budget(render: Render) -> None:
    objects = render(single(probes={"enabled": True, "startup": False, "liveness": False}))
    assert set(probes(objects)) == {"readinessProbe"}
    assert "progressDeadlineSeconds" not in objects.workload()["spec"]


def test_a_probe_of_the_users_wins_field_by_field(render: Render) -> None:
    engine = {**VLLM, "startupProbe": {"failureThreshold": 7}}
    startup = probes(render(single(engine, probes={"enabled": True})))["startupProbe"]
    assert (startup["failureThreshold"], startup["httpGet"]["path"]) == (7, "/health")


@pytest.mark.parametrize(
    "handler", [{"exec": {"command": ["true"]}}, {"tcpSocket": {"port": 1}}, {"httpGet": {"path": "/x", "port": 1}}]
)
def test_a_handler_of_the_users_replaces_the_derived_one(render: Render, handler: dict[str, Any]) -> None:
    objects = render(single({**VLLM, "readinessProbe": handler}, probes={"enabled": True}))
    readiness = probes(objects)["readinessProbe"]
    assert {name: value for name, value in readiness.items() if isinstance(value, dict)} == handler


def test_a_handler_in_extra_config_replaces_the_derived_one_too(render: Render) -> None:
    handler = {"exec": {"command": ["true"]}}
    objects = render(single({**VLLM, "extraConfig": {"livenessProbe": handler}}, probes={"enabled": True}))
    assert "httpGet" not in probes(objects)["livenessProbe"]
    assert probes(objects)["livenessProbe"]["exec"] == handler["exec"]


def test_the_supervisor_answers_for_all_ranks(render: Render) -> None:
    objects = render(single(parallelism={"data": 4, "dataMode": "multiPort"}, probes={"enabled": True}))
    found = {name: probe["httpGet"] for name, probe in probes(objects).items()}
    assert found["livenessProbe"] == found["startupProbe"] == {"path": "/health", "port": 8004}
    assert found["readinessProbe"] == {"path": "/readyz", "port": 8004}


def test_a_custom_command_says_its_paths(render: Render) -> None:
    engine = {"image": "x", "modelCommand": "custom", "command": ["run"]}
    paths = {"enabled": True, "path": "/ping", "readinessPath": "/ready"}
    found = {name: probe["httpGet"]["path"] for name, probe in probes(render(single(engine, probes=paths))).items()}
    assert found == {"startupProbe": "/ping", "readinessProbe": "/ready", "livenessProbe": "/ping"}


def test_an_engine_with_a_certificate_is_probed_over_tls(render: Render) -> None:
    objects = render(single({**VLLM, "args": {"ssl-certfile": "/tls/tls.crt"}}, probes={"enabled": True}))
    assert probes(objects)["livenessProbe"]["httpGet"]["scheme"] == "HTTPS"


def test_workers_that_do_not_serve_have_no_probes(render: Render) -> None:
    objects = render({**single(probes={"enabled": True}, **GROUP)})
    assert len(probes(objects, "leaderTemplate")) == 3
    assert probes(objects, "workerTemplate") == {}


# Drain


def test_nothing_is_drained_by_default(render: Render) -> None:
    pod = render(single()).pod()
    assert "terminationGracePeriodSeconds" not in pod
    assert "lifecycle" not in pod["containers"][0]
    assert "--shutdown-timeout" not in pod["containers"][0]["args"]


def drained(objects: Objects, part: str = "workerTemplate") -> tuple[int, int | None, int]:
    """Seconds of preStop, of --shutdown-timeout, of the grace period."""
    pod, args = objects.pod(part=part), objects.engine(part=part).get("args", [])
    flag = int(args[args.index("--shutdown-timeout") + 1]) if "--shutdown-timeout" in args else None
    return pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"], flag, pod["terminationGracePeriodSeconds"]


def test_the_grace_period_is_the_sum_and_a_buffer(render: Render) -> None:
    seconds = {"preStopSeconds": 20, "timeoutSeconds": 300, "bufferSeconds": 30}
    assert drained(render(single(drain={"enabled": True, **seconds}))) == (20, 300, 350)


@pytest.mark.parametrize(
    ("image", "known"),
    [
        ("vllm/vllm-openai:v0.32.0", True),
        ("mirror.example.com/vllm/vllm-openai:v0.18.0-cu129", True),
        ("vllm/vllm-openai-rocm:v0.20.1", True),
        ("vllm/vllm-openai:v0.17.1", False),
        ("vllm/vllm-openai:latest", False),
        ("vllm/vllm-openai@sha256:" + "a" * 64, False),
        ("opea/vllm-gaudi:1.22.0", False),
        ("ghcr.io/llm-d/llm-d-cuda:v0.8.0", False),
        ("ghcr.io/llm-d/llm-d-inference-sim:v0.19.0", False),
    ],
)
def test_the_flag_is_given_where_the_image_tells_that_it_is_known(render: Render, image: str, known: bool) -> None:
    seconds = drained(render(single({"image": image, "modelCommand": "imageDefault"}, drain={"enabled": True})))
    assert seconds == ((15, 60, 90) if known else (75, None, 90))


def test_vllm_knows_the_flag_from_the_version_on_that_the_chart_gives_it_to(render: Render) -> None:
    for file in sorted(shared("reference/vllm-serve-arguments").glob("*.json")):
        known = any("--shutdown-timeout" in item["flags"] for item in json.loads(file.read_text())["arguments"])
        engine = {**VLLM, "image": f"vllm/vllm-openai:v{file.stem}"}
        _, flag, _ = drained(render(single(engine, drain={"enabled": True})))
        assert (flag is not None) == known, file.stem


def test_the_flag_may_be_declared(render: Render) -> None:
    engine = {**VLLM, "image": "ghcr.io/llm-d/llm-d-cuda:v0.8.0"}
    assert drained(render(single(engine, drain={"enabled": True, "shutdownFlag": True}))) == (15, 60, 90)
    assert drained(render(single(drain={"enabled": True, "shutdownFlag": False}))) == (75, None, 90)


def test_other_engines_get_the_time_before_the_signal(render: Render) -> None:
    engine = {"image": "lmsysorg/sglang:v0.5.5", "modelCommand": "sglangServe"}
    assert drained(render(single(engine, drain={"enabled": True}))) == (75, None, 90)


def test_a_timeout_that_the_user_writes_counts(render: Render) -> None:
    engine = {**VLLM, "args": {"shutdown-timeout": 600}}
    assert drained(render(single(engine, drain={"enabled": True}))) == (15, 600, 630)


def test_a_longer_grace_period_stays(render: Render) -> None:
    objects = render(single(drain={"enabled": True}, terminationGracePeriodSeconds=900))
    assert drained(objects) == (15, 60, 900)


def test_a_hook_after_the_start_stays_beside_the_drain(render: Render) -> None:
    hook = {"exec": {"command": ["true"]}}
    engine = render(single({**VLLM, "lifecycle": {"postStart": hook}}, drain={"enabled": True})).engine()
    assert engine["lifecycle"] == {"postStart": hook, "preStop": {"sleep": {"seconds": 15}}}


def test_all_pods_of_a_group_drain(render: Render) -> None:
    objects = render(single(drain={"enabled": True}, **GROUP))
    assert drained(objects, "leaderTemplate") == drained(objects, "workerTemplate") == (15, 60, 90)


# Budgets and spreading


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"maxUnavailable": 1}),
        ({"minAvailable": "50%"}, {"minAvailable": "50%"}),
        ({"minAvailable": 2}, {"minAvailable": 2}),
        ({"maxUnavailable": 0}, {"maxUnavailable": 0}),
        ({"unhealthyPodEvictionPolicy": "AlwaysAllow"},
         {"maxUnavailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow"}),
    ],
)  # fmt: skip
def test_a_disruption_budget(render: Render, given: dict[str, Any], expected: dict[str, Any]) -> None:
    objects = render(single(replicas=3, podDisruptionBudget={"enabled": True, **given}))
    spec = objects.one("PodDisruptionBudget")["spec"]
    assert spec.pop("selector")["matchLabels"] == objects.workload()["spec"]["selector"]["matchLabels"]
    assert spec == expected


def test_a_budget_of_a_group_counts_its_workers_too(render: Render) -> None:
    objects = render(single(podDisruptionBudget={"enabled": True}, **GROUP))
    assert objects.one("PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == {
        "leaderworkerset.sigs.k8s.io/name": "test-llm-d-modelservice-decode"
    }


SPREAD = {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}


def test_a_spread_constraint_counts_the_roles_pods(render: Render) -> None:
    objects = render(single(topologySpreadConstraints=[SPREAD]))
    selector = {"matchLabels": objects.workload()["spec"]["selector"]["matchLabels"]}
    assert objects.pod()["topologySpreadConstraints"] == [{**SPREAD, "labelSelector": selector}]


def test_a_selector_of_the_users_stays(render: Render) -> None:
    own = {**SPREAD, "labelSelector": {"matchLabels": {"a": "b"}}}
    assert render(single(topologySpreadConstraints=[own])).pod()["topologySpreadConstraints"] == [own]


def test_workers_follow_their_leader(render: Render) -> None:
    objects = render(single(topologySpreadConstraints=[SPREAD], **GROUP))
    assert "topologySpreadConstraints" in objects.pod(part="leaderTemplate")
    assert "topologySpreadConstraints" not in objects.pod(part="workerTemplate")


# Network policies


def policy(objects: Objects, role: str = "decode") -> dict[str, Any]:
    spec: dict[str, Any] = objects.one("NetworkPolicy", role)["spec"]
    return spec


def test_a_policy_lets_the_release_and_clients_in(render: Render) -> None:
    peers = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gateway"}}}]
    objects = render({"engine": VLLM, "networkPolicy": {"enabled": True, "from": peers}})
    for role in ("decode", "prefill"):
        spec = policy(objects, role)
        assert spec["podSelector"]["matchLabels"] == objects.workload(role)["spec"]["selector"]["matchLabels"]
        assert spec["policyTypes"] == ["Ingress"]
        assert spec["ingress"] == [
            {"from": [{"podSelector": {"matchLabels": RELEASE}}]},
            {"from": peers, "ports": [{"protocol": "TCP", "port": 8000}]},
        ]


def test_without_peers_anybody_may_send_requests(render: Render) -> None:
    ingress = policy(render({**single(), "networkPolicy": {"enabled": True}}))["ingress"]
    assert "from" not in ingress[1]


def test_every_ranks_port_is_open(render: Render) -> None:
    values = {**single(parallelism={"data": 4, "dataMode": "multiPort"}), "networkPolicy": {"enabled": True}}
    assert policy(render(values))["ingress"][1]["ports"] == [{"protocol": "TCP", "port": 8000, "endPort": 8003}]


def test_what_is_scraped_behind_the_proxy_is_open(render: Render) -> None:
    values = single(proxy=True, monitoring={"podmonitor": {"enabled": True}})
    ports = policy(render({**values, "networkPolicy": {"enabled": True}}))["ingress"][1]["ports"]
    assert [port["port"] for port in ports] == [8000, 8200]


def test_a_servicemonitor_scrapes_behind_the_proxy_too(render: Render) -> None:
    values = single(proxy=True, service={"create": True}, monitoring={"servicemonitor": {"enabled": True}})
    ports = policy(render({**values, "networkPolicy": {"enabled": True}}))["ingress"][1]["ports"]
    assert [port["port"] for port in ports] == [8000, 8200]


def test_the_endpoint_picker_reads_the_engines_and_is_asked_by_the_gateway(render: Render) -> None:
    gateway = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gateway"}}}]
    routing = {"inferencePool": {"create": True}, "epp": {"create": True, "service": {"targetPort": 9100}}}
    objects = render({"engine": VLLM, "routing": routing, "networkPolicy": {"enabled": True, "from": gateway}})
    picker = objects.one("Deployment", "-epp")["spec"]["selector"]
    for role in ("decode", "prefill"):
        assert {"podSelector": picker} in policy(objects, role)["ingress"][0]["from"]
    own = policy(objects, "-epp")
    assert own["podSelector"] == picker
    ports = [{"protocol": "TCP", "port": 9100}, {"protocol": "TCP", "port": 9090}]
    assert (own["policyTypes"], own["ingress"]) == (["Ingress"], [{"ports": ports, "from": gateway}])


def test_what_services_of_the_picker_send_to_is_open(render: Render) -> None:
    extra = [
        {"name": "zmq", "port": 5557},
        {"name": "web", "port": 80, "targetPort": "web"},
        {"name": "m", "port": 9090},
    ]
    routing = {"inferencePool": {"create": True}, "epp": {"create": True, "service": {"extraPorts": extra}}}
    objects = render({"engine": VLLM, "routing": routing, "networkPolicy": {"enabled": True}})
    ports = [port["port"] for port in policy(objects, "-epp")["ingress"][0]["ports"]]
    assert ports == [9002, 9090, 5557, "web"]


@pytest.mark.parametrize(
    "values",
    [
        {"service": {"enabled": True, "ports": [{"name": "http", "port": 80, "targetPort": 8000}, {"name": "x", "port": 9}]}},
        single(service={"create": True, "ports": [{"name": "http", "port": 8000}, {"name": "x", "port": 80, "targetPort": 9}]}),
    ],
    ids=["of the release", "of the role"],
)  # fmt: skip
def test_what_services_of_a_role_send_to_is_open(render: Render, values: dict[str, Any]) -> None:
    objects = render({**single(), **values, "networkPolicy": {"enabled": True}})
    assert [port["port"] for port in policy(objects)["ingress"][1]["ports"]] == [8000, 9]


def test_an_exporter_that_is_scraped_is_open(render: Render) -> None:
    exporter = {"name": "exporter", "image": "dcgm:v1", "ports": [{"name": "metrics", "containerPort": 9400}]}
    containers = [{"name": "vllm", **VLLM}, exporter]
    values = single(containers=containers, monitoring={"podmonitor": {"enabled": True}})
    ports = policy(render({**values, "networkPolicy": {"enabled": True}}))["ingress"][1]["ports"]
    assert "metrics" in [port["port"] for port in ports]


def test_egress_is_free_until_it_is_listed(render: Render) -> None:
    rule = {"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}
    spec = policy(render({**single(), "networkPolicy": {"enabled": True, "egress": [rule]}}))
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert spec["egress"][0] == {"to": [{"podSelector": {"matchLabels": RELEASE}}]}
    assert {port["port"] for port in spec["egress"][1]["ports"]} == {53}
    assert spec["egress"][2:] == [rule]


def test_an_empty_list_closes_egress(render: Render) -> None:
    assert len(policy(render({**single(), "networkPolicy": {"enabled": True, "egress": []}}))["egress"]) == 2


def test_a_policy_of_a_group_holds_for_its_workers_and_lets_them_talk(render: Render) -> None:
    objects = render({**single(**GROUP), "networkPolicy": {"enabled": True}})
    assert policy(objects)["podSelector"]["matchLabels"] == {
        "leaderworkerset.sigs.k8s.io/name": "test-llm-d-modelservice-decode"
    }
    assert RELEASE.items() <= objects.template(part="workerTemplate")["metadata"]["labels"].items()


def test_further_rules_are_added(render: Render) -> None:
    rule = {"ports": [{"port": 9000}]}
    assert policy(render({**single(), "networkPolicy": {"enabled": True, "ingress": [rule]}}))["ingress"][2] == rule


# API key, token, scheduling


def test_the_engine_reads_the_api_key_from_the_secret(render: Render) -> None:
    objects = render({**single(), "auth": {"apiKeySecret": {"name": "clients", "key": "token"}}})
    assert objects.env()["VLLM_API_KEY"] == {"secretKeyRef": {"name": "clients", "key": "token"}}
    assert "--api-key" not in objects.engine()["args"]


def test_sglang_takes_it_as_a_flag_that_kubernetes_fills_in(render: Render) -> None:
    engine = {"image": "lmsysorg/sglang:v0.5.5", "modelCommand": "sglangServe"}
    objects = render({**single(engine), "auth": {"apiKeySecret": {"name": "clients"}}})
    args = objects.engine()["args"]
    assert args[args.index("--api-key") + 1] == "$(SGLANG_API_KEY)"
    assert objects.env()["SGLANG_API_KEY"] == {"secretKeyRef": {"name": "clients", "key": "api-key"}}


def test_infinity_has_a_variable_of_its_own(render: Render) -> None:
    engine = {"type": "infinity", "image": "michaelf34/infinity:0.0.77"}
    env = render({**single(engine), "auth": {"apiKeySecret": {"name": "clients"}}}).env()
    assert env["INFINITY_API_KEY"] == {"secretKeyRef": {"name": "clients", "key": "api-key"}}
    assert "VLLM_API_KEY" not in env


def test_the_notes_ask_with_the_key(render: Render) -> None:
    notes = render({**single(), "auth": {"apiKeySecret": {"name": "clients", "key": "a.b"}}}).notes
    assert """get secret clients -o go-template='{{index .data "a.b" | base64decode}}')""" in notes
    assert 'Bearer $KEY"' in notes
    assert "Bearer" not in render(single()).notes


@pytest.mark.parametrize("existing", ["", "theirs"])
def test_no_token_is_mounted_whoever_made_the_account(render: Render, existing: str) -> None:
    values = {"serviceAccountOverride": existing, "serviceAccount": {"automountServiceAccountToken": False}}
    assert render(values).pod()["automountServiceAccountToken"] is False
    assert "automountServiceAccountToken" not in render({"serviceAccountOverride": existing}).pod()


def test_a_runtime_class(render: Render) -> None:
    assert render(single(runtimeClassName="nvidia")).pod()["runtimeClassName"] == "nvidia"


def test_a_requester_gets_the_runtime_class_and_no_token_either(render: Render) -> None:
    account = {"automountServiceAccountToken": False}
    values = {**single(runtimeClassName="nvidia"), "requester": {"enable": True}, "serviceAccount": account}
    pod = render(values).pod()
    assert (pod["runtimeClassName"], pod["automountServiceAccountToken"]) == ("nvidia", False)


# Suspension


@pytest.mark.parametrize("role", [{"replicas": 3}, {"autoscaling": {"enabled": True}}])
@pytest.mark.parametrize("kind", [{}, {"multinode": True}, {"workload": "StatefulSet"}])
def test_a_suspended_release_has_no_pods_whoever_owns_the_replicas(
    render: Render, role: dict[str, Any], kind: dict[str, Any]
) -> None:
    objects = render({"engine": VLLM, "suspend": True, "decode": {**role, **kind}, "prefill": {**role, **kind}})
    assert [objects.workload(name)["spec"]["replicas"] for name in ("decode", "prefill")] == [0, 0]
    running = render({"engine": VLLM, "decode": {**role, **kind}, "prefill": {**role, **kind}})
    assert objects.kinds() == running.kinds()


@pytest.mark.parametrize("suspend", [True, False])
def test_a_download_waits_while_the_release_is_suspended(render: Render, suspend: bool) -> None:
    shared = {"enabled": True, "accessModes": ["ReadWriteMany"]}
    artifacts = {"size": "10Gi", "download": {"job": True}, "persistence": shared}
    job = render({**single(), "suspend": suspend, "modelArtifacts": artifacts}).one("Job")
    assert job["spec"].get("suspend", False) is suspend


def test_the_notes_say_that_a_release_is_suspended(render: Render) -> None:
    notes = render({"suspend": True}).notes
    assert "Suspended" in notes
    assert "curl" not in notes and "rollout status" not in notes
    assert "Suspended" not in render().notes


# Caches


def test_caches_leave_no_trace_by_default(render: Render) -> None:
    objects = render(single())
    assert {"HOME", "VLLM_CACHE_ROOT"}.isdisjoint(objects.env())
    assert [mount["mountPath"] for mount in objects.engine()["volumeMounts"]] == ["/model-cache"]


def test_every_cache_is_on_a_writable_volume(render: Render) -> None:
    objects = render({**single(), "caches": {"enabled": True, "mountPath": "/work/", "sizeLimit": "20Gi"}})
    env = objects.env()
    names = {"HOME", "HF_HOME", "VLLM_CACHE_ROOT", "TRITON_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR", "XDG_CACHE_HOME",
             "XDG_CONFIG_HOME", "VLLM_CONFIG_ROOT", "FLASHINFER_WORKSPACE_BASE", "CUDA_CACHE_PATH", "NUMBA_CACHE_DIR",
             "OUTLINES_CACHE_DIR", "MPLCONFIGDIR", "TORCH_HOME", "TORCH_EXTENSIONS_DIR", "TRITON_HOME"}  # fmt: skip
    mounted = {mount["mountPath"]: mount["name"] for mount in objects.engine()["volumeMounts"]}
    assert mounted == {"/model-cache": "model-storage", "/work": "engine-cache", "/tmp": "engine-tmp"}
    for name in names:
        assert any(env[name] == path or env[name].startswith(f"{path}/") for path in mounted), name
    volumes = {volume["name"]: volume for volume in objects.pod()["volumes"]}
    assert volumes["engine-cache"]["emptyDir"] == {"sizeLimit": "20Gi"}


def test_the_hub_cache_moves_away_from_a_read_only_model(render: Render) -> None:
    values = {**single(), "caches": {"enabled": True}, "modelArtifacts": {"uri": "pvc+hf://c/org/model"}}
    env = render(values).env()
    assert (env["HF_HUB_CACHE"], env["HF_HOME"]) == ("/model-cache/", "/var/cache/engine/huggingface")


def test_variables_and_mounts_of_the_users_win(render: Render) -> None:
    engine = {**VLLM, "env": {"HOME": "/home/me"}, "volumeMounts": [{"name": "metrics-volume", "mountPath": "/tmp"}]}
    objects = render({**single(engine), "caches": {"enabled": True}})
    assert objects.env()["HOME"] == "/home/me"
    assert [mount["name"] for mount in objects.engine()["volumeMounts"] if mount["mountPath"] == "/tmp"] == [
        "metrics-volume"
    ]


def test_a_volume_of_the_users_replaces_the_caches(render: Render) -> None:
    claim = {"name": "engine-cache", "persistentVolumeClaim": {"claimName": "kernels"}}
    pod = render({**single(volumes=[claim]), "caches": {"enabled": True}}).pod()
    assert [volume for volume in pod["volumes"] if volume["name"] == "engine-cache"] == [claim]


def test_shared_memory_of_the_users_wins(render: Render) -> None:
    mount = {"name": "metrics-volume", "mountPath": "/dev/shm"}
    objects = render(single({**VLLM, "volumeMounts": [mount]}, sharedMemory={"enabled": True}))
    assert [item["name"] for item in objects.engine()["volumeMounts"] if item["mountPath"] == "/dev/shm"] == [
        "metrics-volume"
    ]
