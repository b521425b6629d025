"""Shell scripts that start engines are read as a shell runs them."""

import shutil
import subprocess
from typing import Any

import pytest

from modelservice.engines.command import EngineCommand
from modelservice.engines.shell import Script, plain_command, script_of, statements

SCRIPTS = [
    "vllm serve m --port 8000",
    "vllm serve 'a b' \"c d\" e\\ f --x='1 2'",
    "vllm serve m \\\n  --a 1 \\\n  --b '{\"k\": \"v\"}'",
    "# vllm serve no\nset -e\nvllm serve m # --no\n",
    "A=1; B=\"$A 2\"; vllm serve $A \"$B\" $B",
    "ARGS=(--a 'b c'); ARGS+=(--d); vllm serve \"${ARGS[@]}\"",
    "vllm serve ${E:-d e} \"${Y:-q r}\" ${E:+--x=$E} ${E-f} ${Y+'g h'}",
    "vllm serve ${Y:+--x=$Y --y} end",
    "vllm serve $((2*N+1)) \"$(( N / 2 ))\"",
    "vllm serve \"$@\" $1 \"$2\" $0",
    "set -- \"$@\" --more; vllm serve \"$@\"",
    "shift; vllm serve \"$@\"",
    "cat > /dev/null <<EOF\nvllm serve no\n'\nEOF\nvllm serve yes",
    "cat <<-'E' >/dev/null\n\tvllm serve no\n\tE\nvllm serve yes 2>&1 >/dev/stdout",
    "export A=b C='d e' && export F=$A && vllm serve $F \"$C\"",
    "( A=1; vllm serve $A ); vllm serve \"x${N}y\"",
    "f() { vllm serve in; }\nf",
    "eval \"vllm serve $W 'b c'\"",
    "eval 'vllm serve $N'",
    "N=1 vllm serve $N",
    "vllm serve \"\" '' $E \"$E\" x",
    "vllm serve a\"b\"'c'\\d$W\"$W\"",
    "vllm serve $'x' \"a\\$b\\\"\"",
    "vllm serve m;",
    "while false; do N=2; done; vllm serve ok",
    "[[ -n \"$N\" && $N == 1 ]] && B=2; vllm serve x",
    "vllm serve 1>/dev/stdout a 2>/dev/null b",
    "vllm serve -- --x",
    "vllm serve a#b #c",
    "A='--x 1'\nA+=' --y'\nvllm serve $A",
    "vllm serve ${W} \"${W}\"b ${W}c",
    "true && vllm serve a",
    "vllm serve a & wait",
    "if true; then vllm serve a; fi",
]  # fmt: skip
ENV = {"N": "4", "E": "", "Y": "y", "W": " x  y "}
ARGUMENTS = ("zero", "a b", "c")


def commands(
    script: str, arguments: tuple[str, ...] = ARGUMENTS, env: dict[str, str | None] | None = None
) -> list[list[str]]:
    """The commands of a script that start vLLM."""
    found = [[word.text for word in words] for words in statements(Script(script, arguments), env or {})]
    return [words[words[0] == "exec" :] for words in found if "vllm" in words[:2]]


BASH = shutil.which("bash") or ""


@pytest.mark.skipif(not BASH, reason="there is no bash")
@pytest.mark.parametrize("script", SCRIPTS)
def test_the_words_are_those_that_bash_passes(script: str) -> None:
    stub = 'vllm() { printf "%s\\0" vllm "$@"; }\n'
    done = subprocess.run([BASH, "-c", stub + script, *ARGUMENTS], env=ENV, capture_output=True, text=True, check=True)
    assert [word for words in commands(script, env={**ENV}) for word in words] == done.stdout.split("\0")[:-1]


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("if [ $R = 0 ]; then A=1; vllm serve $A; else A=2; fi", "1"),
        ("if [ $R = 0 ]; then A=1; else A=2; fi; vllm serve $A", "$A"),
        ("A=1; if [ $R = 0 ]; then A=2; fi; vllm serve $A", "$A"),
        ("[ -n \"$R\" ] && A=1; vllm serve x$A", "x$A"),
        ("case $R in 0) A=1;; *) A=2;; esac; vllm serve $A", "$A"),
        ("for i in 1 2; do A=$i; done; vllm serve $i $A", "$i $A"),
        ("A=$(hostname); vllm serve $A", "$(hostname)"),
        ("vllm serve `hostname -i` $R ${R:-0} $((R + 1)) $?", "`hostname -i` $R ${R:-0} $((R + 1)) $?"),
        ("ARGS=(--a)\nif x; then ARGS+=(--b); fi\nvllm serve \"${ARGS[@]}\"", "${ARGS[@]}"),
        ("A=\"--port $R --x\"; vllm serve $A", "--port $R --x"),
        ("read A; vllm serve $A", "$A"),
        ("f() { vllm serve \"$@\"; }; f 1", "$@"),
    ],
)  # fmt: skip
def test_what_only_the_container_knows_stays_as_it_is_written(script: str, words: str) -> None:
    assert " ".join(commands(script)[0][2:]) == words


def test_both_branches_of_a_condition_are_read() -> None:
    script = "if [ $R = 0 ]; then\n  exec vllm serve m\nelse\n  exec vllm serve m --headless\nfi"
    assert commands(script) == [["vllm", "serve", "m"], ["vllm", "serve", "m", "--headless"]]


