"""The model versions of an installation: one folder each, and a pointer to the active one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from model.artefact_folder import MANIFEST, ArtefactError, Manifest, read_manifest

SHIPPED = Path(__file__).parent / "artefact" / "support-7"
"""The version folder that comes with the package."""

_POINTER = "active"
_REMEMBERED = 20


class Registry:
    """Version folders under `root`, the shipped one beside them.

    `root/active` names the active version in its first line and, below, the earlier ones; it is replaced
    atomically. An absent or empty file means the shipped version.
    """

    def __init__(self, root: Path, shipped: Path = SHIPPED) -> None:
        self._root = root
        self._shipped = shipped
        self._checked: dict[Path, tuple[object, Manifest]] = {}

    def versions(self) -> list[Manifest]:
        """The manifests of all valid versions, oldest first, the shipped one among them.

        Raises ArtefactError if the shipped version is damaged; other damaged folders are left out.
        """
        found = {self._shipped.name: self._manifest(self._shipped)}
        for folder in self._root.iterdir() if self._root.is_dir() else ():
            if not folder.is_dir() or folder.name.startswith("."):
                continue
            try:
                manifest = self._manifest(folder)
            except ArtefactError:
                continue  # without a valid manifest it does not exist
            if manifest.version == folder.name:
                found.setdefault(manifest.version, manifest)
        return sorted(found.values(), key=lambda manifest: (manifest.created, manifest.version))

    def _manifest(self, folder: Path) -> Manifest:
        """As read_manifest; unchanged files are not hashed again, because fifty megabytes take time."""
        signs = sorted(
            (f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in folder.iterdir() if f.is_file()
        )
        known = self._checked.get(folder)
        if known and known[0] == signs:
            return known[1]
        manifest = read_manifest(folder)
        self._checked[folder] = (signs, manifest)
        return manifest

    def active(self) -> str:
        """The active version; the shipped one when nothing was promoted."""
        served = self._served()
        return served[0] if served else self._shipped.name

    def served(self) -> list[str]:
        """The active version and the earlier ones, latest first; the shipped one last."""
        return list(dict.fromkeys([*self._served(), self._shipped.name]))

    def exists(self, version: str) -> bool:
        """Whether there is a folder with a manifest by that name, damaged or not."""
        return version == self._shipped.name or (self._root / version / MANIFEST).is_file()

    def previous(self) -> str | None:
        """The version that was active before, None if there was none."""
        served = self._served()
        if not served:
            return None
        return served[1] if len(served) > 1 else self._shipped.name

    def folder(self, version: str) -> Path:
        """The folder of a version. Raises ArtefactError if there is none by that name, or it is damaged."""
        if version == self._shipped.name:
            read_manifest(self._shipped)
            return self._shipped
        folder = self._root / version
        if Path(version).name != version or version.startswith(".") or not folder.is_dir():
            raise ArtefactError(
                f"{self._root}: no model version {version!r} — list them with softanswer models list"
            )
        if read_manifest(folder).version != version:
            raise ArtefactError(
                f"{folder}: its manifest names another version — rename the folder or remove it"
            )
        return folder

    def add(self, candidate: Path) -> str:
        """Check a candidate folder and move it in. Returns its version; raises ArtefactError."""
        version = read_manifest(candidate).version
        target = self._root / version
        if version == self._shipped.name or target.exists():
            raise ArtefactError(f"{target}: version {version} already exists — remove it, or train a new one")
        self._root.mkdir(parents=True, exist_ok=True)
        # A move across file systems copies, which is not atomic: it uses a name that is not listed.
        arriving = self._root / f".arriving-{version}"
        shutil.rmtree(arriving, ignore_errors=True)
        shutil.move(candidate, arriving)
        arriving.rename(target)
        return version

    def remove(self, version: str) -> None:
        """Remove a version that was never active. Raises ArtefactError if it was, or comes with the package."""
        if version == self._shipped.name or version in self._served():
            raise ArtefactError(f"{self._root}: version {version} was active — it is kept")
        folder = self.folder(version)
        leaving = self._root / f".leaving-{version}"
        folder.rename(leaving)
        shutil.rmtree(leaving)

    def promote(self, version: str) -> None:
        """Make a version active. Raises ArtefactError if it is not valid."""
        self.folder(version)
        if version != self.active():
            self._write([version, *self._served()])

    def rollback(self) -> str:
        """Make the previous version active again and return it. Raises ArtefactError if there is none."""
        previous = self.previous()
        if previous is None:
            raise ArtefactError(
                f"{self._root}: no version was active before {self.active()}, nothing to roll back to"
            )
        self.folder(previous)
        self._write(self._served()[1:])
        return previous

    def fall_back(self, version: str) -> None:
        """Make one of `served` active again, and drop the versions after it. Raises ArtefactError if it is not valid."""
        self.folder(version)
        served = self._served()
        self._write(served[served.index(version) :] if version in served else [])

    def _served(self) -> list[str]:
        """The promoted versions, latest first."""
        try:
            lines = (self._root / _POINTER).read_text(encoding="utf-8").split()
        except FileNotFoundError:
            return []
        return lines

    def _write(self, served: list[str]) -> None:
        self._root.mkdir(parents=True, exist_ok=True)
        temporary = self._root / f".{_POINTER}.part"
        with temporary.open("w", encoding="utf-8") as file:
            file.writelines(f"{version}\n" for version in served[:_REMEMBERED])
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._root / _POINTER)
