"""The recipe of the container image: read, and what of it needs no container carried out here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

_OURS = re.compile(r"(?<![\w./=-])/(?=(build|src|dist|opt)\b)")
"""Where the first two stages work: below a directory of a test instead of the root."""
_LONGEST_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction, with all its lines joined."""

    word: str
    text: str


@dataclass(frozen=True, slots=True)
class Stage:
    """What follows a FROM, up to the next one. The last one has no name."""

    name: str
    base: str
    instructions: tuple[Instruction, ...]

    def all(self, word: str) -> tuple[str, ...]:
        """Return the texts of one kind of instruction."""
        return tuple(item.text for item in self.instructions if item.word == word)


def stages_of(recipe: Path) -> tuple[Stage, ...]:
    """Read a Dockerfile; what is before its first FROM is left out."""
    found: list[Stage] = []
    instructions: list[Instruction] = []
    for item in _instructions(recipe.read_text()):
        if item.word == "FROM":
            instructions = []
            base, _, name = item.text.partition(" AS ")
            found.append(Stage(name, base, ()))
            continue
        instructions.append(item)
        if found:
            found[-1] = Stage(found[-1].name, found[-1].base, tuple(instructions))
    return tuple(found)


def _instructions(text: str) -> Iterator[Instruction]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        word, _, rest = line.strip().partition(" ")
        if word:
            yield Instruction(word.upper(), re.sub(r"\s+", " ", rest).strip())


@dataclass(frozen=True, slots=True)
class Context:
    """What of a checkout goes to whoever builds: what its `.dockerignore` lets through."""

    root: Path

    def patterns(self) -> tuple[str, ...]:
        """Return the lines of the file, in their order."""
        lines = (self.root / ".dockerignore").read_text().splitlines()
        return tuple(line.strip() for line in lines if line.strip() and line[0] != "#")

    def has(self, path: Path) -> bool:
        """Return whether a path of the checkout goes there: the last line that fits decides."""
        names = [str(path), *map(str, path.parents)]
        kept = True
        for pattern in self.patterns():
            wanted = pattern.removeprefix("!")
            deep = wanted.removeprefix("**/")
            fits = any(
                fnmatchcase(name, wanted)
                or (deep != wanted and fnmatchcase(name.rpartition("/")[2], deep))
                for name in names
                if name != "."
            )
            kept = pattern.startswith("!") if fits else kept
        return kept

    def copy(self, source: str, target: Path) -> None:
        """Copy a file, or what is in a folder, as COPY does."""
        origin = self.root / source
        for file in [origin] if origin.is_file() else sorted(origin.rglob("*")):
            if file.is_file() and self.has(file.relative_to(self.root)):
                place = target / (file.name if origin.is_file() else file.relative_to(origin))
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, place)


@dataclass(frozen=True, slots=True)
class Steps:
    """Carries stages out below a directory, with an interpreter in place of the image's."""

    context: Context
    directory: Path
    python: str

    def run(self, stage: Stage) -> None:
        """Do all that a stage says, in its order; a step that fails ends the test."""
        place, variables = self.directory, dict[str, str]()
        for item in stage.instructions:
            if item.word == "WORKDIR":
                place = self.directory / item.text.lstrip("/")
                place.mkdir(parents=True, exist_ok=True)
            elif item.word == "ARG":
                name, _, value = item.text.partition("=")
                variables[name] = value
            elif item.word == "COPY":
                self._copy(item.text, place)
            elif item.word == "RUN":
                self._run(item.text, place, variables)
            else:
                raise AssertionError(f"{item.word} is not carried out here")

    def _copy(self, text: str, place: Path) -> None:
        if text.startswith("--from="):
            return  # all stages share the directory
        *sources, target = text.split()
        to = self.directory / target.lstrip("/") if target.startswith("/") else place / target
        for source in sources:
            self.context.copy(source, to)

    def _run(self, text: str, place: Path, variables: Mapping[str, str]) -> None:
        here = _OURS.sub(f"{self.directory}/", text).replace(
            "python3 -m venv", f"{self.python} -m venv"
        )
        kept = {
            key: text
            for key, text in os.environ.items()
            if key not in ("PYTHONPATH", "VIRTUAL_ENV")
        }
        done = subprocess.run(
            ["/bin/sh", "-e", "-c", here],
            cwd=place, env={**kept, **variables}, capture_output=True, text=True,
            timeout=_LONGEST_SECONDS, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{here}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
