"""The endpoint picker: flags, plugins and rights that follow its version, the roles and the strategy."""

from typing import Any

import pytest
import yaml

from support.render import VLLM, Objects, Render

OLD = "ghcr.io/llm-d/llm-d-inference-scheduler"
NEW = "ghcr.io/llm-d/llm-d-router-endpoint-picker"
GAIE = "registry.k8s.io/gateway-api-inference-extension/epp"
SINGLE = {"prefill": {"create": False}}


def picker(render: Render, routing: dict[str, Any] | None = None, values: dict[str, Any] | None = None) -> Objects:
    """Objects with a pool and a picker; routing.epp is merged with create: true."""
    routing = {"inferencePool": {"create": True}, **(routing or {})}
    routing["epp"] = {"create": True, **routing.get("epp", {})}
    return render({"engine": VLLM, **(values or {}), "routing": routing})


def pod(objects: Objects) -> dict[str, Any]:
    spec: dict[str, Any] = objects.one("Deployment", "-epp")["spec"]["template"]["spec"]
    return spec


def container(objects: Objects) -> dict[str, Any]:
    (only,) = pod(objects)["containers"]
    return dict(only)


def config(objects: Objects) -> dict[str, Any]:
    """The configuration that the picker reads: the file that its flag names."""
    (flag,) = [flag for flag in container(objects)["args"] if flag.startswith("--config-file=/config/")]
    (mount,) = container(objects)["volumeMounts"]
    (volume,) = pod(objects)["volumes"]
    files = objects.one("ConfigMap")
    assert (mount["mountPath"], volume["configMap"]["name"]) == ("/config", files["metadata"]["name"])
    loaded: dict[str, Any] = yaml.safe_load(files["data"][flag.rpartition("/")[2]])
    return loaded


def types(objects: Objects) -> set[str]:
    return {plugin["type"] for plugin in config(objects)["plugins"]}


def profiles(objects: Objects) -> dict[str, dict[str, int | None]]:
    """Profiles: the weight of each plugin they run."""
    return {
        profile["name"]: {item["pluginRef"]: item.get("weight") for item in profile["plugins"]}
        for profile in config(objects)["schedulingProfiles"]
    }


# ---------------------------------------------------------------------------------------------
# Plugins
# ---------------------------------------------------------------------------------------------


def test_without_a_strategy_prefix_cache_and_queue_count(render: Render) -> None:
    assert profiles(picker(render, values=SINGLE)) == {
        "default": {
            "max-score-picker": None,
            "queue-scorer": 2,
            "kv-cache-utilization-scorer": 2,
            "prefix-cache-scorer": 3,
        }
    }


@pytest.mark.parametrize(
    ("image", "scorers"),
    [
        (f"{NEW}:v0.10.0", {"active-request-scorer": 1}),
        (f"{OLD}:v0.4.0", {"active-request-scorer": 1}),
        (f"{GAIE}:v1.5.0", {"running-requests-size-scorer": 1, "queue-scorer": 1}),
    ],
)
def test_least_load_counts_requests(render: Render, image: str, scorers: dict[str, int]) -> None:
    objects = picker(render, {"loadBalancing": {"strategy": "LeastLoad"}, "epp": {"image": image}}, SINGLE)
    assert profiles(objects) == {"default": {"max-score-picker": None, **scorers}}


def test_prefix_hash_prefers_equal_prefixes_within_the_queue(render: Render) -> None:
    objects = picker(render, {"loadBalancing": {"strategy": "PrefixHash"}}, SINGLE)
    assert profiles(objects) == {"default": {"max-score-picker": None, "prefix-cache-scorer": 3, "queue-scorer": 1}}


@pytest.mark.parametrize(
    ("image", "plugin", "parameters"),
    [
        (f"{NEW}:v0.10.0", "approx-prefix-cache-producer", {"blockSizeTokens": 25, "maxPrefixTokensToMatch": 25}),
        (f"{OLD}:v0.7.1", "prefix-cache-scorer", {"blockSizeTokens": 25, "maxPrefixBlocksToMatch": 1}),
        (f"{OLD}:v0.5.1", "prefix-cache-scorer", {"blockSize": 100, "maxPrefixBlocksToMatch": 1}),
    ],
)
def test_the_length_of_a_prefix_is_one_block(
    render: Render, image: str, plugin: str, parameters: dict[str, Any]
) -> None:
    balancing = {"strategy": "PrefixHash", "prefixHash": {"prefixCharLength": 100}}
    plugins = config(picker(render, {"loadBalancing": balancing, "epp": {"image": image}}, SINGLE))["plugins"]
    (found,) = [item for item in plugins if item["type"] == plugin]
    assert found["parameters"] == {"autoTune": False, **parameters}


