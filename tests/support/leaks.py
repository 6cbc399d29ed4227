"""Reads every Web API call the bot made, and says what of it a customer could read and must not: the one checker for all tests."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from bot.demo.workspace import TRIAGE
from sandbox.server import Sandbox

INTERNAL = re.compile(
    r"negative|neutral|positive|confiden|\d ?% |\b0\.\d\d|unhappy|flag|triage|draft|score|\bcase\b|support-\d|model|reads? along",
    re.IGNORECASE,
)
"""Words of the team's side: labels, scores, cases, drafts, versions. Agents' names are added from the workspace."""
ALLOWED = re.compile(
    r'"(type|event_type|positive_button|negative_button|style)"|softanswer_action|"(message|action)": \d+'
)
"""The words that Block Kit itself uses, and the ids that buttons and metadata hold."""
WRITES = ("chat.", "files.", "views.", "reactions.")
PLACE = {"channel", "channels", "channel_id", "user", "user_id", "ts", "thread_ts", "message_ts", "token"}
"""Arguments that say where; nobody reads them. (The Home's and the modal's words are all in `view`.)"""

Call = Mapping[str, Any]


def leaks(sandbox: Sandbox) -> list[str]:
    """Every call that put, or tried to put, something internal where a customer reads; one line each."""
    internal = _internal(sandbox)
    found = []
    for call in shown_to_customers(sandbox):
        words = words_of(call)
        if slip := internal.search(words):
            found.append(f"{call['method']} shows {slip.group()!r}: {words[:300]}")
    return found + _leaked_files(sandbox, internal)


def shown_to_customers(sandbox: Sandbox) -> list[Call]:
    """The calls that write where a customer reads: channels other than the triage channel, words to them alone, their views."""
    calls = [call for call in list(sandbox.calls) if call["method"].startswith(WRITES)]
    return [call for call in calls if _readers(sandbox, call) - _team(sandbox)]


def words_of(call: Call) -> str:
    """All that a call says, as JSON text without what is Block Kit's own."""
    said = {name: _unpacked(value) for name, value in call["args"].items() if name not in PLACE}
    return ALLOWED.sub("", json.dumps(said, ensure_ascii=False))


def _unpacked(value: Any) -> Any:
    """Blocks, views and values of buttons come as JSON inside strings, some twice."""
    if isinstance(value, str) and value[:1] in "[{":
        try:
            return _unpacked(json.loads(value))
        except ValueError:
            return value
    if isinstance(value, dict):
        return {key: _unpacked(inner) for key, inner in value.items()}
    return [_unpacked(inner) for inner in value] if isinstance(value, list) else value


def _readers(sandbox: Sandbox, call: Call) -> set[str]:
    """Who can read what a call writes. A channel that nobody knows counts as read by somebody."""
    args, views = call["args"], sandbox.place.views
    if call["method"] == "chat.postEphemeral":
        return {str(args.get("user"))}
    if call["method"] == "views.publish":
        return {str(args.get("user_id"))}
    if call["method"].startswith("views."):
        reader = views.pulled_by(str(args.get("trigger_id"))) or views.reader(str(args.get("view_id")))
        return {reader} if reader else set()  # refused, or closed by now
    named = [args.get("channel"), args.get("channel_id"), *str(args.get("channels") or "").split(",")]
    return {reader for name in named if name for reader in _members(sandbox, str(name))}


def _members(sandbox: Sandbox, name: str) -> Iterable[str]:
    channels = sandbox.place.workspace.channels
    if name in sandbox.place.workspace.users:
        return {name}
    return channels[name].members if name in channels else {"somebody"}


def _team(sandbox: Sandbox) -> set[str]:
    return {*sandbox.place.workspace.channels[TRIAGE].members, sandbox.place.workspace.bot_user}


def _internal(sandbox: Sandbox) -> re.Pattern[str]:
    """`INTERNAL`, and everything that names a person of the team."""
    workspace = sandbox.place.workspace
    names: set[str] = set()
    for user in _team(sandbox) - {workspace.bot_user}:
        person = workspace.users[user]
        names |= {user, str(person["name"]), *str(person.get("real_name") or "").split()}
    return re.compile(
        "|".join([INTERNAL.pattern, *(rf"\b{re.escape(n)}\b" for n in sorted(names))]), re.IGNORECASE
    )


def _leaked_files(sandbox: Sandbox, internal: re.Pattern[str]) -> list[str]:
    """Files whose name, title or content is internal and that stand in a channel where customers read."""
    found, files = [], sandbox.place.files
    for file_id, file in files.all.items():
        readers = {reader for channel in file["channels"] for reader in _members(sandbox, channel)}
        words = f"{file['name']} {file['title']} {files.contents[file_id].decode('utf-8', 'replace')}"
        if (
            file["user"] == sandbox.place.workspace.bot_user
            and readers - _team(sandbox)
            and internal.search(words)
        ):
            found.append(f"the file {file_id} shows: {words[:300]}")
    return found
