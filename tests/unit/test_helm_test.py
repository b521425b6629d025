"""`helm test`: what it creates, and that its script, run as the Pod runs it, tells a working server from a broken one."""

import contextlib
import http.server
import json
import os
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from localcluster.binaries import binary
from modelservice.errors import UsageError, ValuesError
from support.patience import PATIENCE
from support.render import VLLM, Objects, Render

KEY = {"VLLM_API_KEY": {"valueFrom": {"secretKeyRef": {"name": "keys", "key": "vllm"}}}}


def with_test(render: Render, **values: Any) -> Objects:
    return render({"test": {"enabled": True, **values.pop("test", {})}, "engine": VLLM, **values}, namespace="models")


def environment(objects: Objects, role: str = "decode") -> dict[str, Any]:
    containers = {item["name"]: item for item in objects.one("Pod")["spec"]["containers"]}
    return {item["name"]: item.get("value", item.get("valueFrom")) for item in containers[role]["env"]}


def test_a_test_lives_only_while_helm_runs_it(render: Render) -> None:
    objects = with_test(render)
    assert objects.kinds() - render({"engine": VLLM}).kinds() == {
        ("Pod", "test-llm-d-modelservice-test"),
        ("Service", "test-llm-d-modelservice-decode-test"),
    }
    for kind in ("Pod", "Service"):
        assert objects.one(kind)["metadata"]["annotations"]["helm.sh/hook"] == "test"
    weights = [int(objects.one(kind)["metadata"]["annotations"]["helm.sh/hook-weight"]) for kind in ("Service", "Pod")]
    assert weights == sorted(weights) and len(set(weights)) == 2, "the Service is there before the Pod"


def test_there_is_no_test_by_default(render: Render) -> None:
    assert render({}).all("Pod") == []


def test_nothing_is_asked_while_a_release_is_scaled_to_zero(render: Render) -> None:
    assert with_test(render, decode={"replicas": 0}).all("Pod") == []


def test_every_role_with_pods_is_asked_at_its_own_pods(render: Render) -> None:
    objects = with_test(render, prefill={"replicas": 1}, routing={"servicePort": 9000})
    for role in ("decode", "prefill"):
        service = objects.one("Service", role)
        assert service["spec"]["selector"]["llm-d.ai/role"] == role
        assert service["spec"]["selector"].items() <= objects.template(role)["metadata"]["labels"].items()
        assert environment(objects, role)["BASE"] == f"http://{service['metadata']['name']}:9000"


def test_the_service_of_the_longest_name_fits_a_dns_label(render: Render) -> None:
    objects = with_test(render, fullnameOverride="a" * 55, prefill={"replicas": 1})
    assert {len(service["metadata"]["name"]) for service in objects.all("Service")} == {62, 63}


def test_the_pod_fits_the_restricted_pod_security_standard(render: Render) -> None:
    spec = with_test(render).one("Pod")["spec"]
    context = spec["containers"][0]["securityContext"]
    assert context["runAsNonRoot"] and context["runAsUser"] > 0 and context["readOnlyRootFilesystem"]
    assert context["capabilities"] == {"drop": ["ALL"]} and not context["allowPrivilegeEscalation"]
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False and spec["restartPolicy"] == "Never"


def test_image_and_pull_secrets_are_those_of_the_release(render: Render) -> None:
    values = {"global": {"imageRegistry": "mirror.example.com"}, "imagePullSecrets": [{"name": "pull"}]}
    spec = with_test(render, test={"image": "tools/curl:1", "imagePullPolicy": "Never"}, **values).one("Pod")["spec"]
    assert spec["containers"][0]["image"] == "mirror.example.com/tools/curl:1"
    assert spec["containers"][0]["imagePullPolicy"] == "Never"
    assert spec["imagePullSecrets"] == [{"name": "pull"}]


def test_the_engines_key_is_taken_from_the_same_secret(render: Render) -> None:
    variables = environment(with_test(render, engine={**VLLM, "env": KEY}))
    assert variables["API_KEY"] == {"secretKeyRef": {"name": "keys", "key": "vllm"}}
    assert "API_KEY" not in environment(with_test(render))


def test_a_proxy_with_tls_is_asked_by_tls(render: Render) -> None:
    assert environment(with_test(render, routing={"proxy": {"secure": True}}))["BASE"].startswith("https://")


def test_another_question_can_be_asked(render: Render) -> None:
    question = {
        "path": "/v1/chat/completions",
        "body": {"messages": [{"role": "user", "content": "Hi"}]},
        "expect": "Hello",
    }
    variables = environment(with_test(render, test={"question": question}))
    assert (variables["QUESTION"], variables["EXPECT"]) == ("/v1/chat/completions", "Hello")
    assert json.loads(variables["BODY"]) == {"model": "random/model", **question["body"]}  # type: ignore[dict-item]


@pytest.mark.parametrize(
    "expect",
    [
        "choices[", "[[:alpha:", "a[^]", "a[]", "a(b", "(a|b", "(a)(", "a\\\\\\", "a\\",
        "choices", '"choices": *[[]', "[]a]", "[^]a]", "[^^]", "[^[:alpha:]]", "[[:alpha:]]", "[(]", "[a\\]", "\\[", "\\(", "(a|b)", "a)", "a{,3}", "a\\\\",
        "a\\|b",
    ],
)  # fmt: skip
def test_an_expectation_is_refused_where_grep_refuses_it(render: Render, expect: str) -> None:
    asked = ["/bin/sh", "-c", 'echo a | grep -Eq -e "$1"', "sh", expect]
    if subprocess.run(asked, capture_output=True, check=False).returncode > 1:
        with pytest.raises(ValuesError, match=r"test\.question\.expect: .* is an extended regular expression and"):
            with_test(render, test={"question": {"expect": expect}})
    else:
        assert environment(with_test(render, test={"question": {"expect": expect}}))["EXPECT"] == expect