def test_what_follows_an_unclosed_quotation_is_not_read() -> None:
    assert commands("vllm serve a\necho 'start; vllm serve b") == [["vllm", "serve", "a"]]


@pytest.mark.parametrize(
    ("words", "script"),
    [
        (["sh", "-c", "x"], Script("x")),
        (["/bin/bash", "-lc", "x", "a", "b"], Script("x", ("a", "b"))),
        (["/bin/bash", "-c", "--", "x"], Script("x")),
        (["bash", "-euo", "pipefail", "-c", "x"], Script("x")),
        (["tini", "--", "sh", "-c", "x"], Script("x")),
        (["bash", "start.sh"], None),
        (["sh"], None),
        (["vllm", "serve"], None),
    ],
)  # fmt: skip
def test_the_script_of_a_shell(words: list[str], script: Script | None) -> None:
    assert script_of(words) == script


VARIABLES = {"PORT": "8000", "NAME": None, "TWO": "a b", "NONE": ""}


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("vllm serve m", "vllm serve m"),
        ("exec vllm serve m \\\n  --port 8000\n", "vllm serve m --port 8000"),
        ("set -ex\n# why\nexec vllm serve m", "vllm serve m"),
        ("vllm serve m --port $PORT --host \"${NAME}\"", "vllm serve m --port $(PORT) --host $(NAME)"),
        ("vllm serve \"$TWO\" --x=$(PORT)", "vllm serve $(TWO) --x=$(PORT)"),
        ("vllm serve \"$@\"", "vllm serve a c"),
        ("vllm serve '{\"a\": \"$b\"}'", 'vllm serve {"a": "$b"}'),
        ("vllm serve $TWO", None),
        ("vllm serve $NONE", None),
        ("vllm serve $NAME", None),
        ("vllm serve $OTHER", None),
        ("vllm serve $(hostname)", None),
        ("vllm serve /models/*", None),
        ("vllm serve ~/models", None),
        ("vllm serve m --x {a,b}", None),
        ("vllm serve m && true", None),
        ("vllm serve m > log", None),
        ("vllm serve m &", None),
        ("sleep 1; vllm serve m", None),
        ("A=1 vllm serve m", None),
        ("if true; then vllm serve m; fi", None),
        ("vllm serve m \\ \n  --port 8000", None),
        ("vllm serve 'm", None),
        ("", None),
    ],
)  # fmt: skip
def test_a_plain_command_is_an_exec_list(script: str, words: str | None) -> None:
    found = plain_command(Script(script, ("zero", "a", "c")), VARIABLES)
    assert (None if found is None else " ".join(found)) == words


def line(script: str, **env: str) -> EngineCommand:
    """The command line of a container that runs a script."""
    variables: list[dict[str, Any]] = [{"name": name, "value": value} for name, value in env.items()]
    return EngineCommand.parse({"command": ["/bin/bash", "-c"], "args": [script], "env": variables})


def test_unquoted_unknown_variables_are_no_values() -> None:
    found = line(
        "exec vllm serve o/m --moe-backend x $OPT --port 8000 ${KV:+--kv-cache-memory-bytes=$KV} --tensor-parallel-size $TP"
    )
    assert found.model == "o/m"
    assert found.positionals == ["o/m"]
    assert {flag.name: flag.values for flag in found.flags} == {
        "moe-backend": ("x",), "port": ("8000",), "tensor-parallel-size": ("$TP",),
    }  # fmt: skip
    assert found.unread == ["$OPT", "${KV:+--kv-cache-memory-bytes=$KV}"]
    assert line("vllm serve $OPTS o/m").model == "o/m"
    assert line("vllm serve ${KV:+--kv-cache-memory-bytes=$KV} m; :", KV="5").number("kv-cache-memory-bytes") == 5


def test_a_script_keeps_its_words_and_a_plain_one_becomes_an_exec_list() -> None:
    plain = line('exec vllm serve m --port "$PORT"', PORT="80")
    assert (plain.start, plain.script, plain.arguments) == ("command", True, ["m", "--port", "$(PORT)"])
    assert plain.number("port") == 80
    other = line("wait-for-it && exec vllm serve m --port $PORT", PORT="80")
    assert (other.start, other.script, other.number("port")) == ("custom", True, 80)


def test_the_start_of_llm_ds_wide_expert_parallelism() -> None:
    found = line(
        "START_RANK=$(( ${LWS_WORKER_INDEX:-0} * DP_SIZE_LOCAL ))\nsource /opt/vllm/bin/activate\nexec vllm serve \\\n  o/m \\\n"
        "  --data-parallel-size $((LWS_GROUP_SIZE * DP_SIZE_LOCAL)) \\\n  --data-parallel-size-local $DP_SIZE_LOCAL \\\n"
        "  --data-parallel-start-rank $START_RANK --kv_transfer_config '{\"kv_role\":\"kv_both\"}'",
        DP_SIZE_LOCAL="8", LWS_GROUP_SIZE="2", LWS_WORKER_INDEX="1",
    )  # fmt: skip
    assert found.number("data-parallel-size") == 16
    assert found.number("data-parallel-size-local") == found.number("data-parallel-start-rank") == 8
    assert found.json("kv-transfer-config") == {"kv_role": "kv_both"}
