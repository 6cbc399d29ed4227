"""Writes the example settings, which come with the package, into a folder."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from bot.settings import SettingsError

FILES = ("softanswer.yaml", "templates.yaml", "slack-manifest.yaml")


def text(name: str) -> str:
    return files("softanswer_config").joinpath(name).read_text(encoding="utf-8")


def write(folder: Path) -> list[Path]:
    """Write the three files into `folder`. If one exists already, raises SettingsError and writes nothing."""
    targets = [folder / name for name in FILES]
    for target in targets:
        if target.exists():
            raise SettingsError(f"{target}: already exists — remove it, or name another folder with --config")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for target in targets:
            target.write_text(text(target.name), encoding="utf-8")
    except OSError as error:
        raise SettingsError(
            f"{folder}: cannot be written ({error.strerror}) — name a folder you may write"
        ) from None
    return targets
