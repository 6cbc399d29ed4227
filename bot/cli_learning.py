"""The command line's learning commands: `models`, `retrain`, `feedback`. All but `models list|show|diff` need the bot
stopped."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # each command imports what it needs itself, so that the command line starts fast
    from bot.settings import Settings
    from bot.store import Store
    from model.artefact_folder import Manifest
    from model.registry import Registry


def add_to(command: Any) -> None:
    """Add the commands; `command(name, help, function)` makes one."""
    models = command(
        "models",
        "list, show or compare the model versions, or change the active one while the bot is stopped",
        _models,
    )
    actions = ["list", "show", "diff", "promote", "rollback"]
    models.add_argument("action", nargs="?", default="list", choices=actions)
    models.add_argument("version", nargs="*")
    models.add_argument("--anyway", action="store_true", help="promote what failed its release checks")
    command(
        "retrain",
        "learn from the team's corrections while the bot is stopped; exit 1 if the result is rejected",
        _retrain,
    )
    feedback = command("feedback", "write the data of the next retraining, redacted", _feedback)
    feedback.add_argument("action", choices=["export"])
    feedback.add_argument("file", type=Path, help="JSON lines: text, label, message, live")


def _models(options: argparse.Namespace) -> None:
    from bot.settings import SettingsError, load_settings
    from model.registry import Registry

    settings = load_settings(options.config)
    registry = Registry(settings.model.folder)
    wanted = {"show": 1, "promote": 1, "diff": 2}.get(options.action, 0)
    if len(options.version) != wanted:
        many = {0: "no version", 1: "one version", 2: "two versions"}[wanted]
        raise SettingsError(f"models {options.action}: takes {many} — softanswer models list shows them")
    if options.action == "show":
        print((registry.folder(options.version[0]) / "card.md").read_text(encoding="utf-8"))
        return
    if options.action == "diff":
        print("\n".join(_difference(registry, *options.version)))
        return
    if options.action in ("promote", "rollback"):
        _change_active(settings, registry, options)
    for manifest in registry.versions():
        mark = "→" if manifest.version == registry.active() else " "
        macro_f1 = manifest.metrics.get("holdout", {}).get("macro_f1")
        figure = f"macro-F1 {macro_f1:.3f}" if macro_f1 is not None else ""
        print(f"{mark} {manifest.version}  {manifest.method}  {manifest.created}  {figure}")


def _change_active(settings: Settings, registry: Registry, options: argparse.Namespace) -> None:
    """Promote or roll back. The database's lock ensures that no bot is running with this registry."""
    from bot.settings import SettingsError

    store = _store(settings)
    try:
        before = registry.active()
        if options.action == "promote":
            version = options.version[0]
            team = asyncio.run(store.records.team())
            states = asyncio.run(store.records.model_states(team))
            if states.get(version) == "rejected" and not options.anyway:
                raise SettingsError(
                    f"models promote: {version} failed its release checks — add --anyway to promote it nevertheless"
                )
            registry.promote(version)
        else:
            registry.rollback()
        what = "promoted" if options.action == "promote" else "rolled back"
        asyncio.run(_note(store, registry.active(), before, what))
    finally:
        store.database.close()


async def _note(store: Store, version: str, before: str, what: str) -> None:
    team, now = await store.records.team(), time.time()
    instead_of = before if what == "promoted" and version != before else None
    await store.records.serve_model(team, version, "the command line", what, now, instead_of=instead_of)


def _difference(registry: Registry, one: str, other: str) -> list[str]:
    """Two versions side by side: how they were trained, and their figures."""
    from model.artefact_folder import read_manifest

    pair = [read_manifest(registry.folder(version)) for version in (one, other)]
    rows: list[tuple[str, ...]] = [("", one, other)]
    rows += [
        (name, *(_field(manifest, name) for manifest in pair))
        for name in ("created", "parent", "base_model", "method")
    ]
    for name in sorted({key for manifest in pair for key in manifest.settings}):
        rows.append((name, *(str(manifest.settings.get(name, "")) for manifest in pair)))
    figures = [_figures(manifest) for manifest in pair]
    for name in dict.fromkeys([*figures[0], *figures[1]]):
        rows.append((name, *(f"{some[name]:.3f}" if name in some else "" for some in figures)))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _field(manifest: Manifest, name: str) -> str:
    return str(getattr(manifest, name) or "")


def _figures(manifest: Manifest) -> dict[str, float]:
    measured = manifest.metrics.get("holdout") or {}
    found = {name: measured[name] for name in ("macro_f1", "accuracy", "ece") if name in measured}
    found |= {f"recall of {label}": c["recall"] for label, c in measured.get("per_class", {}).items()}
    found |= {f"accuracy, {k}": s["accuracy"] for k, s in measured.get("slices", {}).get("kind", {}).items()}
    return {name: float(value) for name, value in found.items()}


def _retrain(options: argparse.Namespace) -> int:
    from bot.learning import offline
    from bot.learning.outcome import name_of
    from bot.learning.process import RunFailed
    from bot.settings import load_settings

    settings = load_settings(options.config)
    store = _store(settings)
    try:
        state, summary, done = asyncio.run(offline.retrain(settings, store, _show, time.time()))
    except RunFailed as error:
        print(f"softanswer: retrain: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped; the active version has not changed", file=sys.stderr)
        return 130
    finally:
        store.database.close()
    print()
    for check in done["verdict"]["checks"] if done else []:
        before, after, limit = (
            "" if check[which] is None else f"{check[which]:.{check['digits']}f}"
            for which in ("active", "candidate", "limit")
        )
        figures = f"{before} → {after}" if before else after
        print(f"{'ok ' if check['passed'] else 'NO '} {name_of(check):40} {figures} (limit {limit})")
    print(summary)
    return 1 if state in offline.REJECTED else 0


def _show(step: Any) -> None:
    """Print one line of progress over the previous one."""
    loss = f"  loss {step['loss']:.3f}" if step.get("loss") is not None else ""
    left = f"  about {step['eta_s']:.0f} s left" if step.get("eta_s") else ""
    print(f"\r{step['stage']:9} {step.get('progress', 0.0):4.0%}{loss}{left}".ljust(60), end="", flush=True)


def _feedback(options: argparse.Namespace) -> None:
    from bot.learning import offline
    from bot.learning.process import Snapshot
    from bot.settings import SettingsError, load_settings

    settings = load_settings(options.config)
    store = _store(settings)
    try:
        chosen = asyncio.run(offline.selection(settings, store))
    finally:
        store.database.close()
    lines = Snapshot(chosen.rows).lines()
    text = "".join(f"{line}\n" for line in lines)
    try:
        options.file.write_bytes(text.encode("utf-8", "replace"))
    except OSError as error:
        raise SettingsError(f"{options.file}: {error.strerror} — name a file that can be written") from None
    print(f"wrote {len(lines)} messages to {options.file}, {len(chosen.live)} of them in the live holdout")
    for why, count in sorted(chosen.reasons.items(), key=lambda item: -item[1]):
        print(f"excluded {count}: {why}")


def _store(settings: Settings) -> Store:
    from bot.desk import cases
    from bot.store import open_store

    return open_store(settings.database, cases.apply)