@pytest.mark.parametrize("lora", [{"adapters": [{"name": "sql", "uri": "hf://o/sql"}]}, {"lora": {"dynamic": True}}])
@pytest.mark.parametrize("strategy", [None, "LeastLoad", "PrefixHash"])
def test_pods_that_have_the_adapter_count_more(render: Render, lora: dict[str, Any], strategy: str | None) -> None:
    objects = picker(render, {"loadBalancing": {"strategy": strategy}}, {**SINGLE, "modelArtifacts": lora})
    assert profiles(objects)["default"]["lora-affinity-scorer"] == 1
    assert "lora-affinity-scorer" not in types(picker(render, {"loadBalancing": {"strategy": strategy}}, SINGLE))


@pytest.mark.parametrize(
    ("strategy", "scorers"),
    [
        (None, {"active-request-scorer": 2, "prefix-cache-scorer": 3}),
        ("LeastLoad", {"active-request-scorer": 1}),
        ("PrefixHash", {"prefix-cache-scorer": 3, "active-request-scorer": 1}),
    ],
)
def test_the_picker_counts_itself_where_the_engine_has_no_metrics(
    render: Render, strategy: str | None, scorers: dict[str, int]
) -> None:
    ollama = {"engine": {"type": "ollama", "image": "ollama/ollama:0.12.0"}, **SINGLE}
    ollama["modelArtifacts"] = {"uri": "ollama://qwen3:0.6b"}
    routing = {"proxy": {"enabled": False}, "loadBalancing": {"strategy": strategy}}
    assert profiles(picker(render, routing, ollama)) == {"default": {"max-score-picker": None, **scorers}}


@pytest.mark.parametrize(
    ("image", "handlers"),
    [
        (f"{NEW}:v0.10.0", {"always-disagg-pd-decider", "disagg-profile-handler"}),
        (f"{OLD}:v0.7.1", {"always-disagg-pd-decider", "disagg-profile-handler", "disagg-headers-handler"}),
        (f"{OLD}:v0.5.1", {"prefill-header-handler", "pd-profile-handler"}),
    ],
)
def test_disaggregation_follows_the_version(render: Render, image: str, handlers: set[str]) -> None:
    objects = picker(render, {"epp": {"image": image}})
    assert {name for name in types(objects) if "handler" in name or "decider" in name} == handlers
    assert set(profiles(objects)) == {"prefill", "decode"}
    for role, plugins in profiles(objects).items():
        assert next(iter(plugins)) == f"{role}-filter"


@pytest.mark.parametrize("absent", ["decode", "prefill"])
def test_profiles_of_disaggregation_are_there_exactly_when_there_are_both_roles(render: Render, absent: str) -> None:
    objects = picker(render, values={absent: {"create": False}})
    assert set(profiles(objects)) == {"default"}
    assert not [name for name in types(objects) if "filter" in name or "disagg" in name]


@pytest.mark.parametrize("strategy", [None, "LeastLoad", "PrefixHash"])
@pytest.mark.parametrize("image", [f"{NEW}:v0.10.0", f"{OLD}:v0.7.1", f"{OLD}:v0.4.0"])
def test_every_profile_refers_to_plugins_that_there_are(render: Render, strategy: str | None, image: str) -> None:
    objects = picker(render, {"loadBalancing": {"strategy": strategy}, "epp": {"image": image}})
    for plugins in profiles(objects).values():
        assert set(plugins) <= types(objects)


@pytest.mark.parametrize(
    ("image", "api"),
    [(f"{NEW}:v0.9.0", "llm-d.ai/v1alpha1"), (f"{OLD}:v0.8.0", "inference.networking.x-k8s.io/v1alpha1"),
     (f"{OLD}:latest", "inference.networking.x-k8s.io/v1alpha1"), (f"{NEW}:main", "llm-d.ai/v1alpha1")],
)  # fmt: skip
def test_the_configuration_has_the_api_version_of_the_picker(render: Render, image: str, api: str) -> None:
    found = config(picker(render, {"epp": {"image": image}}))
    assert (found["apiVersion"], found["kind"]) == (api, "EndpointPickerConfig")


def test_metrics_of_sglang(render: Render) -> None:
    values = {**SINGLE, "engine": {"image": "lmsysorg/sglang:v0.5.3", "modelCommand": "sglangServe"}}
    (found,) = [
        item for item in config(picker(render, values=values))["plugins"] if item["type"] == "core-metrics-extractor"
    ]
    assert found["parameters"] == {"defaultEngine": "sglang"}
    assert "core-metrics-extractor" not in types(picker(render))


