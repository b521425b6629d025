"""The command line: output, files, errors without tracebacks, exit codes."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from modelservice import cli
from modelservice.cli import options
from modelservice.cli.app import COMMANDS
from modelservice.helm_executable import HelmExecutable
from modelservice.output_files import MARKER
from support.command import run
from support.render import ROOT

PD = str(ROOT / "examples" / "values-pd.yaml")


def run_program(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Runs the program as a user does."""
    done = subprocess.run(
        [sys.executable, "-m", "modelservice", *arguments], input=stdin, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr + done.stdout, done.stderr
    return done


def test_render_prints_manifests() -> None:
    done = run_program("render", "-f", PD, "--name", "mine", "--namespace", "models")
    objects = list(yaml.safe_load_all(done.stdout))
    assert {obj["kind"] for obj in objects} == {"ServiceAccount", "Deployment", "PodMonitor"}
    assert objects[0]["metadata"]["name"] == "mine-llm-d-modelservice"
    assert (done.returncode, done.stderr) == (0, "")


def test_render_reads_files_in_order_and_standard_input(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("decode: {replicas: 2}\n")
    done = run_program(
        "render",
        "-f",
        str(tmp_path / "a.yaml"),
        "-f",
        "-",
        "--set",
        "prefill.create=false",
        stdin="decode: {replicas: 3}",
    )
    (deployment,) = [obj for obj in yaml.safe_load_all(done.stdout) if obj["kind"] == "Deployment"]
    assert deployment["spec"]["replicas"] == 3


def test_render_takes_several_files_after_one_f(tmp_path: Path) -> None:
    for name, replicas in (("a", 2), ("b", 5)):
        (tmp_path / f"{name}.yaml").write_text(f"decode: {{replicas: {replicas}}}\n")
    done = run("render", "-f", str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml"))
    assert [obj["spec"]["replicas"] for obj in yaml.safe_load_all(done.stdout) if obj["kind"] == "Deployment"] == [5, 0]


def test_render_prints_json() -> None:
    listing = json.loads(run("render", "--format", "json").stdout)
    assert listing["kind"] == "List"
    assert len(listing["items"]) == 3


def test_render_writes_one_file_an_object(tmp_path: Path) -> None:
    done = run("render", "-f", PD, "--name", "x", "-o", str(tmp_path / "out"))
    assert done.returncode == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        MARKER,
        "deployment-x-llm-d-modelservice-decode.yaml",
        "deployment-x-llm-d-modelservice-prefill.yaml",
        "podmonitor-x-llm-d-modelservice-decode-podmonitor.yaml",
        "podmonitor-x-llm-d-modelservice-prefill-podmonitor.yaml",
        "serviceaccount-x-llm-d-modelservice.yaml",
    ]
    assert str(tmp_path / "out") in done.stdout


def test_render_shows_what_would_run(tmp_path: Path) -> None:
    done = run("render", "-f", PD, "--summary")
    assert "Deployment modelservice-llm-d-modelservice-decode" in done.stdout
    assert "total: 6 pods, 16 nvidia.com/gpu" in done.stdout
    assert "\x1b" not in done.stdout


def test_render_shows_the_notes() -> None:
    assert "An InferencePool for these pods" in run("render", "-f", PD, "--notes").stdout


def test_manifests_are_not_wrapped_or_coloured() -> None:
    long = "x" * 300
    assert long in run("render", "--set", f"decode.annotations.a={long}").stdout


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["render", "--set", "decod.x=1"], 1, "decod: unknown key; did you mean decode?"),
        (["render", "--set", "modelArtifacts.uri=htp://x"], 1, "modelArtifacts.uri:"),
        (["render", "--set", "decode"], 2, "use key=value"),
        (["render", "-f", "/no/such/file.yaml"], 2, "/no/such/file.yaml: no such file"),
        (["render", "--helm", "no-such-helm"], 2, "no program no-such-helm"),
        (["render", "--chart", "/nowhere"], 2, "/nowhere: not a chart"),
        (["render", "-o", "/proc/nowhere"], 2, "/proc/nowhere: cannot be written"),
        (["render", "--format", "toml"], 2, "toml"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_mistakes_are_sentences_with_an_exit_code(arguments: list[str], code: int, words: str) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr


def test_every_violation_is_reported_at_once() -> None:
    done = run("render", "--set", "decode.parallelism.tensor=0,routing.servicePort=99999,decod=1")
    assert len(done.stderr.strip().splitlines()) == 3


def test_mistakes_are_json_where_json_was_asked_for() -> None:
    done = run("render", "--format", "json", "--set", "decod.x=1")
    assert done.returncode == 1
    assert json.loads(done.stderr)["errors"] == [
        {"message": "unknown key", "file": None, "key": "decod", "fix": "did you mean decode?"}
    ]


@pytest.mark.executable
def test_an_executables_refusal_is_json_and_nothing_else(executable: HelmExecutable) -> None:
    done = run("render", "--helm", executable.executable, "--format", "json", "--set", "decod.x=1")
    assert json.loads(done.stderr)["errors"][0]["key"] == "decod"


def test_a_refusal_leaves_no_output_behind(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run_program("render", "--set", "decod.x=1", "-o", str(out)).returncode == 1
    assert not out.exists()


def test_an_output_that_is_a_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    assert run("render", "-o", str(file)).returncode == 2
    assert file.read_text() == "mine"


def test_a_key_given_twice_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("multinode: true\nmultinode: false\n")
    done = run("render", "-f", str(tmp_path / "a.yaml"))
    assert done.returncode == 0
    assert "warning:" in done.stderr
    assert "a.yaml:2: multinode is also given on line 1" in done.stderr


@pytest.mark.slow
def test_the_generated_files_of_the_repository_are_current() -> None:
    assert run("schema", "--check").returncode == 0
    assert run("examples", "--check").returncode == 0


def test_version() -> None:
    assert run_program("--version").stdout.strip().count(".") == 2


@pytest.mark.parametrize("name", COMMANDS)
def test_help_lists_each_command_with_the_first_line_of_its_own_help(name: str) -> None:
    own = COMMANDS[name].load(name).help or ""
    assert COMMANDS[name].help == own.splitlines()[0]
    listed = " ".join(run("--help").stdout.replace("│", "").split())
    assert f"{name} {COMMANDS[name].help}" in listed
    assert f"modelservice {name} " in run_program(name, "--help").stdout


def imported(*arguments: str) -> set[str]:
    """Modules that a command imports."""
    program = (
        "import sys; from modelservice.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


def test_a_command_imports_only_what_it_needs() -> None:
    late = {"pydantic", "rich", "ruamel.yaml", "pyhelm3", "asyncio", "modelservice.values", "modelservice.importers"}
    render = imported("render", "-f", PD)
    assert not render & {*late, "jsonschema_rs", "modelservice.check", "modelservice.summary"}
    assert not imported("check", "-f", PD) & late
    assert not imported("--version") & {*late, "helm_python", "yaml", "modelservice.inputs", "modelservice.cli.render"}


def test_the_cluster_of_a_checkout_is_missed_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "localcluster" else find(name))
    for arguments in (["up"], ["down"], ["status"], ["env"], ["load", "image.tar"]):
        with pytest.raises(SystemExit) as ended:
            cli.main(["cluster", *arguments])
        assert ended.value.code == 2
        assert "the local cluster needs a checkout of the project" in " ".join(capsys.readouterr().err.split())


def test_standard_input_is_read_once() -> None:
    done = run("render", "-f", "-", "-f", "-")
    assert (done.returncode, done.stdout) == (2, "")
    assert "give - once" in done.stderr


def test_a_directory_in_the_place_of_a_file_leaves_all_files_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "serviceaccount-modelservice-llm-d-modelservice.yaml").mkdir()
    assert run("render", "-o", str(tmp_path)).returncode == 2
    assert [path.name for path in tmp_path.iterdir()] == ["serviceaccount-modelservice-llm-d-modelservice.yaml"]


def test_one_example_is_checked_by_its_name() -> None:
    assert run("examples", "--check", "pd").returncode == 0
    done = run("examples", "--check", "nonsense")
    assert done.returncode == 2
    assert "no example nonsense" in done.stderr


def test_a_defect_of_the_program_is_a_sentence_and_a_traceback_only_with_debug(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(files: list[str]) -> None:
        raise KeyError(*files)

    monkeypatch.setattr(options, "read_once", broken)
    with pytest.raises(SystemExit) as ended:
        cli.main(["render", "-f", "a.yaml"])
    assert ended.value.code == 1
    assert "a bug in this program: KeyError: 'a.yaml'; report it" in capsys.readouterr().err
    with pytest.raises(KeyError):
        cli.main(["--debug", "render", "-f", "a.yaml"])


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("modelservice render --preset topology/p", "topology/pd"),
        ("modelservice check -f preset:hardware/am", "preset:hardware/amd"),
        ("modelservice check --ignore image-l", "image-latest"),
        ("modelservice render --set decode.paral", "decode.parallelism"),
        ("modelservice explain --what-if routing.prox", "routing.proxy"),
        ("modelservice presets show model/shared", "model/shared-claim"),
    ],
)
def test_a_shell_completes_names_that_only_the_program_knows(words: str, expected: str) -> None:
    environment = {
        **os.environ, "_MODELSERVICE_COMPLETE": "complete_bash", "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }  # fmt: skip
    program = (
        "import sys; sys.argv[0] = 'modelservice'; from modelservice.cli import app; app(prog_name='modelservice')"
    )
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert expected in done.stdout.splitlines()


def test_a_cluster_in_a_folder_of_any_name_is_used_by_a_shell(tmp_path: Path) -> None:
    cache = tmp_path / "it's $HOME here"
    kubeconfig = cache / "modelservice" / "clusters" / "default" / "kubeconfig"
    kubeconfig.parent.mkdir(parents=True)
    kubeconfig.touch()
    script = f'eval "$({sys.executable} -m modelservice cluster env)"; printf %s "$KUBECONFIG"'
    done = subprocess.run(
        ["/bin/bash", "-c", script], env={**os.environ, "XDG_CACHE_HOME": str(cache)}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert done.stdout == str(kubeconfig)


def test_the_status_of_a_cluster_that_is_down_is_one_sentence(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "modelservice", "cluster", "status"]
    done = subprocess.run(
        command, env={**os.environ, "XDG_CACHE_HOME": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "the cluster default is not up" in done.stderr
