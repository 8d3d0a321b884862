"""`iqa graph-check` as a user meets it: exit codes, stdout and stderr apart, files written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from in_process import Outcome, Run, run_iqa

import iqa_cli
from iqa_cli.hexgraph import compile_plan, read_graph
from iqa_cli.paths import find_graph

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(iqa_cli.__file__).parents[1]
FINDING = {"code", "severity", "pointer", "line", "column", "labels", "message", "hint", "witness"}
DEAD = """{
  "note": "kept",
  "nodes": [
    {"label": "sky clipped", "levels": [1, 2]},
    {"label": "clipped", "levels": [1, 2]},
    {"label": "over-suppressed", "levels": [1, 2]}
  ],
  "exclusions": [
    {"label_a": "clipped", "a_levels": [2], "label_b": "over-suppressed", "b_levels": [2]}
  ],
  "subsumptions": [
    {"label_a": "sky clipped", "label_b": "clipped", "map": [[2, 2]]},
    {"label_a": "sky clipped", "label_b": "over-suppressed", "map": [[2, 2]]}
  ]
}
"""
AGAIN = '{"label_a": "over-suppressed", "a_levels": [2], "label_b": "clipped", "b_levels": [2]}'
WARNED = DEAD.replace('"map": [[2, 2]]}\n', '"map": [[2, 1]]}\n').replace(
    '"b_levels": [2]}\n', f'"b_levels": [2]}},\n    {AGAIN}\n'
)


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Runs `iqa graph-check` in this process, in the test's own folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Outcome:
        return run_iqa(monkeypatch, capsys, "graph-check", *arguments)

    return run


@pytest.fixture
def save(tmp_path: Path) -> Callable[[str, str], str]:
    def write(name: str, content: str) -> str:
        (tmp_path / name).write_text(content, encoding="utf-8")
        return name

    return write


def test_a_sound_graph_is_told_in_two_lines(check: Run) -> None:
    code, out, err = check("smartphone-6")
    assert (code, err) == (0, "")
    assert out == (
        "smartphone-6: sound\n"
        "  6 labels, 3 rules, 3 components; 343 legal states; treewidth 1, largest clique 7 states;"
        " 0.3 MB for 256 photos\n"
        "\n1 graph: sound\n"
    )


def test_a_dead_level_is_told_with_its_place_its_chain_and_a_way_out(check: Run, save: Callable[..., str]) -> None:
    code, out, err = check(save("g.json", DEAD))
    assert (code, err) == (1, "")
    assert out.startswith("g.json: 1 error, 1 warning\n")
    assert '  E302  4:44  level 2 of "sky clipped" can never occur\n' in out
    why = '"sky clipped" >= 2 -> "clipped" >= 2 -> excludes "over-suppressed" >= 2, but "sky clipped" >= 2'
    assert f'why: {why} -> "over-suppressed" >= 2\n' in out
    assert "fix: loosen one of the rules of the chain\n" in out
    assert out.endswith("\n1 graph: not sound (1 error, 1 warning)\n")
    assert "\x1b" not in out


def test_several_files_are_checked_and_the_gravest_decides(check: Run, save: Callable[..., str]) -> None:
    code, out, err = check(save("g.json", DEAD), "no-such.json", save("x.json", "{"), "smartphone-12", "nameless")
    assert code == 3
    assert [line.split(":")[0] for line in out.splitlines() if line and line[0] != " "] == [
        "g.json",
        "no-such.json",
        "x.json",
        "smartphone-12",
        "nameless",
        "5 graphs",
    ]
    assert out.endswith("5 graphs: 1 sound, 1 with errors, 3 not a graph (4 errors, 1 warning)\n")
    assert err.splitlines() == [
        "error: no-such.json: no such graph file",
        "error: x.json:1:2: not JSON: Expecting property name enclosed in double quotes",
        "error: no graph is called 'nameless'",
    ]


def test_warnings_fail_only_when_it_is_strict(check: Run, save: Callable[..., str]) -> None:
    name = save("g.json", WARNED)
    assert check(name).code == 0
    assert check(name, "--strict").code == 1
    assert check("prism-53", "smartphone-6", "smartphone-12", "--strict").code == 0


def test_json_is_one_document_with_everything(check: Run, save: Callable[..., str]) -> None:
    code, out, err = check("--json", save("g.json", DEAD), "prism-53")
    assert (code, err) == (1, "")
    document = json.loads(out)
    assert document["format_version"] == 1
    dead, prism = document["files"]
    assert [dead["file"], prism["file"]] == ["g.json", "prism-53"]
    assert all(set(finding) == FINDING for file in document["files"] for finding in file["findings"])
    (finding,) = [finding for finding in dead["findings"] if finding["code"] == "E302"]
    assert (finding["severity"], finding["pointer"]) == ("error", "/nodes/0/levels/1")
    assert (finding["line"], finding["column"], finding["labels"]) == (4, 44, ["sky clipped"])
    assert finding["witness"].startswith('"sky clipped" >= 2 -> ')
    assert dead["dead_levels"] == [{"label": "sky clipped", "level": 2}]
    assert dead["legal_states"] == "3"
    assert prism["legal_states"] == "115430162103244929368064"
    assert (prism["components"], prism["treewidth"], prism["max_clique_states"]) == (23, 3, 20)
    assert prism["bytes_at_batch_256"] > 0


@pytest.mark.parametrize(("content", "code"), [("{", "E101"), ("[1]", "E102"), (None, "E101")])
def test_json_is_printed_of_what_is_no_graph_as_well(
    check: Run, save: Callable[..., str], content: str | None, code: str
) -> None:
    name = "g.json" if content is None else save("g.json", content)
    outcome = check("--json", name)
    assert outcome.code == 3
    assert outcome.err.startswith("error: g.json")
    (file,) = json.loads(outcome.out)["files"]
    assert not file["is_graph"]
    assert [finding["code"] for finding in file["findings"]] == [code]
    assert (file["legal_states"], file["treewidth"]) == (None, None)


def test_a_graph_above_max_states_is_refused_and_its_count_is_null(check: Run) -> None:
    code, out, _ = check("prism-53", "--max-states", "50", "--json")
    assert code == 1
    (file,) = json.loads(out)["files"]
    assert [finding["code"] for finding in file["findings"] if finding["severity"] == "error"] == ["E404"]
    assert file["legal_states"] is None
    assert file["components"] == 23


def test_notes_are_counted_and_shown_when_asked_for(check: Run, save: Callable[..., str]) -> None:
    name = save("g.json", WARNED)
    assert "note more: --verbose shows them" in check(name).out or "notes more" in check(name).out
    verbose = check(name, "--verbose").out
    assert "--verbose" not in verbose
    assert "  I203  " in verbose


def test_fix_writes_the_canonical_form_and_keeps_notes(check: Run, save: Callable[..., str], tmp_path: Path) -> None:
    name = save("g.json", WARNED)
    code, _, err = check(name, "--fix", "fixed.json")
    assert (code, err) == (0, "wrote fixed.json\n")
    before, after = (compile_plan(read_graph(tmp_path / file)) for file in (name, "fixed.json"))
    assert before.n_legal_states == after.n_legal_states
    assert json.loads((tmp_path / "fixed.json").read_text(encoding="utf-8"))["note"] == "kept"
    assert check("fixed.json", "--strict").code == 0
    assert check(name, "--fix", name).err == f"wrote {name}\n"
    assert (tmp_path / name).read_bytes() == (tmp_path / "fixed.json").read_bytes()


def test_fix_of_a_file_that_cannot_be_read_writes_nothing(check: Run, save: Callable[..., str], tmp_path: Path) -> None:
    name = save("g.json", DEAD.replace('"clipped", "map"', '"cliped", "map"'))
    code, out, err = check(name, "--fix", "fixed.json")
    assert code == 1
    assert 'did you mean "clipped"?' in out
    assert err == "fixed.json: not written, the graph has to be readable first\n"
    assert not (tmp_path / "fixed.json").exists()


@pytest.mark.parametrize("arguments", [("--draw", "g.json"), ("--fix", "photo.jpg")], ids=" ".join)
def test_a_file_that_holds_something_else_is_not_replaced(
    check: Run, save: Callable[..., str], tmp_path: Path, arguments: tuple[str, str]
) -> None:
    files = {save("g.json", DEAD), save("photo.jpg", "JFIF")}
    before = {name: (tmp_path / name).read_bytes() for name in files}
    code, out, err = check(*arguments, "smartphone-6")
    assert (code, out) == (2, "")
    assert "holds something else" in err
    assert before == {name: (tmp_path / name).read_bytes() for name in files}


def test_fix_and_draw_do_not_share_a_file_by_two_names(check: Run, tmp_path: Path) -> None:
    (tmp_path / "out.json").touch()
    (tmp_path / "out.svg").hardlink_to(tmp_path / "out.json")
    code, out, err = check("smartphone-6", "--fix", "out.json", "--draw", "out.svg")
    assert (code, out) == (2, "")
    assert "--fix and --draw both name" in err


def test_fix_does_not_write_into_the_report(tmp_path: Path) -> None:
    report = tmp_path / "report.txt"
    command = [sys.executable, "-m", "iqa_cli", "graph-check", "smartphone-6", "--fix", "/dev/stdout"]
    with report.open("wb") as stdout:
        done = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False)
    assert (done.returncode, report.read_bytes()) == (2, b"")
    assert "the report is printed there" in done.stderr


def test_draw_writes_a_picture_with_the_dead_levels(check: Run, tmp_path: Path) -> None:
    code, _, err = check("smartphone-6", "--draw", "g.svg")
    assert (code, err) == (0, "wrote g.svg\n")
    assert (tmp_path / "g.svg").read_text(encoding="utf-8").lstrip().startswith(("<?xml", "<svg"))


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["smartphone-6", "prism-53", "--fix", "x.json"],
        ["smartphone-6", "prism-53", "--draw", "x.svg"],
        ["smartphone-6", "--fix", "-"],
        ["smartphone-6", "--draw", ""],
        ["smartphone-6", "--fix", "x", "--draw", "x"],
        ["smartphone-6", "--fix", "no/such/folder/x.json"],
        ["smartphone-6", "--max-states", "0"],
        ["smartphone-6", "--frobnicate"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_told_before_anything_is_done(check: Run, arguments: list[str]) -> None:
    code, out, err = check(*arguments)
    assert (code, out) == (2, "")
    assert err


def test_a_reader_that_leaves_early_is_no_error() -> None:
    names = " ".join([find_graph("smartphone-6").as_posix()] * 3)
    command = f"{sys.executable} -m iqa_cli graph-check {names} | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=ROOT, check=True)  # noqa: S602
    assert done.stdout.endswith(": sound\n")
    assert done.stderr == ""


def test_help_explains_every_option(check: Run) -> None:
    code, out, _ = check("--help")
    assert code == 0
    for option in ("--json", "--strict", "--fix", "--draw", "--verbose", "--max-states"):
        assert option in out


def test_help_and_wrong_usage_load_nothing_heavy() -> None:
    code = (
        "import sys\nfrom iqa_cli.cli.app import main\n"
        "for arguments in (['--help'], ['a', 'b', '--fix', 'x']):\n"
        "    sys.argv = ['iqa', 'graph-check', *arguments]\n"
        "    try:\n        main()\n    except SystemExit:\n        pass\n"
        "print('LOADED', *sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True).stdout
    loaded = {name.split(".")[0] for name in out.rsplit("LOADED", 1)[1].split()}
    assert not loaded & {"numpy", "pandas", "PIL", "onnxruntime", "torch"}


@pytest.mark.parametrize("columns", [40, 80, 120])
def test_the_table_fits_a_terminal(columns: int, tmp_path: Path) -> None:
    import io

    from iqa_cli.hexgraph.check import check_graph
    from iqa_cli.report import screen
    from iqa_cli.report.graph import table

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    path = tmp_path / "g.json"
    path.write_text(DEAD, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(columns))
        patch.setenv("NO_COLOR", "1")
        patch.setenv("TERM", "xterm")
        file = Terminal()
        report = check_graph(path)
        table.print_graph_report(report, verbose=True, file=file)
        assert columns >= screen.NARROWEST
    lines = file.getvalue().splitlines()
    plain = [line.replace("\x1b[1m", "").replace("\x1b[2m", "").replace("\x1b[0m", "") for line in lines[1:]]
    assert max(map(len, plain)) <= columns
    assert any("E302" in line for line in plain)