def test_a_path_alone_is_only_read(render: Render) -> None:
    variables = environment(with_test(render, test={"question": {"path": "/health"}}))
    assert (variables["QUESTION"], variables["BODY"], variables["EXPECT"]) == ("/health", "", "")


# ---------------------------------------------------------------------------------------------
# The script
# ---------------------------------------------------------------------------------------------

Ask = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def ask(render: Render) -> Ask:
    """Runs the Pod's own command with its own environment, at another address."""
    if not shutil.which("curl"):
        if os.environ.get("CI") == "true":
            pytest.fail("curl is not installed")
        pytest.skip("curl is not installed")

    def _ask(
        address: str, key: str | None = None, test: dict[str, Any] | None = None, **values: Any
    ) -> subprocess.CompletedProcess[str]:
        objects = with_test(render, test={"timeoutSeconds": 3, **(test or {})}, **values)
        (container,) = objects.one("Pod")["spec"]["containers"]
        env = {name: value for name, value in environment(objects).items() if isinstance(value, str)} | {
            "BASE": address
        }
        if key is not None:
            env["API_KEY"] = key
        environ = {"PATH": os.environ["PATH"], **env}
        return subprocess.run(
            container["command"], env=environ, capture_output=True, text=True, check=False, timeout=PATIENCE
        )

    return _ask


@contextlib.contextmanager
def simulator(*arguments: str) -> Iterator[str]:
    """A running inference simulator; gives its address."""
    try:
        program = binary("llm-d-inference-sim")
    except UsageError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"llm-d-inference-sim: {error}")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    command = [str(program), "--port", str(port), "--force-dummy-tokenizer", *arguments]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            address = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + PATIENCE
            while time.monotonic() < deadline:
                with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/health", timeout=1):  # noqa: S310
                    break
                time.sleep(0.05)
            else:
                pytest.fail("the simulator does not answer")
            yield address
        finally:
            process.terminate()


@pytest.mark.executable
def test_a_working_engine_passes(ask: Ask) -> None:
    with simulator("--model", "random/model") as address:
        done = ask(address)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "serves random/model" in done.stdout and '"completion_tokens"' in done.stdout


@pytest.mark.executable
def test_an_engine_that_serves_another_model_fails(ask: Ask) -> None:
    with simulator("--model", "other/model") as address:
        done = ask(address)
    assert done.returncode != 0
    assert "no model is named random/model" in done.stdout and "other/model" in done.stdout


@pytest.mark.executable
def test_an_engine_that_cannot_answer_fails(ask: Ask) -> None:
    with simulator(
        "--model", "random/model", "--failure-injection-rate", "100", "--failure-types", "server_error"
    ) as address:
        done = ask(address)
    assert done.returncode != 0
    assert "serves random/model" in done.stdout and "the question is not answered" in done.stdout


@pytest.mark.executable
@pytest.mark.parametrize("expect", ["-ok", "--help", "^[{]"])
def test_an_expectation_is_no_option_of_grep(ask: Ask, expect: str) -> None:
    with simulator("--model", "random/model") as address:
        done = ask(address, test={"question": {"expect": expect}})
    assert (done.returncode == 0) == (expect == "^[{]"), done.stdout + done.stderr
    assert "grep:" not in done.stderr


@pytest.mark.executable
@pytest.mark.parametrize("path", ["/v1/models?a[]=1", "/v1/models?a={b,c}", "/v1/models?a=[1-3]"])
def test_brackets_in_a_path_are_letters_of_it(ask: Ask, path: str) -> None:
    with simulator("--model", "random/model") as address:
        done = ask(address, test={"question": {"path": path, "body": None}})
    assert f"GET {address}/v1/models" in done.stdout
    assert done.stdout.count('"random/model"') <= 2 and "curl:" not in done.stderr


@pytest.mark.executable
def test_an_answer_that_is_not_the_expected_one_fails(ask: Ask) -> None:
    with simulator("--model", "random/model") as address:
        done = ask(address, test={"question": {"expect": "no engine says this"}})
    assert done.returncode != 0
    assert "the answer does not match no engine says this" in done.stdout


def test_nobody_listening_fails(ask: Ask) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
    done = ask(address)
    assert done.returncode != 0
    assert "the list of models is not answered" in done.stdout


class _Keyed(http.server.BaseHTTPRequestHandler):
    """A server that wants a key; what the simulator has no option for."""

    def do_GET(self) -> None:
        self._answer(b'{"data": [{"id": "random/model"}]}')

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(b'{"usage": {"completion_tokens": 8}}')

    def _answer(self, body: bytes) -> None:
        self.send_response(200 if self.headers["Authorization"] == "Bearer sesame" else 401)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Says nothing."""


@pytest.fixture
def keyed() -> Iterator[str]:
    """Address of a server that wants the key `sesame`."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Keyed) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_key_is_sent_and_not_printed(ask: Ask, keyed: str) -> None:
    done = ask(keyed, key="sesame")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "sesame" not in done.stdout + done.stderr


@pytest.mark.parametrize("key", [None, "open"])
def test_a_missing_or_wrong_key_fails_at_once(ask: Ask, keyed: str, key: str | None) -> None:
    """What will not change is not repeated: a script that does would outlast the test's patience."""
    done = ask(keyed, key=key, test={"timeoutSeconds": 2 * PATIENCE})
    assert done.returncode != 0 and "401" in done.stderr
