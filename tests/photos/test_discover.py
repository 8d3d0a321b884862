import os
import random
import sys
import tracemalloc
from pathlib import Path

import pytest
from tree import make

from iqa_cli.errors import ExitCode, InvalidInput
from iqa_cli.photos import discover as module
from iqa_cli.photos.discover import BLOCK, SUFFIXES, discover

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX names and links")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*paths: str | Path) -> list[str]:
    return [photo.source_file for photo in discover(paths).photos]


def test_a_folder_is_walked_to_the_bottom_and_sorted_by_bytes() -> None:
    make("DCIM/b.jpg", "DCIM/100/z.JPG", "DCIM/100/a.heic", "DCIM/B.png", "DCIM/é.jpg", "DCIM/100-x/q.webp")
    found = names("DCIM")
    assert found == sorted(found, key=os.fsencode)
    assert found == [
        "DCIM/100-x/q.webp", "DCIM/100/a.heic", "DCIM/100/z.JPG", "DCIM/B.png", "DCIM/b.jpg", "DCIM/é.jpg",
    ]  # fmt: skip


def test_names_continue_the_path_as_it_was_given() -> None:
    make("DCIM/1/a.jpg")
    assert names("DCIM") == ["DCIM/1/a.jpg"]
    assert names("DCIM/") == ["DCIM/1/a.jpg"]
    assert names("./DCIM") == ["./DCIM/1/a.jpg"]
    assert names(".") == ["./DCIM/1/a.jpg"]
    assert names(Path("DCIM")) == ["DCIM/1/a.jpg"]


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
def test_every_photo_suffix_counts_in_any_case(suffix: str) -> None:
    make(f"d/a{suffix}", f"d/b{suffix.upper()}")
    assert len(names("d")) == 2


def test_other_files_count_only_when_named() -> None:
    make("d/a.mov", "d/b.txt", "d/jpg")
    assert names("d") == []
    assert names("d/b.txt", "d/jpg") == ["d/b.txt", "d/jpg"]


def test_other_files_are_counted_by_kind() -> None:
    make("d/a.mov", "d/e/b.MOV", "d/c.psd", "d/README", "d/photo.jpg", "d/.DS_Store")
    assert dict(discover(["d"]).left_out.kinds) == {".mov": 2, ".psd": 1, "": 1}


def test_hidden_and_system_names_count_only_when_named() -> None:
    hidden = ["d/.thumbnails/1.jpg", "d/._a.jpg", "d/.trashed-17-a.jpg", "d/@eaDir/a.jpg", "d/#recycle/a.jpg"]
    make("d/a.jpg", *hidden)
    assert names("d") == ["d/a.jpg"]
    assert names("d/.thumbnails", "d/._a.jpg") == ["d/._a.jpg", "d/.thumbnails/1.jpg"]


def test_a_photo_is_found_once_however_often_it_is_given() -> None:
    make("d/e/a.jpg", "d/b.jpg")
    assert names("d", "d/e", "d/e/a.jpg", "./d", "d/../d/b.jpg") == ["d/b.jpg", "d/e/a.jpg"]


def test_a_link_beside_its_target_is_the_same_photo_and_the_real_name_stays() -> None:
    make("d/z/real.jpg")
    Path("d/a.jpg").symlink_to("z/real.jpg")
    Path("d/album").symlink_to("z", target_is_directory=True)
    assert names("d") == ["d/z/real.jpg"]


def test_links_that_lead_outside_are_followed() -> None:
    make("elsewhere/deep/a.jpg", "d/b.jpg", "single.jpg")
    Path("d/album").symlink_to("../elsewhere", target_is_directory=True)
    Path("d/one.jpg").symlink_to("../single.jpg")
    assert names("d") == ["d/album/deep/a.jpg", "d/b.jpg", "d/one.jpg"]


def test_link_loops_are_cut() -> None:
    make("d/e/a.jpg")
    Path("d/e/up").symlink_to("..", target_is_directory=True)
    Path("d/self.jpg").symlink_to("self.jpg")
    assert names("d") == ["d/e/a.jpg", "d/self.jpg"]  # the second is listed: reading it says what is wrong


def test_a_dangling_link_is_listed() -> None:
    make("d/a.jpg")
    Path("d/gone.jpg").symlink_to("nowhere.jpg")
    assert names("d") == ["d/a.jpg", "d/gone.jpg"]


