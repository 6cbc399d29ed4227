"""Text as Slack stores it: escaped, with mentions, channels and links turned into `<…>` entities.

https://docs.slack.dev/messaging/formatting-message-text#escaping
"""

from __future__ import annotations

import re

from sandbox.workspace import Workspace

_TYPED = re.compile(
    r"<@(?P<user>[UW][A-Z0-9]+)>"
    r"|(?P<url>https?://[^\s<>]+[^\s<>.,;:!?)\]}'\"])"
    r"|(?<![\w@])@(?P<handle>[a-z0-9][a-z0-9._-]*)"
    r"|(?<![\w#&])#(?P<channel>[a-z0-9][a-z0-9_-]*)",
    re.IGNORECASE,
)
_ENTITY = re.compile(r"<(?:[@#!][^<>]*|(?:https?://|mailto:|tel:)[^<>]*)>|&(?:amp|lt|gt);|[&<>]")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def escape(text: str) -> str:
    """The three characters that Slack escapes."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def escape_stray(text: str) -> str:
    """What an app sent: entities stay, every other `& < >` is escaped."""
    return _ENTITY.sub(lambda found: _ESCAPES.get(found[0], found[0]), text)


def typed(text: str, workspace: Workspace, *, named: bool = False) -> str:
    """What a person typed, as the message gets it.

    `@carla`, `#help`, `@channel` and links become entities, `<@U…>` stays one, all else is escaped:
    a person cannot type an entity such as `<!channel>`. `named` adds names to the ids, as slash
    commands have them (`<@U0CARLA|carla>`).
    """
    users = {user["name"].lower(): ident for ident, user in workspace.users.items()}
    groups = {group["handle"].lower(): ident for ident, group in workspace.usergroups.items()}
    channels = {c.name.lower(): c.id for c in workspace.channels.values() if c.kind == "channel"}

    def entity(found: re.Match[str]) -> str:
        if (ident := found["user"]) in workspace.users:
            return f"<@{ident}|{workspace.users[ident]['name']}>" if named else f"<@{ident}>"
        if found["url"]:
            return f"<{escape(found['url'])}>"
        if found["handle"]:
            # A name may be followed by a full stop that is none of its characters.
            handle = found["handle"].lower().rstrip("._-")
            rest = escape(found["handle"][len(handle) :])
            if handle in users:
                return (f"<@{users[handle]}|{handle}>" if named else f"<@{users[handle]}>") + rest
            if handle in groups:
                return f"<!subteam^{groups[handle]}>" + rest
            if handle in ("channel", "here", "everyone"):
                return f"<!{handle}>" + rest
        if found["channel"] and (channel_id := channels.get(found["channel"].lower())):
            return f"<#{channel_id}|{found['channel'].lower()}>"
        return escape(found[0])

    pieces, position = [], 0
    for found in _TYPED.finditer(text):
        pieces += [escape(text[position : found.start()]), entity(found)]
        position = found.end()
    return "".join([*pieces, escape(text[position:])])
