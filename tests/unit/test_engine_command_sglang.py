"""The table of SGLang's arguments is read from its releases' sources."""

import json
import zipfile
from pathlib import Path

import pytest

from dev.extract_sglang_arguments import TABLE, read

OLD = """
parser.add_argument("--model-path", "--model", type=str)
parser.add_argument("--tp-size", "--tensor-parallel-size", type=int)
parser.add_argument("--enable-lora", action="store_true")
parser.add_argument("--lora-paths", nargs="*", action=LoRAPathAction)
"""

NEW = """
class Fields:
    model_path: A[str, Arg(help="m", aliases=["--model"])]
    tp_size: A[int, Arg(cli_name="--tensor-parallel-size", aliases=["--tp-size", "--tp"])] = 1
    trust_remote_code: A[bool, "Whether."] = False
    cuda_graph_bs: A[Optional[List[int]], "Sizes."] = None
    endpoints: A[Optional[List[str]], Arg(help="JSON.", type_parser=json_list_type)] = None
    fused: A[Optional[bool], Arg(help="f", action=argparse.BooleanOptionalAction)] = None
    lora_paths: A[Any, Arg(action=LoRAPathAction, action_kwargs={"type": str, "nargs": "*"})] = None
    hidden: A[int, Arg(no_cli=True)] = 0
    undeclared: int = 0
"""


@pytest.mark.parametrize(
    ("name", "source", "expected"),
    [
        ("server_args.py", OLD, {
            ("--model", "--model-path"): 1, ("--tensor-parallel-size", "--tp-size"): 1, ("--enable-lora",): 0,
            ("--lora-paths",): "*",
        }),
        ("arg_groups/fields/model.py", NEW, {
            ("--model", "--model-path"): 1, ("--tensor-parallel-size", "--tp-size", "--tp"): 1,
            ("--trust-remote-code",): 0, ("--cuda-graph-bs",): "+", ("--endpoints",): 1, ("--fused", "--no-fused"): 0,
            ("--lora-paths",): "*",
        }),
    ],
)  # fmt: skip
def test_both_forms_of_declarations_are_read(
    tmp_path: Path, name: str, source: str, expected: dict[tuple[str, ...], object]
) -> None:
    wheel = tmp_path / "sglang-0.5.5-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(f"sglang/srt/{name}", source)
        archive.writestr("sglang/srt/other.py", "parser.add_argument('--other')")
    assert dict(read(wheel)) == expected


def test_no_flag_has_two_meanings() -> None:
    flags = [flag for item in json.loads(TABLE.read_text())["arguments"] for flag in item["flags"]]
    assert len(flags) == len(set(flags))
    assert {"--model", "--tp-size", "--disaggregation-mode", "--mem-fraction-static"} <= set(flags)