TLS = {"image": VLLM["image"], "modelCommand": "vllmServe", "args": {"ssl-certfile": "/a", "ssl-keyfile": "/b"}}


@pytest.mark.parametrize(
    "values", [{"engine": TLS, "routing": {"proxy": {"enabled": False}}}, {"routing": {"proxy": {"secure": True}}}]
)
def test_metrics_of_pods_that_serve_tls_are_read_over_it(render: Render, values: dict[str, Any]) -> None:
    values = {**SINGLE, **values}
    objects = picker(render, values["routing"], values)
    (source,) = [item for item in config(objects)["plugins"] if item["type"] == "metrics-data-source"]
    assert source["parameters"] == {"scheme": "https", "insecureSkipVerify": True}
    older = picker(render, {**values["routing"], "epp": {"image": f"{OLD}:v0.7.1"}}, values)
    assert "--model-server-metrics-scheme=https" in container(older)["args"]
    assert "metrics-data-source" not in types(older)


def test_metrics_are_read_in_clear_where_a_role_serves_them_so(render: Render) -> None:
    objects = picker(render, {"proxy": {"secure": True}})
    assert "metrics-data-source" not in types(objects)


def test_requests_wait_in_flow_control_when_all_pods_may_be_gone(render: Render) -> None:
    scaling = {"enabled": True, "type": "keda", "minReplicas": 0, "maxReplicas": 2}
    scaling["prometheus"] = {"serverAddress": "http://prometheus:9090"}
    assert config(picker(render, values={"decode": {"autoscaling": scaling}}))["featureGates"] == ["flowControl"]
    assert "featureGates" not in config(picker(render))


@pytest.mark.parametrize(
    ("image", "loads", "expected"),
    [
        (f"{NEW}:v0.10.0", {}, {"defaultRequestTTL": "3600s"}),
        (f"{NEW}:v0.10.0", {"decode": 600, "prefill": 900}, {"defaultRequestTTL": "900s"}),
        (f"{NEW}:v0.9.0", {}, None),
        (f"{OLD}:v0.7.1", {}, None),
    ],
)
def test_a_request_waits_as_long_as_the_first_pod_may_load(
    render: Render, image: str, loads: dict[str, int], expected: dict[str, str] | None
) -> None:
    scaling = {"enabled": True, "type": "keda", "minReplicas": 0, "maxReplicas": 2}
    scaling["prometheus"] = {"serverAddress": "http://prometheus:9090"}
    roles: dict[str, Any] = {name: {"probes": {"loadSeconds": seconds}} for name, seconds in loads.items()}
    roles["decode"] = {**roles.get("decode", {}), "autoscaling": scaling}
    roles.setdefault("prefill", {"create": False})
    assert config(picker(render, {"epp": {"image": image}}, roles)).get("flowControl") == expected


