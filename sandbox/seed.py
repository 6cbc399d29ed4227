"""The seed: what a workspace starts with. Checked before anything is built, so that a slip is one clear line."""

from __future__ import annotations

from typing import Any

from sandbox.workspace import Workspace

DEFAULT_SEED: dict[str, Any] = {
    "team": {"id": "T0LOCAL", "name": "Local", "domain": "local"},
    "app": {
        "id": "A0APP",
        "name": "App",
        "bot_user": "U0BOT",
        "bot_id": "B0APP",
        "bot_token": "xoxb-sandbox",
        "app_token": "xapp-sandbox",
        "signing_secret": "sandbox-signing-secret",
        "commands": ["/app"],
        "request_url": None,
    },
    "users": [{"id": "U0ANNA", "name": "anna", "real_name": "Anna Berg", "tz": "Europe/Berlin"}],
    "channels": [{"id": "C0GENERAL", "name": "general", "members": ["U0ANNA", "U0BOT"]}],
}

_REQUIRED: dict[str, dict[str, type]] = {
    "team": {"id": str, "name": str, "domain": str},
    "app": {
        "id": str,
        "name": str,
        "bot_user": str,
        "bot_id": str,
        "bot_token": str,
        "app_token": str,
        "signing_secret": str,
    },
    "users": {"id": str, "name": str},
    "channels": {"id": str, "name": str},
    "usergroups": {"id": str, "handle": str, "users": list},
}


class SeedError(ValueError):
    """The seed cannot make a workspace; the text says where and what to do."""


def check(seed: Any) -> None:
    """Raises `SeedError` at the first thing wrong."""
    if not isinstance(seed, dict):
        raise SeedError("the seed must be a JSON object with team, app, users and channels")
    for part in ("team", "app"):
        if not isinstance(seed.get(part), dict):
            raise SeedError(f"{part}: missing; give an object with {', '.join(_REQUIRED[part])}")
        _check_entry(part, seed[part], _REQUIRED[part])
    for part in ("users", "channels", "usergroups"):
        entries = seed.get(part, [])
        if not isinstance(entries, list) or (part != "usergroups" and not entries):
            raise SeedError(f"{part}: must be a list with at least one entry")
        for number, entry in enumerate(entries):
            _check_entry(f"{part}[{number}]", entry, _REQUIRED[part])
        ids = [entry["id"] for entry in entries]
        if twice := next((ident for ident in ids if ids.count(ident) > 1), None):
            raise SeedError(f"{part}: the id {twice} occurs twice")
    _check_people(seed)


def _check_entry(where: str, entry: Any, required: dict[str, type]) -> None:
    if not isinstance(entry, dict):
        raise SeedError(f"{where}: must be an object")
    for name, kind in required.items():
        if not isinstance(entry.get(name), kind):
            raise SeedError(f"{where}.{name}: missing or not a {'text' if kind is str else 'list'}")


def _check_people(seed: dict[str, Any]) -> None:
    known = {user["id"] for user in seed["users"]} | {seed["app"]["bot_user"]}
    named: list[tuple[str, Any]] = []
    for channel in seed["channels"]:
        where = f"channels[{channel['id']}]"
        named += [(f"{where}.members", user) for user in channel.get("members", [])]
        for entry in channel.get("history", []):
            for message in (entry, *entry.get("thread", [])):
                if not isinstance(message.get("text"), str):
                    raise SeedError(f"{where}.history: every message needs user and text")
                named.append((f"{where}.history", message.get("user")))
    for group in seed.get("usergroups", []):
        named += [(f"usergroups[{group['id']}].users", user) for user in group["users"]]
    for where, user in named:
        if user not in known:
            raise SeedError(f"{where}: there is no user {user}; add them to users")


def write_history(workspace: Workspace, seed: dict[str, Any]) -> None:
    """Write the seeded messages at the times they claim, oldest first, so that `ts` grows."""
    now = workspace.now()
    planned: list[tuple[float, str, dict[str, Any], dict[str, Any] | None]] = []
    for channel in seed["channels"]:
        for entry in channel.get("history", []):
            at = now - 60 * entry.get("minutes_ago", 0)
            planned.append((at, channel["id"], entry, None))
            for reply in entry.get("thread", []):
                replied = now - 60 * reply.get("minutes_ago", entry.get("minutes_ago", 0))
                planned.append((max(at, replied), channel["id"], reply, entry))
    written: dict[int, str] = {}
    for at, channel_id, entry, root in sorted(planned, key=lambda plan: plan[0]):
        message = workspace.post(
            workspace.channels[channel_id],
            workspace.author(entry["user"]),
            entry["text"],
            thread_ts=written[id(root)] if root else None,
            at=at,
        )
        written[id(entry)] = message["ts"]
