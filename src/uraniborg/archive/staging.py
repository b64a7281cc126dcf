"""A scratch folder inside a repository's datastore, from which finished files are renamed to their places.

A file that is copied straight to its place leaves a half-written neighbour behind when the process is killed; one
that is renamed does not. A lock tells folders of killed processes, which the next user removes, from those in use.
"""

from __future__ import annotations

import fcntl
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lsst.daf.butler import Butler

__all__ = ("staging_folder",)

_FOLDER = ".staging"
_LOCK = "lock"


@contextmanager
def staging_folder(butler: Butler) -> Iterator[Path | None]:
    """Give a new folder on the file system of the datastore; it is removed at the end.

    Parameters
    ----------
    butler : lsst.daf.butler.Butler
        Repository, open for writing.

    Yields
    ------
    pathlib.Path or None
        None if the datastore is not one local folder.
    """
    roots = [root for root in butler.get_datastore_roots().values() if root is not None]
    if len(roots) != 1 or not roots[0].isLocal:
        yield None
        return
    parent = Path(roots[0].ospath) / _FOLDER
    parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(parent)
    folder = parent / uuid.uuid4().hex
    folder.mkdir()
    try:
        with (folder / _LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if not any(parent.iterdir()):
            parent.rmdir()


def _remove_abandoned(parent: Path) -> None:
    """Remove folders whose lock nobody holds; those without a lock are being made or removed right now."""
    for folder in parent.iterdir():
        try:
            with (folder / _LOCK).open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
        except (BlockingIOError, FileNotFoundError):
            continue
