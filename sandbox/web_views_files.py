"""Web API: views.* and files.*"""

from __future__ import annotations

from typing import Any

from sandbox.arguments import Arguments
from sandbox.place import Place
from sandbox.web_chat import visible
from sandbox.workspace import SlackError


def _view(args: Arguments) -> Any:
    return args.json("view", "invalid_arguments")


def _trigger(args: Arguments) -> str:
    return args.text("trigger_id") or args.required("interactivity_pointer")


def open_(place: Place, args: Arguments) -> dict[str, Any]:
    """views.open"""
    return {"view": place.views.open(_trigger(args), _view(args))}


def push(place: Place, args: Arguments) -> dict[str, Any]:
    """views.push"""
    return {"view": place.views.push(_trigger(args), _view(args))}


def update(place: Place, args: Arguments) -> dict[str, Any]:
    """views.update"""
    if not args.has("view_id") and not args.has("external_id"):
        args.required("view_id")
    view = place.views.update(args.text("view_id"), args.text("external_id"), args.text("hash"), _view(args))
    return {"view": view}


def publish(place: Place, args: Arguments) -> dict[str, Any]:
    """views.publish"""
    return {"view": place.views.publish(args.required("user_id"), args.text("hash"), _view(args))}


def get_upload_url(place: Place, args: Arguments) -> dict[str, Any]:
    """files.getUploadURLExternal"""
    args.required("length")
    return dict(place.files.announce(args.required("filename"), args.number("length", 0)))


def complete_upload(place: Place, args: Arguments) -> dict[str, Any]:
    """files.completeUploadExternal: shares the files in one message, if a channel is named."""
    uploads = args.json("files", "invalid_arguments")
    if not isinstance(uploads, list) or not uploads or not all(isinstance(u, dict) for u in uploads):
        raise SlackError("invalid_arguments")
    names = [args.text("channel_id"), *args.text("channels").split(",")]
    workspace = place.workspace
    channels = [
        visible(place, workspace.channel(name.strip()), "not_in_channel") for name in names if name.strip()
    ]
    files = [place.files.complete(upload.get("id", ""), upload.get("title") or "") for upload in uploads]
    for channel in channels:
        for file in files:
            file["channels"].append(channel.id)
        workspace.post(
            channel,
            workspace.author(workspace.bot_user),
            args.text("initial_comment"),
            subtype="file_share",
            files=files,
            thread_ts=args.text("thread_ts"),
        )
    return {"files": files}


def file_info(place: Place, args: Arguments) -> dict[str, Any]:
    """files.info"""
    return {"file": place.files.info(args.required("file")), "comments": []}
