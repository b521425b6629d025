"""The VS Code extension: types and style are checked, its package is complete, and its client reaches the server."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from support.node_packages import node_modules
from support.render import ROOT

SOURCES = ROOT / "editors" / "vscode"
LOCK = SOURCES / "package-lock.json"


@pytest.fixture
def extension(tmp_path: Path) -> Path:
    """Return a copy of the extension with what it needs, at the depth that it has in the checkout."""
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    packages = node_modules(f"vscode-extension-{digest}", "ci", files=(SOURCES / "package.json", LOCK))
    folder = tmp_path / "editors" / "vscode"
    shutil.copytree(SOURCES, folder, ignore=shutil.ignore_patterns("node_modules", "dist", "*.vsix"))
    shutil.copy(ROOT / "LICENSE", tmp_path)
    (folder / "node_modules").symlink_to(packages)
    return folder


def npm(folder: Path, *arguments: str, **environment: str) -> None:
    command = ["npm", *arguments]
    surroundings = {**os.environ, **environment}
    done = subprocess.run(
        command, cwd=folder, env=surroundings, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def program(path: Path, code: str = "") -> str:
    """Return the path of a program that runs the tool of this checkout, after some code."""
    start = f"{code}; from modelservice.__main__ import main; main()".lstrip("; ")
    path.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT / "tools"} exec {sys.executable} -c "{start}" "$@"\n')
    path.chmod(0o755)
    return str(path)


def test_types_and_style(extension: Path) -> None:
    npm(extension, "run", "check")


@pytest.mark.slow
def test_its_client_reaches_the_server(extension: Path, tmp_path: Path) -> None:
    server = program(tmp_path / "modelservice")
    without_extra = program(tmp_path / "without-extra", "import sys; sys.modules['pygls'] = None")
    npm(extension, "test", MODELSERVICE=server, MODELSERVICE_WITHOUT_EXTRA=without_extra)


def test_the_package_is_complete_and_has_nothing_else(extension: Path) -> None:
    npm(extension, "run", "package")
    with zipfile.ZipFile(extension / "modelservice.vsix") as package:
        files = {name.removeprefix("extension/") for name in package.namelist() if name.startswith("extension/")}
        manifest = json.loads(package.read("extension/package.json"))
        notices = package.read("extension/dist/NOTICES.txt").decode()
    assert files == {"package.json", "readme.md", "LICENSE.txt", "icon.png", "dist/extension.cjs", "dist/NOTICES.txt"}
    assert Path(manifest["main"]).as_posix() in files
    assert "vscode-languageclient 11." in notices


def test_its_version_is_the_charts() -> None:
    chart = yaml.safe_load((ROOT / "charts" / "llm-d-modelservice" / "Chart.yaml").read_text())
    assert json.loads((SOURCES / "package.json").read_text())["version"] == chart["version"]


def test_commands_and_settings_are_those_of_the_code_and_the_readme() -> None:
    contributed = json.loads((SOURCES / "package.json").read_text())["contributes"]
    readme = (SOURCES / "README.md").read_text()
    code = "".join(file.read_text() for file in (SOURCES / "src").glob("*.js"))
    for command in contributed["commands"]:
        assert f'"{command["command"]}"' in code
        assert f"{command['category']}: {command['title']}" in readme
    for setting in contributed["configuration"]["properties"]:
        assert f"`{setting}`" in readme


def test_dependencies_are_pinned() -> None:
    manifest = json.loads((SOURCES / "package.json").read_text())
    assert all(pinned[0].isdigit() for pinned in manifest["devDependencies"].values())
    assert "resolved" not in LOCK.read_text(), "the lock names no registry"
