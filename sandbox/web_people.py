"""Web API: auth.*, users.*, usergroups.*, bots.*"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sandbox.arguments import Arguments
from sandbox.place import Place
from sandbox.web_conversations import conversation
from sandbox.workspace import SlackError


def api_test(place: Place, args: Arguments) -> dict[str, Any]:
    """api.test: says back what it was given."""
    if error := args.text("error"):
        raise SlackError(error, args=dict(args.given))
    return {"args": dict(args.given)}


def auth_test(place: Place, args: Arguments) -> dict[str, Any]:
    """auth.test"""
    team, bot = place.workspace.team, place.workspace.users[place.workspace.bot_user]
    return {
        "url": f"https://{team['domain']}.slack.com/",
        "team": team["name"],
        "user": bot["name"],
        "team_id": team["id"],
        "user_id": bot["id"],
        "bot_id": place.app["bot_id"],
        "is_enterprise_install": False,
    }


def open_connection(place: Place, args: Arguments) -> dict[str, Any]:
    """apps.connections.open: where to open a WebSocket."""
    base = place.urls.base.replace("http://", "ws://")
    return {"url": f"{base}/link?ticket={place.socket_mode.ticket()}&app_id={place.app['id']}"}


def person(place: Place, user: dict[str, Any]) -> dict[str, Any]:
    """A user object: https://docs.slack.dev/reference/objects/user-object"""
    real_name = user.get("real_name", user["name"])
    zone = user.get("tz", "Etc/UTC")
    try:
        offset = datetime.now(UTC).astimezone(ZoneInfo(zone)).utcoffset()
    except (ZoneInfoNotFoundError, ValueError):
        offset = None
    shown = {
        "id": user["id"],
        "team_id": place.workspace.team["id"],
        "name": user["name"],
        "real_name": real_name,
        "deleted": bool(user.get("deleted")),
        "tz": zone,
        "tz_label": zone,
        "tz_offset": int(offset.total_seconds()) if offset is not None else 0,
        "locale": user.get("locale", "en-US"),
        "is_admin": bool(user.get("is_admin")),
        "is_owner": bool(user.get("is_owner")),
        "is_bot": bool(user.get("is_bot")),
        "is_app_user": False,
        "is_restricted": bool(user.get("is_restricted")),
        "is_ultra_restricted": bool(user.get("is_ultra_restricted")),
        "updated": 0,
        "profile": {
            "title": user.get("title", ""),
            "real_name": real_name,
            "real_name_normalized": real_name,
            "display_name": user["name"],
            "display_name_normalized": user["name"],
            "status_text": "",
            "status_emoji": "",
            "team": place.workspace.team["id"],
            **({"email": user["email"]} if "email" in user else {}),
        },
    }
    if user.get("is_bot"):
        own = user["id"] == place.workspace.bot_user
        shown["profile"] |= {"bot_id": user.get("bot_id", "B" + user["id"][1:])}
        shown["profile"] |= {"api_app_id": place.app["id"]} if own else {}
    return shown


def user_info(place: Place, args: Arguments) -> dict[str, Any]:
    """users.info"""
    return {"user": person(place, place.workspace.user(args.required("user")))}


def user_list(place: Place, args: Arguments) -> dict[str, Any]:
    """users.list"""
    page, cursor = args.page(list(place.workspace.users.values()), 1000)
    return {
        "members": [person(place, user) for user in page],
        "cache_ts": int(place.workspace.now()),
        "response_metadata": {"next_cursor": cursor},
    }


def user_conversations(place: Place, args: Arguments) -> dict[str, Any]:
    """users.conversations: the app's own channels, or the public ones of a user."""
    workspace = place.workspace
    user = args.text("user", workspace.bot_user)
    workspace.user(user)
    names = {"public_channel": "channel", "private_channel": "group", "im": "im", "mpim": "mpim"}
    kinds = [names.get(name.strip()) for name in args.text("types", "public_channel").split(",")]
    seen = [
        channel
        for channel in workspace.channels.values()
        if channel.kind in kinds
        and user in channel.members
        and (channel.kind == "channel" or workspace.bot_user in channel.members)
    ]
    page, cursor = args.page(seen, 100)
    channels = [conversation(place, channel) for channel in page]
    return {"channels": channels, "response_metadata": {"next_cursor": cursor}}


def group_list(place: Place, args: Arguments) -> dict[str, Any]:
    """usergroups.list"""
    shown = []
    for group in place.workspace.usergroups.values():
        entry = {
            "id": group["id"],
            "team_id": place.workspace.team["id"],
            "is_usergroup": True,
            "name": group.get("name", group["handle"]),
            "handle": group["handle"],
            "date_delete": 0,
            "user_count": len(group["users"]),
        }
        shown.append(entry | ({"users": group["users"]} if args.flag("include_users") else {}))
    return {"usergroups": shown}


def group_users(place: Place, args: Arguments) -> dict[str, Any]:
    """usergroups.users.list"""
    wanted = args.required("usergroup")
    if wanted not in place.workspace.usergroups:
        raise SlackError("no_such_subteam")
    return {"users": place.workspace.usergroups[wanted]["users"]}


def bot_info(place: Place, args: Arguments) -> dict[str, Any]:
    """bots.info"""
    if args.text("bot", place.app["bot_id"]) != place.app["bot_id"]:
        raise SlackError("bot_not_found")
    return {
        "bot": {
            "id": place.app["bot_id"],
            "app_id": place.app["id"],
            "user_id": place.workspace.bot_user,
            "name": place.app["name"],
            "deleted": False,
            "updated": 0,
            "icons": {},
        }
    }
