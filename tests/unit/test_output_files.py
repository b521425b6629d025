"""Directories of generated files are one state: all of a render or nothing of it, and nothing of an earlier one."""

import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from modelservice.errors import ModelserviceError, UsageError
from modelservice.output_files import MARKER, write_directory, write_files
from support.render import ROOT

pytestmark = pytest.mark.slow

PD, SINGLE = (str(ROOT / "examples" / f"values-{name}.yaml") for name in ("pd", "single"))


def content(folder: Path) -> dict[str, str]:
    """Files and folders without the marker."""
    return {
        path.name: path.read_text() if path.is_file() else "a folder"
        for path in folder.iterdir()
        if path.name != MARKER
    }


def render(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "modelservice", "render", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True)


def test_files_of_an_earlier_render_are_gone_and_named(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("mine")
    render("-f", PD, "-o", str(tmp_path))
    done = render("-f", SINGLE, "-o", str(tmp_path))
    render("-f", SINGLE, "-o", str(tmp_path / "alone"))
    assert content(tmp_path) == {**content(tmp_path / "alone"), "kustomization.yaml": "mine", "alone": "a folder"}
    assert "removed: " in done.stdout and "prefill" in done.stdout


def test_another_format_replaces_the_files(tmp_path: Path) -> None:
    render("-f", SINGLE, "-o", str(tmp_path))
    render("-f", SINGLE, "-o", str(tmp_path), "--format", "json")
    assert {Path(name).suffix for name in content(tmp_path)} == {".json"}


def test_releases_share_a_directory(tmp_path: Path) -> None:
    write_directory(tmp_path, {"a1": "1", "a2": "2", "shared": "s"}, "a")
    write_directory(tmp_path, {"b1": "1", "shared": "s"}, "b")
    assert write_directory(tmp_path, {"a1": "1"}, "a") == ["a2"]
    assert content(tmp_path) == {"a1": "1", "b1": "1", "shared": "s"}


def test_a_file_that_two_releases_want_otherwise_is_refused(tmp_path: Path) -> None:
    write_directory(tmp_path, {"shared": "s"}, "a")
    with pytest.raises(ModelserviceError, match="shared: belongs to a, where it has other content"):
        write_directory(tmp_path, {"shared": "t", "b": ""}, "b")
    assert content(tmp_path) == {"shared": "s"}


@pytest.mark.parametrize(
    "marker", ["", "[]", '{"files": {"a": ["../precious"]}}', '{"files": {"a": 1}}', '{"files": {"a": [1]}}', "\x00"]
)
def test_a_damaged_marker_removes_nothing(tmp_path: Path, marker: str) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (tmp_path / "precious").write_text("mine")
    (folder / MARKER).write_text(marker)
    with pytest.raises(ModelserviceError, match="damaged"):
        write_directory(folder, {"a": "1"}, "a")
    assert (tmp_path / "precious").exists() and content(folder) == {}


def test_a_change_that_fails_is_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_directory(tmp_path, {"a": "1", "gone": "1"}, "x")
    before = {**content(tmp_path), MARKER: (tmp_path / MARKER).read_text()}
    unlink = Path.unlink

    def full(path: Path, missing_ok: bool = False) -> None:
        if path == tmp_path / "gone":
            raise OSError(28, "No space left on device", str(path))
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", full)
    with pytest.raises(UsageError, match="gone: cannot be written: No space left"):
        write_directory(tmp_path, {"a": "2", "b": "2"}, "x")
    assert {**content(tmp_path), MARKER: (tmp_path / MARKER).read_text()} == before


OLD, NEW = dict.fromkeys("abcde", "old"), dict.fromkeys("cdefg", "new")

INTERRUPTED = """
import os, signal, sys
from pathlib import Path
from modelservice.output_files import write_directory
count = int(sys.argv[2])
def interrupt(event, arguments):
    global count
    if event in ("os.rename", "os.remove", "open", "os.mkdir") and sys.argv[1] in str(arguments[0]):
        count -= 1
        if count == 0:
            os.kill(os.getpid(), int(sys.argv[3]))
sys.addaudithook(interrupt)
write_directory(Path(sys.argv[1]), dict.fromkeys("cdefg", "new"), "x")
"""
"""Kills itself before a system call that changes something in the directory."""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_at_any_moment_leaves_all_or_nothing(tmp_path: Path, number: signal.Signals) -> None:
    for moment in range(int(number) % 7, 300, 7):
        folder = tmp_path / str(moment)
        write_directory(folder, OLD, "x")
        command = [sys.executable, "-c", INTERRUPTED, str(folder), str(moment), str(int(number))]
        done = subprocess.run(command, capture_output=True, check=False)
        assert content(folder) in (OLD, NEW), moment
        if done.returncode == 0:
            return
    pytest.fail("there were more moments")


def test_what_a_killed_render_leaves_is_tidied_by_the_next(tmp_path: Path) -> None:
    for moment in range(1, 300, 6):
        folder = tmp_path / str(moment)
        write_directory(folder, OLD, "x")
        command = [sys.executable, "-c", INTERRUPTED, str(folder), str(moment), str(int(signal.SIGKILL))]
        done = subprocess.run(command, capture_output=True, check=False)
        write_directory(folder, {"z": "last"}, "x")
        assert content(folder) == {"z": "last"}, moment
        if done.returncode == 0:
            return
    pytest.fail("there were more moments")


def test_two_renders_at_once_do_not_mix(tmp_path: Path) -> None:
    states: list[Mapping[str, str]] = [{f"{name}{index}": name for index in range(20)} | {"x": name} for name in "ab"]
    for _ in range(5):
        threads = [threading.Thread(target=write_directory, args=(tmp_path, state, "r")) for state in states]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert content(tmp_path) in states


def test_files_keep_their_mode_and_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    (tmp_path / "private").touch(mode=0o600)
    write_files({tmp_path / "link": "new", tmp_path / "private": "new"})
    assert (tmp_path / "target").read_text() == "mine"
    assert (tmp_path / "private").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("name", ["x" * 300, "é" * 130, "a/../../b"])
def test_any_name_of_an_object_is_a_file_name(tmp_path: Path, name: str) -> None:
    values = tmp_path / "values.yaml"
    values.write_text(f"extraObjects: [{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}}}}}]\n")
    render("-f", str(values), "-o", str(tmp_path / "out"))
    assert any(file.startswith("configmap-") for file in content(tmp_path / "out"))
    assert {path.name for path in tmp_path.iterdir()} == {"out", "values.yaml"}