def test_hard_links_are_photos_of_their_own() -> None:
    make("d/a.jpg")
    os.link("d/a.jpg", "d/b.jpg")
    assert names("d") == ["d/a.jpg", "d/b.jpg"]


def test_every_missing_path_is_named_at_once() -> None:
    make("there.jpg")
    Path("dangling.jpg").symlink_to("nowhere")
    with pytest.raises(InvalidInput) as caught:
        discover(["nope.jpg", "there.jpg", "DICM", "dangling.jpg"])
    assert caught.value.exit_code == ExitCode.INVALID_INPUT
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["nope.jpg", "DICM", "dangling.jpg"]
    assert caught.value.hint


def test_a_name_with_a_nul_is_a_missing_path() -> None:
    with pytest.raises(InvalidInput):
        discover(["a\0b.jpg"])


def test_a_single_string_is_not_taken_for_a_list_of_letters() -> None:
    with pytest.raises(TypeError, match="list of paths"):
        discover("DCIM")


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may list everything")
def test_a_folder_that_may_not_be_listed_is_reported() -> None:
    make("d/a.jpg", "d/closed/b.jpg")
    Path("d/closed").chmod(0)
    try:
        found = discover(["d"])
    finally:
        Path("d/closed").chmod(0o755)
    assert [photo.source_file for photo in found.photos] == ["d/a.jpg"]
    assert found.skipped == (("d/closed", "permission denied"),)


def test_a_folder_that_fails_while_it_is_listed_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    make("d/a.jpg", "d/closed/b.jpg")
    real = os.scandir

    def failing(path: str) -> object:
        if path.endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", failing)
    found = discover(["d"])
    assert [photo.source_file for photo in found.photos] == ["d/a.jpg"]
    assert found.skipped == (("d/closed", "permission denied"),)


def test_names_that_are_not_utf8_are_shown_with_escapes() -> None:
    Path("d").mkdir()
    raw = b"d/caf\xe9 \xff.jpg"
    try:
        os.close(os.open(raw, os.O_CREAT))
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    (photo,) = discover(["d"]).photos
    assert photo.source_file == "d/caf\\xe9 \\xff.jpg"
    assert os.fsencode(photo.path) == raw
    photo.source_file.encode("utf-8")


def test_only_undecodable_bytes_are_changed_in_a_name() -> None:
    odd = ["d/a\nb.jpg", 'd/a"b,c.jpg', "d/=1+1.jpg", "d/[red].jpg", "d/照片.jpg", "d/\u202e.jpg"]
    make(*odd)
    assert names("d") == sorted(odd, key=os.fsencode)


def test_photos_of_a_folder_give_way_to_those_of_folders_that_come_between() -> None:
    make("d/a.jpg", "d/a/b.jpg", "d/a/b/c.jpg", "d/a/d.jpg", "d/a-.jpg", "d/a-/b.jpg", "d/b.jpg", "e.jpg", "d-.jpg")
    assert names("d", "e.jpg", "d-.jpg") == [
        "d-.jpg", "d/a-.jpg", "d/a-/b.jpg", "d/a.jpg", "d/a/b.jpg", "d/a/b/c.jpg", "d/a/d.jpg", "d/b.jpg", "e.jpg",
    ]  # fmt: skip


def test_photos_are_a_sequence_that_may_be_gone_through_again() -> None:
    make(*(f"d/{number:04}.jpg" for number in range(2 * BLOCK + 1)))
    photos = discover(["d"]).photos
    refs = list(photos)
    assert [ref.source_file for ref in refs] == [f"d/{number:04}.jpg" for number in range(2 * BLOCK + 1)]
    assert len(photos) == len(refs)
    assert list(photos) == refs
    assert [photos[number] for number in range(-len(refs), len(refs))] == refs + refs
    assert photos[BLOCK - 1 : BLOCK + 1] == tuple(refs[BLOCK - 1 : BLOCK + 1])
    assert photos[::-BLOCK] == tuple(refs[::-BLOCK])
    with pytest.raises(IndexError):
        photos[len(refs)]
    assert photos == discover(["d"]).photos


def test_nothing_found_is_an_empty_sequence() -> None:
    Path("d").mkdir()
    photos = discover(["d"]).photos
    assert (len(photos), list(photos), bool(photos)) == (0, [], False)


