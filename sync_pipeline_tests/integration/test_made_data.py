"""What a server begins with is made once a run, is the same in each copy, and no half of it is."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from workbench.servers.made_data import PLACE, kept_in, make_data


def test_each_kind_is_made_once_and_copied_with_its_modes(tmp_path: Path) -> None:
    made: list[str] = []

    def data(name: str, kind: str) -> Path:
        directory = tmp_path / name

        def make() -> None:
            made.append(kind)
            directory.mkdir(mode=0o700)
            (directory / "file").write_bytes(kind.encode() + bytes(2**20))
            (directory / "file").chmod(0o640)
            (directory / "link").symlink_to("file")

        make_data(directory, kind, make)
        return directory

    with kept_in(tmp_path / "made"):
        first, second, other = data("first", "a"), data("second", "a"), data("other", "b")
        assert made == ["a", "b"]
        (first / "file").write_text("changed by its server")
        third = data("third", "a")
    for copy, kind in ((second, b"a"), (third, b"a"), (other, b"b")):
        assert (copy / "link").read_bytes() == kind + bytes(2**20)
        assert (copy / "link").is_symlink()
        assert copy.stat().st_mode & 0o777 == 0o700
        assert (copy / "file").stat().st_mode & 0o777 == 0o640
    assert made == ["a", "b"]


def test_what_failed_is_made_anew(tmp_path: Path) -> None:
    directory = tmp_path / "data"

    def make(*, fails: bool = False) -> None:
        directory.mkdir(exist_ok=True)
        (directory / "half").touch()
        if fails:
            raise RuntimeError("the disk is full")
        (directory / "whole").touch()

    with kept_in(tmp_path / "made"):
        with pytest.raises(RuntimeError):
            make_data(directory, "kind", lambda: make(fails=True))
        make_data(directory, "kind", make)
        make_data(tmp_path / "copy", "kind", lambda: pytest.fail("it is there"))
    assert {path.name for path in (tmp_path / "copy").iterdir()} == {"half", "whole"}


def test_elsewhere_all_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PLACE)
    made: list[int] = []
    for number in range(2):
        make_data(tmp_path / str(number), "kind", partial(made.append, number))
    assert made == [0, 1]
