"""Configs: defaults, relative paths, and every mistake at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from iqa_cli.config import DataConfig, RunConfig, TrainConfig, load_config
from iqa_cli.errors import ConfigError, ExitCode

if TYPE_CHECKING:
    from pathlib import Path

MINIMAL = '[data]\nladder = "photos"\n[run]\nout = "out/mine"\n'


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "run.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_minimal_config_gets_the_defaults_and_paths_of_its_folder(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, MINIMAL))
    assert config.data.ladder == tmp_path / "photos"
    assert config.run.out == tmp_path / "out" / "mine"
    assert config.work == tmp_path / "out" / "mine-run"
    assert (config.model.head, config.graph.name, config.model.pretrained) == ("coop", "smartphone-6", False)


def test_the_shipped_config_is_valid() -> None:
    from pathlib import Path

    config = load_config(Path(__file__).parents[1] / "configs" / "default.toml")
    assert config.run.out.name == "default"


def test_a_graph_or_weights_file_is_found_from_the_configs_folder(tmp_path: Path) -> None:
    (tmp_path / "mine.json").touch()
    (tmp_path / "clip.safetensors").touch()
    text = MINIMAL + '[graph]\nname = "mine.json"\n[model]\npretrained = "clip.safetensors"\n'
    config = load_config(write(tmp_path, text))
    assert config.graph.name == str(tmp_path / "mine.json")
    assert config.model.pretrained == str(tmp_path / "clip.safetensors")


@pytest.mark.parametrize("value", ['"ten"', "9", "true", '["one"]'])
def test_views_are_one_five_or_nine(tmp_path: Path, value: str) -> None:
    assert load_config(write(tmp_path, MINIMAL + '[model]\nviews = "nine"\n')).model.views == "nine"
    assert load_config(write(tmp_path, MINIMAL)).model.views is None
    with pytest.raises(ConfigError) as error:
        load_config(write(tmp_path, MINIMAL + f"[model]\nviews = {value}\n"))
    (said,) = error.value.problems
    assert said.startswith("model.views: expected 'one' or 'five' or 'nine', got ")


def test_numbers_may_be_written_in_any_form(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, MINIMAL + "[optim]\nlr_visual = 5e-6\nweight_decay = 0\n"))
    assert config.optim.lr_visual == 5e-6
    assert config.optim.weight_decay == 0.0


def test_all_mistakes_are_reported_at_once_with_the_nearest_key(tmp_path: Path) -> None:
    text = (
        '[data]\nladder = 3\nsample = 5\n[modell]\nx = 1\n[model]\nhead = "co-op"\npretrained = true\n'
        '[optim]\nepochs = true\nbatch_size = 1\nlr_head = "5e-6"\n[run]\nseed = 0.5\n'
    )
    with pytest.raises(ConfigError) as error:
        load_config(write(tmp_path, text))
    problems = "\n".join(error.value.problems)
    for expected in (
        "data.ladder: expected a path, got 3",
        "data.sample: no such key (did you mean 'samples'?)",
        "[modell]: no such section (did you mean 'model'?)",
        "model.head: expected 'coop' or 'fc', got 'co-op'",
        "model.pretrained: expected a text or false, got True",
        "optim.epochs: expected a whole number, got True",
        "optim.batch_size: expected 2 to 65536, got 1",
        "optim.lr_head: expected a number, got '5e-6'",
        "run.out: missing",
        "run.seed: expected a whole number, got 0.5",
    ):
        assert expected in problems
    assert error.value.exit_code == ExitCode.INVALID_INPUT


def test_what_one_section_asks_of_another_is_a_mistake_among_the_others(tmp_path: Path) -> None:
    text = (
        '[data]\nlabels = "a.csv"\nimages = "photos"\nweak_zeros = true\n[graph]\nrules = false\n'
        '[optim]\nepochs = 0\n[run]\nout = "mine"\n'
    )
    with pytest.raises(ConfigError) as error:
        load_config(write(tmp_path, text))
    assert error.value.message == f"{tmp_path / 'run.toml'}: 2 problems"
    assert [problem.partition(":")[0] for problem in error.value.problems] == ["optim.epochs", "data.weak_zeros"]


def test_one_mistake_is_one_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        load_config(write(tmp_path, MINIMAL + "[optim]\nepochs = 0\n"))
    assert error.value.message == f"{tmp_path / 'run.toml'}: 1 problem"
    assert error.value.problems == ("optim.epochs: expected 1 to 100000, got 0",)


def test_mistakes_come_in_the_order_of_the_keys(tmp_path: Path) -> None:
    text = MINIMAL + "[optim]\nwarmup = 2\nlr_visual = 2\nbatch_size = 0\nlr_head = 2\nepochs = 0\n"
    with pytest.raises(ConfigError) as error:
        load_config(write(tmp_path, text))
    keys = [problem.partition(":")[0] for problem in error.value.problems]
    assert keys == [f"optim.{key}" for key in ("lr_visual", "lr_head", "epochs", "batch_size", "warmup")]


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ('[graph]\nname = ""\n', "graph.name: expected a name or path"),
        ('[graph]\nname = "%s"\n' % ("x" * 300), "graph.name: expected names of at most 255 bytes"),
        ('[graph]\nname = "%s.json"\n' % ("图" * 90), "graph.name: expected names of at most 255 bytes"),
        ('[model]\npretrained = ""\n', "model.pretrained: expected a name or path"),
        ('[model]\npretrained = "a\\u0000b"\n', "model.pretrained: expected a name or path"),
        ("[optim]\nlr_head = 1%s\n" % ("0" * 400), "optim.lr_head: expected 0 to 1, got 1000"),
        ("[optim]\nlr_head = 0x%s\n" % ("1" * 9000), "optim.lr_head: expected 0 to 1, got a very long number"),
        ("[optim]\nepochs = [0x%s]\n" % ("1" * 9000), "optim.epochs: expected a whole number"),
        ('[loss]\nname = "fidelity"\n', "loss.name: expected 'nll' or 'focal' or 'focal-fidelity', got 'fidelity'"),
        ("[loss]\ngamma = 0.5\n", "loss.gamma: expected 0, or 1 to 10, got 0.5"),
        ("[model]\ntrain_visual = 0\n", "model.train_visual: expected 1 to 1000, got 0"),
        ('[model]\ntrain_visual = "some"\n', "model.train_visual: expected 'all' or 'none' or a whole number"),
        ('[model]\ntemplates = ["a photo"]\n', "model.templates: 'a photo' needs exactly one {}"),
        ('[model]\nprompts = "levels"\n', "model.prompts: expected"),
        ('[model]\nprompts = "level"\nhead = "fc"\n', 'model.prompts: "level" goes with head = "coop"'),
        (
            '[model]\nprompts = "level"\npretrained = "checkpoint:default"\n',
            'model.prompts: "level" cannot go on from a checkpoint',
        ),
        ('[model]\nprompts = "level"\ncontext = "per-label"\n', 'model.context: "per-label" does not go with prompts'),
        ('[model]\ncontext_per_template = true\nhead = "fc"\n', "model.context_per_template: goes with"),
        (
            '[model]\ncontext_per_template = true\ncontext = "per-label"\n',
            'model.context: "per-label" does not go with context_per',
        ),
        ("[model]\ntemplates = []\n", "model.templates: expected at least one"),
        ('[model]\ntemplates = "a {} photo"\n', "model.templates: expected a list of texts"),
        ("[model]\nstatistics = -1\n", "model.statistics: expected 0 "),
        ("[model]\nstatistics = true\n", "model.statistics: expected a whole number, got True"),
        ("[model]\nmirror = 1\n", "model.mirror: expected true or false, got 1"),
        (
            '[model]\nstatistics = 8\ntrain_visual = "none"\n',
            'model.statistics: with train_visual = "none" they would stay random',
        ),
        ("[model]\ntrain_text = 1\n", "model.train_text: expected true or false, got 1"),
        ("[optim]\naccumulate = 0\n", "optim.accumulate: expected 1 to 65536, got 0"),
        ('precision = "float16"\n', "run.precision: expected 'float32' or 'bfloat16', got 'float16'"),
    ],
)
def test_values_that_nothing_can_use_are_mistakes_of_the_config(tmp_path: Path, more: str, problem: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_config(write(tmp_path, MINIMAL + more))
    assert len(error.value.problems) == 1
    assert error.value.problems[0].startswith(problem)
    assert len(error.value.problems[0]) < 200


@pytest.mark.parametrize("out", ["/", "", "a\\u0000b", "x" * 300])
def test_a_checkpoint_needs_a_folder_that_can_be_named(tmp_path: Path, out: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_config(write(tmp_path, f'[data]\nladder = "photos"\n[run]\nout = "{out}"\n'))
    assert error.value.problems[0].startswith("run.out: expected")


@pytest.mark.parametrize(
    ("data", "problems"),
    [
        ("", ["data: expected data.ladder or data.labels, neither is given"]),
        (
            'ladder = "photos"\nlabels = "labels.csv"\nimages = "photos"\nlabelled_share = 0',
            [
                (
                    "data.labelled_share: expected more than 0 and less than 1, got 0; "
                    "leave out the source that is not to be learned from"
                )
            ],
        ),
        (
            'ladder = "photos"\nlabelled_share = 0.5\ngood_join = true',
            [
                "data.labelled_share: goes with data.ladder and data.labels together",
                "data.good_join: goes with data.ladder and data.labels together",
            ],
        ),
        (
            'labels = "labels.csv"',
            ["data.images: missing, the folder of the photographs in data.labels, or their bucket"],
        ),
        (
            'ladder = "photos"\nimages = "photos"\ntest = "test.csv"\nscene = "time:5"',
            [
                "data.images: goes with data.labels, not with data.ladder alone",
                "data.test: goes with data.labels, not with data.ladder alone",
                "data.scene: goes with data.labels, not with data.ladder alone",
            ],
        ),
    ],
    ids=["neither", "a share of nothing", "a share of one", "no images", "wrong company"],
)
def test_sources_of_data_come_with_all_that_belongs_to_them(tmp_path: Path, data: str, problems: list[str]) -> None:
    with pytest.raises(ConfigError) as error:
        load_config(write(tmp_path, f'[data]\n{data}\n[run]\nout = "mine"\n'))
    assert list(error.value.problems) == problems


def test_photographs_may_be_in_a_bucket(tmp_path: Path) -> None:
    text = '[data]\nlabels = "labels.csv"\nimages = "{}"\n[run]\nout = "mine"\n'
    for url in ("s3://bucket/a b/%20", "gs://bucket", "az://container/prefix/"):
        config = load_config(write(tmp_path, text.format(url)))
        assert config.data.images == url
        assert config.as_document(tmp_path)["data"]["images"] == url.rstrip("/").rpartition("/")[2]
    assert load_config(write(tmp_path, text.format((tmp_path / "x").as_uri()))).data.images == tmp_path / "x"
    for wrong in ("https://example.org/photos", "s3://", "s4://bucket"):
        with pytest.raises(ConfigError, match=r"data\.images: expected a bucket .* or a path, got"):
            load_config(write(tmp_path, text.format(wrong)))
    with pytest.raises(ConfigError, match=r"data\.ladder: expected a path, got 's3://bucket'"):
        load_config(write(tmp_path, '[data]\nladder = "s3://bucket"\n[run]\nout = "mine"\n'))
    with pytest.raises(ConfigError, match="expected a Path or a bucket's URL, got 'photos'"):
        DataConfig(labels=tmp_path / "labels.csv", images="photos")  # type: ignore[arg-type]


def test_a_config_with_labels_finds_its_files_from_its_folder(tmp_path: Path) -> None:
    text = '[data]\nlabels = "split/train.csv"\nvalidation = "split/val.csv"\nimages = "../DCIM"\n[run]\nout = "mine"\n'
    config = load_config(
        write(tmp_path, text + '[model]\ntemplates = ["{}", "a photo that is {}"]\ntrain_visual = 2\n')
    )
    assert config.data.labels == tmp_path / "split" / "train.csv"
    assert config.data.images == tmp_path.parent / "DCIM"
    assert config.model.templates == ("{}", "a photo that is {}")
    assert config.model.train_visual == 2


def test_another_checkpoint_folder_takes_its_state_along(tmp_path: Path) -> None:
    run = load_config(write(tmp_path, MINIMAL)).run
    assert run.written_to(tmp_path / "b").work is None
    run = load_config(write(tmp_path, MINIMAL + 'work = "state"\n')).run
    assert run.work == tmp_path / "state"
    assert run.written_to(tmp_path / "b") == RunConfig(out=tmp_path / "b")
    with pytest.raises(ConfigError, match=r"run\.out"):
        run.written_to(tmp_path.parent.joinpath("/"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"= nothing", "not TOML"),
        (b"\xff\xfe", "not TOML"),
        (b"a = 1" + b"0" * 5000, "not TOML"),
        (b"a = " + b"[" * 5000, "not TOML"),
        (None, "no such config file"),
    ],
)
def test_a_file_that_is_no_config_is_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "run.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        load_config(path)


def test_a_config_as_a_document_is_plain_whatever_its_paths_are(tmp_path: Path) -> None:
    import json
    from pathlib import Path

    for folder in (Path("photos"), tmp_path / "photos"):
        config = TrainConfig(data=DataConfig(ladder=folder), run=RunConfig(out=folder / "out"))
        document = json.loads(json.dumps(config.as_document(tmp_path)))
        assert document["data"]["ladder"] == "photos"
        assert document["run"]["out"] == "photos/out"
