"""The Web API: who may call, which method, what it answers — always HTTP 200 with `ok`, as Slack does."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from sandbox import web_chat, web_conversations, web_people, web_views_files
from sandbox.arguments import Arguments
from sandbox.faults import CallFault
from sandbox.lost import LostAnswer
from sandbox.place import Place
from sandbox.workspace import SlackError

Method = Callable[[Place, Arguments], dict[str, Any]]

METHODS: dict[str, Method] = {
    "api.test": web_people.api_test,
    "apps.connections.open": web_people.open_connection,
    "auth.test": web_people.auth_test,
    "bots.info": web_people.bot_info,
    "chat.delete": web_chat.delete,
    "chat.getPermalink": web_chat.get_permalink,
    "chat.postEphemeral": web_chat.post_ephemeral,
    "chat.postMessage": web_chat.post_message,
    "chat.update": web_chat.update,
    "conversations.history": web_conversations.history,
    "conversations.info": web_conversations.info,
    "conversations.join": web_conversations.join,
    "conversations.list": web_conversations.list_,
    "conversations.members": web_conversations.members,
    "conversations.open": web_conversations.open_,
    "conversations.replies": web_conversations.replies,
    "files.completeUploadExternal": web_views_files.complete_upload,
    "files.getUploadURLExternal": web_views_files.get_upload_url,
    "files.info": web_views_files.file_info,
    "reactions.add": web_chat.add_reaction,
    "reactions.get": web_chat.get_reactions,
    "reactions.remove": web_chat.remove_reaction,
    "usergroups.list": web_people.group_list,
    "usergroups.users.list": web_people.group_users,
    "users.conversations": web_people.user_conversations,
    "users.info": web_people.user_info,
    "users.list": web_people.user_list,
    "views.open": web_views_files.open_,
    "views.publish": web_views_files.publish,
    "views.push": web_views_files.push,
    "views.update": web_views_files.update,
}
_WITHOUT_TOKEN = {"api.test"}
_WITH_APP_TOKEN = {"apps.connections.open"}


class WebApi:
    """Answers calls and keeps the record of them."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.calls: deque[dict[str, Any]] = deque(maxlen=100_000)

    async def answer(self, method: str, token: str, given: dict[str, Any]) -> Response:
        """One call, from token to answer — or to silence, when the observer wants the answer lost."""
        call = {"method": method, "args": given, "token_ok": False, "response": None}
        self.calls.append(call | {"at": self.place.settings.now()})
        call = self.calls[-1]
        interventions = self.place.interventions
        if refusal := interventions.refusal(method):
            call["token_ok"] = self._refused_token(method, token) is None
            call["response"] = {"ok": False, "error": refusal.error}
            after = {} if refusal.retry_after is None else {"Retry-After": str(refusal.retry_after)}
            return JSONResponse(call["response"], refusal.status, headers=after)
        fault = self.place.faults.of_call(method) if self.place.faults else None
        if fault and fault.kind in ("limited", "broken", "hung"):
            call["response"] = {"ok": False, "error": fault.kind}
            return self._not_carried_out(fault)
        if fault and fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        try:
            if refused := self._refused_token(method, token):
                raise SlackError(refused)
            call["token_ok"] = True
            if method not in METHODS:
                raise SlackError("unknown_method", req_method=method)
            call["response"] = {"ok": True, **METHODS[method](self.place, Arguments(given))}
        except SlackError as refused_call:
            call["response"] = {"ok": False, "error": refused_call.code, **refused_call.extra}
        # As text at once: what was answered must not change when the message does.
        text = json.dumps(call["response"])
        call["response"] = json.loads(text)
        if hold := interventions.silence(method):
            return LostAnswer(hold.seconds, interventions.stopping)
        if fault and fault.kind == "lost":
            return LostAnswer(fault.seconds, interventions.stopping)
        if fault and fault.kind == "garbled":
            return Response("<html><body>Bad gateway</body></html>", media_type="text/html")
        return Response(text, media_type="application/json")

    def _not_carried_out(self, fault: CallFault) -> Response:
        if fault.kind == "limited":
            after = {"Retry-After": f"{fault.seconds:.0f}"}
            return JSONResponse({"ok": False, "error": "ratelimited"}, 429, headers=after)
        if fault.kind == "hung":
            return LostAnswer(fault.seconds, self.place.interventions.stopping)
        return Response("upstream error", fault.status, media_type="text/plain")

    def _refused_token(self, method: str, token: str) -> str | None:
        app = self.place.app
        if method in _WITHOUT_TOKEN:
            return None
        if not token:
            return "not_authed"
        if token not in (app["bot_token"], app["app_token"]):
            return "invalid_auth"
        wanted = app["app_token"] if method in _WITH_APP_TOKEN else app["bot_token"]
        return None if token == wanted else "not_allowed_token_type"


def routes(web_api: WebApi) -> APIRouter:
    """`/api/<method>`, GET and POST."""
    router = APIRouter()

    @router.api_route("/api/{method}", methods=["GET", "POST"])
    async def call(method: str, request: Request) -> Response:
        given: dict[str, Any] = dict(request.query_params)
        body = (await request.body()).decode("utf-8", "replace")
        if request.headers.get("content-type", "").startswith("application/json"):
            try:
                sent = json.loads(body or "{}")
            except ValueError:
                return JSONResponse({"ok": False, "error": "invalid_json"})
            if not isinstance(sent, dict):
                return JSONResponse({"ok": False, "error": "json_not_object"})
            given |= sent
        else:
            given |= dict(parse_qsl(body, keep_blank_values=True))
        header = request.headers.get("authorization", "")
        in_field = str(given.pop("token", "") or "")
        token = header.removeprefix("Bearer ").strip() or in_field
        return await web_api.answer(method, token, given)

    return router
