"""The settings of editors in docs/editors.md: complete, and of a syntax that the editors read."""

import json
import re
import shutil
import subprocess
import tomllib

import pytest

from support.render import ROOT

PAGE = (ROOT / "docs" / "editors.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [block for name, block in BLOCKS if name == language]


def settings(editor: str, language: str) -> str:
    """Return the blocks of a language in an editor's section."""
    section = re.split(r"^#+ ", PAGE.partition(f"### {editor}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    return "".join(re.findall(rf"^```{language}\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL))


def unclosed(code: str, comment: str) -> str:
    """Return the brackets that are still open at the end of some code."""
    opened = ""
    pairs = {")": "(", "]": "[", "}": "{"}
    for token in re.findall(rf"{comment}.*|\"(?:\\.|[^\"])*\"|[()\[\]{{}}]", code):
        if token in pairs.values():
            opened += token
        elif token in pairs:
            assert opened.endswith(pairs[token]), f"{token} closes {opened}"
            opened = opened[:-1]
    return opened


def test_json_is_valid() -> None:
    assert len([json.loads(block) for block in blocks("json")]) == 2


def test_toml_is_valid() -> None:
    assert len([tomllib.loads(block) for block in blocks("toml")]) == 2


@pytest.mark.parametrize(("language", "comment"), [("lua", "--"), ("elisp", ";")])
def test_brackets_are_closed(language: str, comment: str) -> None:
    assert blocks(language)
    assert [unclosed(block, comment) for block in blocks(language)] == [""] * len(blocks(language))


def test_lua_is_valid() -> None:
    luac = next(filter(None, map(shutil.which, ("luac", "luac5.4", "luac5.1"))), None)
    if luac is None:
        pytest.skip("luac is not on PATH")
    for block in blocks("lua"):
        subprocess.run([luac, "-p", "-"], input=block, text=True, check=True)


def test_every_editor_starts_the_server_for_yaml() -> None:
    server = tomllib.loads(settings("Helix", "toml"))["language-server"]["modelservice"]
    assert [server["command"], *server["args"]] == ["modelservice", "lsp"]
    (language,) = tomllib.loads(settings("Helix", "toml"))["language"]
    assert (language["name"], language["language-servers"][-1]) == ("yaml", "modelservice")
    template = json.loads(settings("JetBrains IDEs", "json"))
    assert template["programArgs"]["default"] == "modelservice lsp"
    assert "cmd = { 'modelservice', 'lsp' }" in settings("Neovim", "lua")
    assert '(yaml-ts-mode yaml-mode) . ("modelservice" "lsp")' in settings("Emacs", "elisp")


def test_settings_of_vs_code_are_the_defaults_of_the_extension() -> None:
    manifest = json.loads((ROOT / "editors" / "vscode" / "package.json").read_text())
    defaults = {name: item["default"] for name, item in manifest["contributes"]["configuration"]["properties"].items()}
    assert json.loads(settings("VS Code", "json")) == defaults


def test_the_schema_line_is_described_in_one_place() -> None:
    pages = [page for page in (ROOT / "docs").rglob("*.md") if "# yaml-language-server:" in page.read_text()]
    assert pages == [ROOT / "docs" / "editors.md"]
