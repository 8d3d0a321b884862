"""Mode "auto" from files to reports: the levels of the picture, whatever was looked at to find them."""

import csv
import dataclasses
import io
import json
import shutil
import sys

import numpy as np
import pytest
from drawn_tiles import parts
from PIL import Image

from iqa_cli.checkpoint import ONNX, load_checkpoint, write_checkpoint
from iqa_cli.cli.app import main
from iqa_cli.pipeline import Auditor, assess, assess_photo
from iqa_cli.pipeline.reading import TOO_CLOSE

SIZE, SMALL = (512, 384), (160, 120)
AGREES = "judged from the camera's 160 x 120 preview, which agrees with 3 of the picture's 12 tiles"
UNLIKE = "the camera's preview looks unlike the picture and was not used"
MARGIN = 2.0  # of this model: 0.01 of its input


def natural(mean, seed=0):
    """Texture of every scale, as in photographs, with this mean of 0..255."""
    rng, light = np.random.default_rng(seed), np.zeros((SIZE[1], SIZE[0]))
    for cells in (3, 6, 12, 24, 48, 96, 192):
        noise = Image.fromarray(rng.normal(size=(cells * 3 // 4 + 1, cells)).astype(np.float32))
        light += np.asarray(noise.resize(SIZE, Image.Resampling.BICUBIC)) / cells**0.5
    light = mean + min(60, mean / 2, (255 - mean) / 2) * (light - light.mean()) / np.abs(light).max()
    light += rng.normal(0, 6, light.shape)  # of the sensor: without it the picture itself seems drawn
    return Image.fromarray(np.repeat(light.clip(0, 255).astype(np.uint8)[:, :, None], 3, axis=2))


def heic(image, preview=None):
    small = (image if preview is None else preview).resize(SMALL, Image.Resampling.BOX)
    return parts(image, small).file()


@pytest.fixture(scope="module")
def with_margins(checkpoint_folder, tmp_path_factory):
    """The checkpoint whose model looks at nothing but the mean, with margins for its previews."""
    folder = tmp_path_factory.mktemp("checkpoints") / "with-margins"
    card = dict(load_checkpoint(checkpoint_folder).card)
    card["preview"] = {"margins": dict.fromkeys(load_checkpoint(checkpoint_folder).graph.label_names, MARGIN)}
    folder.mkdir()
    write_checkpoint(folder, {ONNX: (checkpoint_folder / ONNX).read_bytes()}, card)
    return folder


@pytest.fixture(scope="module")
def photos():
    """Files by name: three that are settled, one between two levels, one whose preview is of another exposure."""
    return {
        "a_fine.heic": heic(natural(128)),
        "b_bright.heic": heic(natural(172, 1)),
        "c_dark.heic": heic(natural(45, 2)),
        "d_close.heic": heic(natural(153, 3)),
        "e_other.heic": heic(natural(172, 4), natural(128, 4)),
        "f_jpeg.jpg": jpeg(natural(172, 5)),
    }


def jpeg(image):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


@pytest.fixture
def folder(photos, tmp_path):
    (tmp_path / "DCIM").mkdir()
    for name, data in photos.items():
        (tmp_path / "DCIM" / name).write_bytes(data)
    return tmp_path / "DCIM"


def levels(report):
    return {finding.label: finding.level for finding in report.findings}


def test_levels_are_those_of_the_pictures_and_notes_say_where_from(folder, with_margins):
    auto = list(assess([folder], checkpoint=with_margins, decode="auto"))
    scaled = list(assess([folder], checkpoint=with_margins))
    assert [report.status for report in auto] == ["ok"] * 6
    assert list(map(levels, auto)) == list(map(levels, scaled))
    assert [levels(report)["bright"] for report in auto[:3]] == [1, 2, 1]
    assert [report.notes for report in auto] == [(AGREES,)] * 3 + [(TOO_CLOSE,), (UNLIKE,), ()]
    for one, other in zip(auto[3:], scaled[3:], strict=True):
        assert dataclasses.replace(one, notes=()) == dataclasses.replace(other, notes=())


def test_photos_in_memory_are_looked_at_again_as_well(photos, with_margins):
    report = assess_photo(photos["d_close.heic"], checkpoint=with_margins, decode="auto")
    assert report.notes == (TOO_CLOSE,)
    assert report.marginals == assess_photo(photos["d_close.heic"], checkpoint=with_margins).marginals


def test_margins_say_what_is_close(photos, with_margins, tmp_path):
    wide = shutil.copytree(with_margins, tmp_path / "wide")
    card = json.loads((wide / "card.json").read_text())
    card["preview"]["margins"]["bright"] = 10.0
    (wide / "card.json").write_text(json.dumps(card))
    name = "b_bright.heic"  # 10 is 0.05: from 0.675 neither to 0.6 nor to 0.75
    assert assess_photo(photos[name], checkpoint=wide, decode="auto").notes == (AGREES,)
    close = heic(natural(163, 6))  # 0.64
    assert assess_photo(close, checkpoint=with_margins, decode="auto").notes == (AGREES,)
    assert assess_photo(close, checkpoint=wide, decode="auto").notes == (TOO_CLOSE,)


def test_without_margins_every_picture_is_decoded(folder, checkpoint_folder):
    auto = list(assess([folder], checkpoint=checkpoint_folder, decode="auto"))
    assert auto == list(assess([folder], checkpoint=checkpoint_folder))


def test_a_preview_that_seems_to_be_no_photograph_is_not_judged(with_margins):
    even = heic(Image.new("RGB", SIZE, (128,) * 3))
    auto = assess_photo(even, checkpoint=with_margins, decode="auto")
    assert auto.status == "uncertain"
    assert auto == assess_photo(even, checkpoint=with_margins)


def test_a_cache_keeps_the_modes_apart(with_margins):
    assert len({Auditor.load(with_margins, decode=mode).context for mode in ("auto", "scaled", "thumbnail")}) == 3


def test_the_file_is_the_same_bytes_for_any_number_of_jobs(folder, with_margins, tmp_path, monkeypatch):
    tables = []
    for jobs in (1, 3):
        path = tmp_path / f"{jobs}.csv"
        options = ["--checkpoint", str(with_margins), "--decode", "auto", "--no-cache", "--jobs", str(jobs)]
        monkeypatch.setattr(sys, "argv", ["iqa", "assess", str(folder), *options, "--csv", str(path), "--lang", "zh"])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 0
        tables.append(path.read_bytes())
    assert tables[0] == tables[1]
    notes = [row["note"] for row in csv.DictReader(io.StringIO(tables[0].decode("utf-8-sig")))]
    assert notes[0] == "根据相机的 160 x 120 预览图评判，它与照片的 3 块（共 12 块）一致"
    assert notes[3] == "根据相机预览图难以判定，已解码照片本身"
    assert notes[4] == "相机预览图与照片看起来不同，未使用"
