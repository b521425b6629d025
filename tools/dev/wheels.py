"""Text files of a wheel on the package index, fetched without the binaries that make a wheel large.

pip resolves and transfers, so its configuration (index, certificates, proxy) applies. These classes of pip are not
part of its interface: a new pip may need a change here.
"""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Iterator

from pip._internal.commands.download import DownloadCommand
from pip._internal.exceptions import NetworkConnectionError
from pip._internal.index.package_finder import PackageFinder
from pip._internal.models.link import Link
from pip._internal.network.lazy_wheel import HTTPRangeRequestUnsupported, LazyZipOverHTTP
from pip._internal.network.session import PipSession
from pip._vendor.packaging.specifiers import SpecifierSet

_GAP = 300_000
"""Bytes between two files up to which one request fetches both."""


class NoWheelError(Exception):
    """The index has no wheel of a version, or there is no index."""


UNREACHABLE = (NoWheelError, OSError, NetworkConnectionError, HTTPRangeRequestUnsupported)
"""What is raised without an index, or with one that does not serve parts of files."""


class Index:
    """The package index that pip is configured to use."""

    def __init__(self, session: PipSession, finder: PackageFinder) -> None:
        self._session = session
        self._finder = finder

    def releases(self, project: str, first: str) -> list[str]:
        """Return the final versions of a project from a first one on that have a wheel, oldest first."""
        candidates = self._finder.find_all_candidates(project)
        found = {item.version for item in candidates if not item.version.is_prerelease and not item.link.is_yanked}
        return [str(version) for version in sorted(found) if SpecifierSet(f">={first}").contains(str(version))]

    def wheel(self, project: str, version: str) -> Link:
        """Return the link to the wheel that pip would install.

        Raises:
            NoWheelError: there is no such wheel.
        """
        best = self._finder.find_best_candidate(project, SpecifierSet(f"=={version}")).best_candidate
        if best is None:
            raise NoWheelError(f"no wheel of {project} {version} for this platform and Python")
        return best.link

    def sources(self, wheel: Link, package: str, suffix: str = ".py") -> dict[str, bytes]:
        """Return the files of a package in a wheel with an ending, by path."""
        remote = LazyZipOverHTTP(wheel.url_without_fragment, self._session)
        with zipfile.ZipFile(remote) as archive:
            files = [
                item
                for item in archive.infolist()
                if item.filename.startswith(f"{package}/") and item.filename.endswith(suffix)
            ]
            for start, end in _spans(files):
                remote._download(start, min(end, remote._length - 1))
            return {item.filename: archive.read(item) for item in files}


@contextlib.contextmanager
def index() -> Iterator[Index]:
    """Open the package index."""
    command = DownloadCommand("download", "")
    options, _ = command.parse_args(["--only-binary=:all:", "--retries=1", "."])
    with command.main_context():
        session = command.get_default_session(options)
        yield Index(session, command._build_package_finder(options, session))


def _spans(files: list[zipfile.ZipInfo]) -> list[tuple[int, int]]:
    """Return the byte ranges that hold the files, neighbours joined."""
    spans: list[tuple[int, int]] = []
    for item in sorted(files, key=lambda item: item.header_offset):
        # 30 bytes and the name begin an entry; an extra field of a few bytes may follow.
        start, end = item.header_offset, item.header_offset + item.compress_size + len(item.filename) + 100
        if spans and start - spans[-1][1] < _GAP:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    return spans