@pytest.mark.parametrize("seed", range(40))
def test_random_trees_give_what_a_plain_walk_and_sorting_give(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 3)
    chance = random.Random(seed)  # noqa: S311 - no secret
    arguments = _make_tree(chance)
    expected = _plain_walk(arguments)
    photos = discover(arguments).photos
    assert [photo.source_file for photo in photos] == sorted(expected.values(), key=lambda shown: shown.encode())
    assert {os.path.realpath(photo.path): photo.source_file for photo in photos} == expected
    assert [photos[number] for number in range(len(photos))] == list(photos)


def _make_tree(chance: random.Random) -> list[str]:
    """Folders, photos and links with names that are easily sorted wrong; gives paths into it, some twice."""
    shared = [
        "a",
        "a-",
        "a.jpg",
        "aa",
        "A.JPG",
        "é.jpg",
        "照.jpg",
        "\U0001f600.jpg",
        "\uffee.jpg",
        "\\xff.jpg",
        "\\xff",
    ]
    if sys.platform == "linux":  # elsewhere file systems take UTF-8 names only
        shared += [os.fsdecode(b"\xff.jpg"), os.fsdecode(b"\xff")]
    folders, everything = ["t"], ["t"]
    Path("t").mkdir()
    for _ in range(70):
        path = f"{chance.choice(folders)}/{chance.choice(shared)}"
        if os.path.lexists(path):
            continue
        kind = chance.choice(["folder", "photo", "photo", "photo", "link"])
        if kind == "folder":
            Path(path).mkdir()
            folders.append(path)
        elif kind == "photo":
            Path(path).touch()
        else:
            target = chance.choice([*everything, path, "nowhere.jpg"])
            Path(path).symlink_to(os.path.relpath(target, Path(path).parent))
        everything.append(path)
    given = [path for path in chance.choices(everything, k=4) if Path(path).exists()]
    return [*given, *chance.sample(["t", "./t", "t/", f"../{Path.cwd().name}/t", str(Path.cwd())], 2)]


def _plain_walk(arguments: list[str]) -> dict[str, str]:
    """Names as shown by resolved path, by keeping everything that was seen."""
    found: dict[str, str] = {}
    walked: set[str] = set()
    links: list[str] = []

    def visit(path: str, *, is_named: bool) -> None:
        if Path(path).is_dir():
            if os.path.realpath(path) not in walked:
                walked.add(os.path.realpath(path))
                for entry in Path(path).iterdir():
                    below = path + entry.name if path.endswith("/") else f"{path}/{entry.name}"
                    if entry.is_symlink():
                        links.append(below)
                    else:
                        visit(below, is_named=False)
        elif is_named or path.lower().endswith(".jpg"):
            found.setdefault(os.path.realpath(path), module.as_utf8(path))

    for path in arguments:
        visit(path, is_named=True)
    while links:
        following, links = sorted(links, key=os.fsencode), []
        for path in following:
            visit(path, is_named=False)
    return found


def test_memory_of_a_photo_is_a_part_of_its_name() -> None:
    make(*(f"DCIM/{number // 500:03}_PANA/IMG_20240714_{number:06}.jpg" for number in range(5000)))
    discover(["DCIM/000_PANA"])  # what is made once, whatever is found
    kept, extra = [], []
    for _ in range(3):  # what other threads of the process take is counted too, so the least is the truth
        tracemalloc.start()
        try:
            photos = discover(["DCIM"]).photos
            before, _ = tracemalloc.get_traced_memory()
            tracemalloc.reset_peak()
            for _ in photos:
                pass
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        kept.append(before)
        extra.append(peak - before)
    assert min(kept) / len(photos) < 10
    assert min(extra) < 500 * BLOCK  # one block of paths, and the photo in hand


def test_many_files_are_found_without_opening_them(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("d").mkdir()
    for number in range(3000):
        os.close(os.open(f"d/{number:05}.jpg", os.O_CREAT))
    monkeypatch.setattr(os, "stat", _refuse_after(os.stat, calls=50))
    assert len(names("d")) == 3000


def _refuse_after(real: object, calls: int) -> object:
    """A stat that fails when it is called for every file instead of every folder."""
    left = [calls]

    def stat(*args: object, **kwargs: object) -> object:
        left[0] -= 1
        assert left[0] > 0, "stat is called per file"
        return real(*args, **kwargs)  # type: ignore[operator]

    return stat