def test_a_monitor_scrapes_the_picker(render: Render) -> None:
    monitor = {"enabled": True, "scrapeTimeout": "5s", "labels": {"release": "prometheus"}, "annotations": {"a": "b"}}
    objects = picker(render, {"epp": {"monitoring": {"servicemonitor": monitor}}}, SINGLE)
    found = objects.one("ServiceMonitor")
    assert found["metadata"]["labels"]["release"] == "prometheus"
    assert found["metadata"]["annotations"] == {"a": "b"}
    (endpoint,) = found["spec"]["endpoints"]
    assert endpoint == {"port": "http-metrics", "path": "/metrics", "interval": "10s", "scrapeTimeout": "5s"}
    service = objects.one("Service", "-epp")
    assert found["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert endpoint["port"] in [port["name"] for port in service["spec"]["ports"]]
    assert picker(render, values=SINGLE).all("ServiceMonitor") == []


def test_a_configuration_of_the_users_replaces_the_derived_one(render: Render) -> None:
    mine = {"apiVersion": "llm-d.ai/v1alpha1", "kind": "EndpointPickerConfig", "plugins": [{"type": "random-picker"}]}
    assert config(picker(render, {"epp": {"pluginsConfig": mine}})) == mine
    text = {
        "pluginsConfigFile": "mine.yaml",
        "pluginsCustomConfig": {"mine.yaml": yaml.safe_dump(mine), "other.yaml": "a: 1"},
    }
    objects = picker(render, {"epp": text})
    assert config(objects) == mine
    assert set(objects.one("ConfigMap")["data"]) == {"mine.yaml", "other.yaml"}


def test_a_changed_configuration_starts_the_picker_anew(render: Render) -> None:
    def checksum(strategy: str) -> str:
        template = picker(render, {"loadBalancing": {"strategy": strategy}}).one("Deployment", "-epp")["spec"][
            "template"
        ]
        return str(template["metadata"]["annotations"]["checksum/config"])

    assert checksum("LeastLoad") != checksum("PrefixHash")


# ---------------------------------------------------------------------------------------------
# Flags, pod and Service
# ---------------------------------------------------------------------------------------------


def test_flags(render: Render) -> None:
    assert container(picker(render))["args"] == [
        "--pool-name=test-llm-d-modelservice", "--pool-namespace=default", "--config-file=/config/plugins.yaml",
        "--zap-encoder=json", "--tracing=false", "--metrics-endpoint-auth=false",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("epp", "expected"),
    [
        ({"debugLevel": 4}, "--v=4"),
        ({"service": {"targetPort": 9102}}, "--grpc-port=9102"),
        ({"replicas": 2}, "--ha-enable-leader-election=true"),
        ({"args": ["--secure-serving=false"]}, "--secure-serving=false"),
    ],
)
def test_further_flags(render: Render, epp: dict[str, Any], expected: str) -> None:
    assert expected in container(picker(render, {"epp": epp}))["args"]


@pytest.mark.parametrize("given", [["--zap-encoder=console"], ["--zap-encoder", "console"]])
def test_a_flag_of_the_users_is_not_derived(render: Render, given: list[str]) -> None:
    args = container(picker(render, {"epp": {"args": given}}))["args"]
    assert "--zap-encoder=json" not in args
    assert args[-len(given) :] == given


def test_tracing(render: Render) -> None:
    epp = container(picker(render, values={"tracing": {"enabled": True}}))
    assert "--tracing=true" in epp["args"]
    assert {"name": "OTEL_SERVICE_NAME", "value": "endpoint-picker"} in epp["env"]


@pytest.mark.parametrize(("replicas", "services"), [(1, ["inference-extension"] * 2), (2, ["liveness", "readiness"])])
def test_probes_tell_a_picker_that_stands_by_from_one_that_hangs(
    render: Render, replicas: int, services: list[str]
) -> None:
    epp = container(picker(render, {"epp": {"replicas": replicas}}))
    assert [epp[probe]["grpc"]["service"] for probe in ("livenessProbe", "readinessProbe")] == services
    assert epp["startupProbe"]["tcpSocket"] == {"port": "grpc"}  # where the gateway asks


@pytest.mark.parametrize(
    ("replicas", "strategy"),
    [
        (1, {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}),
        (2, {"type": "Recreate"}),
    ],
)
def test_a_picker_goes_when_the_next_one_is_ready_but_one_that_leads_goes_first(
    render: Render, replicas: int, strategy: dict[str, Any]
) -> None:
    objects = picker(render, {"epp": {"replicas": replicas}})
    assert objects.one("Deployment", "test-llm-d-modelservice-epp")["spec"]["strategy"] == strategy


def test_probes_can_be_left_out(render: Render) -> None:
    epp = container(picker(render, {"epp": {"disableReadinessProbe": True, "disableLivenessProbe": True}}))
    assert not [field for field in epp if field.endswith("Probe")]


def test_the_pod_takes_settings(render: Render) -> None:
    settings = {
        "imagePullPolicy": "Always", "imagePullSecrets": [{"name": "c"}], "nodeSelector": {"a": "b"},
        "tolerations": [{"operator": "Exists"}], "podAnnotations": {"d": "e"}, "podSecurityContext": {"fsGroup": 1},
        "env": [{"name": "HF_TOKEN", "value": "t"}, {"name": "POD_NAME", "value": "x"}],
        "extraContainerPorts": [{"name": "zmq", "containerPort": 5557}],
        "resources": {"limits": {"memory": "16Gi"}, "requests": None},
        "extraConfig": {"priorityClassName": "high", "volumes": [{"name": "cache", "emptyDir": {}}]},
    }  # fmt: skip
    objects = picker(
        render,
        {"epp": settings},
        {"imagePullSecrets": [{"name": "b"}], "global": {"imagePullSecrets": [{"name": "a"}]}},
    )
    spec, epp = pod(objects), container(objects)
    assert [secret["name"] for secret in spec["imagePullSecrets"]] == ["a", "b", "c"]
    assert (spec["nodeSelector"], spec["tolerations"]) == ({"a": "b"}, [{"operator": "Exists"}])
    assert (spec["securityContext"], spec["priorityClassName"]) == ({"fsGroup": 1}, "high")
    assert [volume["name"] for volume in spec["volumes"]] == ["config", "cache"]
    assert epp["resources"] == {"limits": {"memory": "16Gi"}}
    assert [port["containerPort"] for port in epp["ports"]] == [9002, 9003, 9090, 5557]
    assert [item["name"] for item in epp["env"]] == ["NAMESPACE", "POD_NAME", "HF_TOKEN"]
    assert epp["env"][1] == {"name": "POD_NAME", "value": "x"}
    assert objects.one("Deployment", "-epp")["spec"]["template"]["metadata"]["annotations"]["d"] == "e"


def test_null_is_as_good_as_unset(render: Render) -> None:
    nulls = {"args": None, "env": None, "replicas": None, "service": {"port": None, "targetPort": None, "type": None}}
    assert picker(render, {"epp": nulls}).items == picker(render).items


def test_the_registry_of_a_mirror(render: Render) -> None:
    objects = picker(render, values={"global": {"imageRegistry": "mirror.example.com"}})
    assert container(objects)["image"] == "mirror.example.com/llm-d/llm-d-router-endpoint-picker:v0.10.0"


def test_it_runs_without_rights_of_its_node(render: Render) -> None:
    context = container(picker(render))["securityContext"]
    assert context["runAsNonRoot"] is True
    assert context["allowPrivilegeEscalation"] is False
    assert context["capabilities"] == {"drop": ["ALL"]}


def test_the_service_selects_the_picker_alone(render: Render) -> None:
    objects = picker(
        render,
        {
            "epp": {
                "service": {
                    "appProtocol": "kubernetes.io/h2c",
                    "annotations": {"a": "b"},
                    "extraPorts": [{"name": "zmq", "port": 5557, "targetPort": None}],
                }
            }
        },
    )
    service = objects.one("Service")
    selector = service["spec"]["selector"].items()
    selected = [
        obj["metadata"]["name"]
        for obj in objects.all("Deployment")
        if selector <= obj["spec"]["template"]["metadata"]["labels"].items()
    ]
    assert selected == ["test-llm-d-modelservice-epp"]
    named = {port["name"] for port in container(objects)["ports"]}
    assert [port["targetPort"] for port in service["spec"]["ports"][:2]] == ["grpc", "metrics"]
    assert {"grpc", "metrics"} <= named
    assert service["spec"]["ports"][0]["appProtocol"] == "kubernetes.io/h2c"
    assert service["spec"]["ports"][2] == {"name": "zmq", "port": 5557}
    assert service["metadata"]["annotations"] == {"a": "b"}


# ---------------------------------------------------------------------------------------------
# Rights
# ---------------------------------------------------------------------------------------------


def test_rights_are_in_the_namespace_only(render: Render) -> None:
    objects = picker(render)
    assert not [obj for obj in objects.items if obj["kind"].startswith("Cluster")]
    (subject,) = objects.one("RoleBinding")["subjects"]
    assert subject == {"kind": "ServiceAccount", "name": pod(objects)["serviceAccountName"], "namespace": "default"}
    assert objects.one("RoleBinding")["roleRef"]["name"] == objects.one("Role")["metadata"]["name"]


def rights(objects: Objects) -> dict[str, set[str]]:
    """Verbs by group/resource."""
    return {
        f"{group}/{resource}": set(rule["verbs"])
        for rule in objects.one("Role")["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


def test_it_may_read_what_it_watches_and_change_nothing(render: Render) -> None:
    found = rights(picker(render))
    assert {"/pods", "inference.networking.k8s.io/inferencepools", "llm-d.ai/inferenceobjectives"} <= set(found)
    assert set().union(*found.values()) == {"get", "list", "watch"}


def test_leader_election_needs_leases(render: Render) -> None:
    assert {"create", "update"} <= rights(picker(render, {"epp": {"replicas": 2}}))["coordination.k8s.io/leases"]


def test_groups_of_older_pickers(render: Render) -> None:
    found = rights(picker(render, {"epp": {"image": f"{OLD}:v0.7.1"}}))
    assert not [name for name in found if name.startswith("llm-d.ai/")]


@pytest.mark.parametrize(
    ("rbac", "kinds", "role"),
    [
        ({"clusterRole": "epp"}, {"RoleBinding"}, "ClusterRole"),
        ({"create": False, "clusterRole": "epp"}, {"RoleBinding"}, "ClusterRole"),
        ({"create": False}, set(), None),
    ],
)
def test_rights_from_elsewhere(render: Render, rbac: dict[str, Any], kinds: set[str], role: str | None) -> None:
    objects = picker(render, {"epp": {"rbac": rbac}})
    assert {obj["kind"] for obj in objects.items if obj["kind"].startswith("Role")} == kinds
    if role:
        assert objects.one("RoleBinding")["roleRef"]["kind"] == role
