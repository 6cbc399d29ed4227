"""Response URLs: five answers within thirty minutes to the person who pressed, chose or commanded.

https://docs.slack.dev/interactivity/handling-user-interaction#message_responses
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from sandbox.blocks import accepted
from sandbox.workspace import SlackError, Workspace

MOST_USES = 5
LIFETIME_S = 30 * 60


@dataclass
class Answerable:
    """Where the answers to one interaction go; `ts` is the message that was acted on, if there was one."""

    channel: str
    user: str
    ts: str | None
    expires: float
    uses: int = 0


class ResponseUrls:
    """The response URLs given out so far."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.base = ""
        self._issued: dict[str, Answerable] = {}

    def issue(self, channel: str, user: str, ts: str | None = None) -> str:
        """A new URL."""
        key = uuid4().hex
        self._issued[key] = Answerable(channel, user, ts, self.workspace.now() + LIFETIME_S)
        return f"{self.base}/response/{self.workspace.team['id']}/{key}"

    def use(self, key: str, body: dict[str, Any]) -> None:
        """One answer through a URL; raises `expired_url`, `used_url` and what posting raises."""
        target = self._issued.get(key)
        if target is None or self.workspace.now() > target.expires:
            raise SlackError("expired_url")
        if target.uses >= MOST_USES:
            raise SlackError("used_url")
        target.uses += 1
        self.answer(target, body)

    def answer(self, target: Answerable, body: dict[str, Any]) -> None:
        """Post, replace or delete as the body says."""
        workspace = self.workspace
        channel = workspace.channels[target.channel]
        text, blocks = body.get("text", ""), body.get("blocks")
        fresh = accepted(blocks) if blocks else None
        if target.ts and body.get("delete_original"):
            if target.ts in channel.ephemerals:
                workspace.unwhisper(channel, target.ts)
            else:
                workspace.delete(channel, target.ts)
        elif target.ts and body.get("replace_original"):
            if target.ts in channel.ephemerals:
                workspace.rewhisper(channel, target.ts, text=text, blocks=fresh)
            else:
                workspace.edit(channel, target.ts, workspace.bot_user, text=text, blocks=fresh)
        elif not text and not blocks:
            raise SlackError("no_text")
        else:
            author = workspace.author(workspace.bot_user)
            fields = {"blocks": fresh, "thread_ts": body.get("thread_ts")}
            if body.get("response_type") == "in_channel":
                workspace.post(channel, author, text, **fields)
            else:
                workspace.post_ephemeral(channel, target.user, author, text, **fields)


def routes(urls: ResponseUrls) -> APIRouter:
    """`POST /response/…`: answers "ok", or 404 with the reason."""
    router = APIRouter()

    @router.post("/response/{team}/{key}")
    async def respond(team: str, key: str, request: Request) -> Response:
        raw = (await request.body()).decode()
        if not raw.startswith("{"):
            raw = parse_qs(raw).get("payload", ["{}"])[0]
        try:
            urls.use(key, json.loads(raw))
        except ValueError:
            return JSONResponse({"ok": False, "error": "invalid_payload"}, 400)
        except SlackError as refusal:
            gone = refusal.code in ("expired_url", "used_url")
            return JSONResponse({"ok": False, "error": refusal.code, **refusal.extra}, 404 if gone else 400)
        return PlainTextResponse("ok")

    return router
