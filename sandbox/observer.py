"""The observer's side: what the app called and was told, and the means to make its life hard."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, Request

from sandbox.arguments import Arguments
from sandbox.events_api import EventsApi
from sandbox.payloads import TOKEN
from sandbox.place import Place
from sandbox.web_api import WebApi
from sandbox.workspace import SlackError


def routes(place: Place, web_api: WebApi) -> APIRouter:
    """`/sandbox/…`; errors read as Slack's do."""
    router = APIRouter()

    @router.get("/sandbox/calls")
    async def calls() -> list[dict[str, Any]]:
        return list(web_api.calls)

    @router.get("/sandbox/deliveries")
    async def deliveries() -> list[dict[str, Any]]:
        return [delivery.record() for delivery in place.deliveries.all]

    @router.get("/sandbox/sockets")
    async def sockets() -> dict[str, Any]:
        return {"ok": True, "open": sum(not link.leaving for link in place.socket_mode.links)}

    async def redeliver(args: Arguments) -> dict[str, Any]:
        try:
            place.deliveries.redeliver(
                args.required("event_id"), args.number("retry_num", 1), args.text("retry_reason", "timeout")
            )
        except KeyError:
            raise SlackError("event_not_found") from None
        return {}

    async def disconnect(args: Arguments) -> dict[str, Any]:
        reason = args.text("reason", "refresh_requested")
        grace = _seconds(args, "grace") or 0.0
        return {"sockets": await place.socket_mode.disconnect(reason, grace)}

    async def hold(args: Arguments) -> dict[str, Any]:
        times = args.number("times", 1)
        place.interventions.hold(args.required("method"), times, _seconds(args, "seconds"))
        return {}

    async def fail(args: Arguments) -> dict[str, Any]:
        place.interventions.fail(
            args.required("method"),
            args.number("times", 1),
            args.text("error") or None,
            args.number("status", 200) if args.has("status") else None,
            args.number("retry_after", 1) if args.has("retry_after") else None,
        )
        return {}

    async def request_url(args: Arguments) -> dict[str, Any]:
        url = args.text("url") or None
        if url:
            candidate = EventsApi(
                url, place.app["signing_secret"], TOKEN, place.deliveries, place.settings.now
            )
            if not await candidate.verify():
                raise SlackError("url_verification_failed")
        await place.deliver_to(url)
        return {}

    acts = {
        "redeliver": redeliver,
        "disconnect": disconnect,
        "hold": hold,
        "fail": fail,
        "request_url": request_url,
    }

    @router.post("/sandbox/{act}")
    async def do(act: str, request: Request) -> dict[str, Any]:
        try:
            body = json.loads(await request.body() or b"{}")
            if act not in acts or not isinstance(body, dict):
                raise SlackError("invalid_arguments")
            return {"ok": True, **await acts[act](Arguments(body))}
        except SlackError as refusal:
            return {"ok": False, "error": refusal.code, **refusal.extra}
        except ValueError:
            return {"ok": False, "error": "invalid_json"}

    return router


def _seconds(args: Arguments, name: str) -> float | None:
    try:
        return float(args.text(name)) if args.has(name) else None
    except ValueError:
        raise SlackError("invalid_arguments") from None
