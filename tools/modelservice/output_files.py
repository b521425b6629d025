"""Sets of generated files that change as one: all of them or none, also when the program is interrupted.

A directory of generated files has a marker, a file that lists what is in it by owner. Files of the same owner that are
not generated any more are removed; files that the marker does not list are never touched.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType

from modelservice.errors import ModelserviceError, UsageError

if os.name == "posix":
    import fcntl

MARKER = ".modelservice-files.json"
"""Name of the marker. Argo CD, Flux and ``kubectl apply -f`` do not read files that begin with a dot."""

_SCRATCH = ".modelservice-writing-"

_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT") if hasattr(signal, name)]


def write_directory(directory: Path, texts: Mapping[str, str], owner: str) -> list[str]:
    """Make files the only ones of their owner in a directory.

    Args:
        directory: the directory, created if missing.
        texts: content by file name.
        owner: whose files they are, e.g. a release; several owners can share a directory.

    Returns:
        Names of the files that were removed.

    Raises:
        UsageError: the directory cannot be written; nothing has changed then.
        ModelserviceError: the marker is damaged, or another owner has a file of the same name with other content.
    """
    marker = directory / MARKER
    with _reported(directory):
        directory.mkdir(parents=True, exist_ok=True)
        with _locked(directory), _uninterrupted():
            for abandoned in directory.glob(f"{_SCRATCH}*"):  # of a program that was killed
                shutil.rmtree(abandoned)
            owners = _read_marker(marker)
            others = {name: files for name, files in owners.items() if name != owner}
            _reject_other_files(directory, texts, others)
            kept = {*texts, *(name for files in others.values() for name in files)}
            stale = [name for name in owners.get(owner, ()) if name not in kept and (directory / name).is_file()]
            # Until everything is done the marker lists both the old and the new files, so that none is ever lost.
            _replace({marker: _marker({**others, owner: [*owners.get(owner, ()), *texts]})}, [])
            try:
                _replace({directory / name: text for name, text in texts.items()}, [directory / name for name in stale])
            except OSError:
                _replace({marker: _marker(owners)} if owners else {}, [] if owners else [marker])
                raise
            _replace({marker: _marker({**others, owner: list(texts)})}, [])
    return stale


def write_files(texts: Mapping[Path, str]) -> None:
    """Write files, all of them or, on failure, none.

    Raises:
        UsageError: a file cannot be written.
    """
    parents = sorted({path.parent for path in texts})
    with contextlib.ExitStack() as locks:
        for parent in parents:
            with _reported(parent):
                parent.mkdir(parents=True, exist_ok=True)
                locks.enter_context(_locked(parent))
        with _reported(next(iter(texts), Path())), _uninterrupted():
            _replace(texts, [])


@contextlib.contextmanager
def _reported(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = error.filename if isinstance(error.filename, str) and error.filename else path
        raise UsageError(f"cannot be written: {error.strerror}", file=str(where)) from None


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Wait until no other program writes to the directory. The lock goes with the process that holds it."""
    if os.name != "posix":
        yield
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _read_marker(marker: Path) -> dict[str, list[str]]:
    """Return the file names by owner."""
    try:
        owners = json.loads(marker.read_text(encoding="utf-8"))["files"]
        for files in owners.values():
            if any(Path(name).name != name or name == MARKER for name in files):
                raise ValueError("a file is not in the directory")
    except FileNotFoundError:
        return {}
    except (ValueError, LookupError, TypeError, AttributeError):
        raise ModelserviceError(
            "damaged, so it is not known which files to remove", file=str(marker), fix="remove it, and generated files"
        ) from None
    return dict(owners)


def _marker(owners: Mapping[str, Sequence[str]]) -> str:
    return json.dumps({"files": {name: sorted(set(files)) for name, files in sorted(owners.items())}}, indent=2) + "\n"


def _reject_other_files(directory: Path, texts: Mapping[str, str], others: Mapping[str, Sequence[str]]) -> None:
    """Reject a file that another owner has with other content."""
    for name, files in others.items():
        for file in sorted(texts.keys() & set(files)):
            path = directory / file
            if path.is_file() and path.read_text(encoding="utf-8") != texts[file]:
                raise ModelserviceError(
                    f"belongs to {name}, where it has other content", file=str(path), fix="use a directory for each"
                )


def _replace(texts: Mapping[Path, str], stale: Sequence[Path]) -> None:
    """Write files and remove others. Everything that can fail comes before the first change; a change that fails
    nevertheless is undone."""
    with contextlib.ExitStack() as scratch:
        folders: dict[Path, Path] = {}
        for parent in {path.parent for path in (*texts, *stale)}:
            made = tempfile.TemporaryDirectory(dir=parent, prefix=_SCRATCH)
            folders[parent] = Path(scratch.enter_context(made))
        for path, text in texts.items():
            if path.is_dir() and not path.is_symlink():
                raise IsADirectoryError(21, "Is a directory", str(path))
            new = _scratch(folders, path, "new")
            new.write_text(text, encoding="utf-8", newline="")
            if path.exists():
                new.chmod(path.stat().st_mode & 0o777)
        before: dict[Path, Path] = {}
        for path in (*texts, *stale):
            if path.exists() or path.is_symlink():
                before[path] = Path(shutil.copy2(path, _scratch(folders, path, "old"), follow_symlinks=False))
        changed: list[Path] = []
        try:
            for path in texts:
                changed.append(path)
                _scratch(folders, path, "new").replace(path)
            for path in stale:
                changed.append(path)
                path.unlink()
        except OSError:
            for path in changed:
                with contextlib.suppress(OSError):
                    before[path].replace(path) if path in before else path.unlink()
            raise


def _scratch(folders: Mapping[Path, Path], path: Path, which: str) -> Path:
    folder = folders[path.parent] / which
    folder.mkdir(exist_ok=True)
    return folder / path.name


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let signals that end the program wait for the end of the block. Only the main thread can do that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    waiting: list[int] = []

    def later(number: int, _: FrameType | None) -> None:
        waiting.append(number)

    previous = {number: signal.signal(number, later) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        for number in waiting[:1]:
            signal.raise_signal(number)
