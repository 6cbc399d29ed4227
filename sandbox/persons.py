"""The persons' side: what the page, the demo and the tests do as one person of the workspace."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Request, WebSocket, WebSocketDisconnect

from sandbox import elements
from sandbox.arguments import Arguments
from sandbox.blocks import accepted
from sandbox.deliveries import COMMANDS, INTERACTIVE
from sandbox.place import Place
from sandbox.response_urls import Answerable
from sandbox.sight import Sight
from sandbox.typed_text import typed
from sandbox.views import View
from sandbox.web_people import person
from sandbox.workspace import Change, Channel, Message, SlackError

Answer = dict[str, Any]


class Persons:
    """The acts of people. Each takes the acting person's id and the body of the call."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.workspace = place.workspace

    def _channel(self, user: str, args: Arguments) -> Channel:
        """A channel this person is in; the id of another person means the direct message with them."""
        wanted = args.required("channel")
        if wanted in self.workspace.users:
            return self.workspace.direct([user, wanted])
        channel = self.workspace.channels.get(wanted)
        if channel is None or user not in channel.members:
            raise SlackError("channel_not_found")
        return channel

    def _seen(self, user: str, channel: Channel, ts: str) -> Message:
        to, whispered = channel.ephemerals.get(ts, ("", {}))
        return whispered if to == user else self.workspace.message(channel, ts)

    async def say(self, user: str, args: Arguments) -> Answer:
        """Write a message."""
        channel = self._channel(user, args)
        text = typed(args.text("text"), self.workspace)
        blocks = args.json("blocks", "invalid_blocks_format")
        if not text and not blocks:
            raise SlackError("no_text")
        message = self.workspace.post(
            channel,
            self.workspace.author(user),
            text,
            client_msg_id=str(uuid4()),
            blocks=accepted(blocks) if blocks else None,
            thread_ts=args.text("thread_ts"),
        )
        return {"ts": message["ts"]}

    def _own(self, user: str, channel: Channel, ts: str, refusal: str) -> None:
        if self.workspace.message(channel, ts).get("user") != user:
            raise SlackError(refusal)

    async def edit(self, user: str, args: Arguments) -> Answer:
        """Change an own message."""
        channel, ts = self._channel(user, args), args.required("ts")
        self._own(user, channel, ts, "cant_update_message")
        text = typed(args.required("text"), self.workspace)
        self.workspace.edit(channel, ts, user, text=text)
        return {"ts": ts}

    async def delete(self, user: str, args: Arguments) -> Answer:
        """Delete an own message."""
        channel, ts = self._channel(user, args), args.required("ts")
        self._own(user, channel, ts, "cant_delete_message")
        self.workspace.delete(channel, ts)
        return {}

    async def react(self, user: str, args: Arguments) -> Answer:
        """Add a reaction, or take it back with `remove`."""
        channel, ts = self._channel(user, args), args.required("ts")
        act = self.workspace.unreact if args.flag("remove") else self.workspace.react
        act(channel, ts, user, args.required("name").strip(":"))
        return {}

    async def join(self, user: str, args: Arguments) -> Answer:
        """Join a public channel, or bring `invite` into a channel of one's own."""
        guest = args.text("invite")
        if guest:
            channel = self._channel(user, args)
            self.workspace.user(guest)
            self.workspace.join(channel, guest, inviter=user)
        else:
            found = self.workspace.channels.get(args.required("channel"))
            if found is None or found.kind != "channel":
                raise SlackError("channel_not_found")
            self.workspace.join(found, user)
        return {}

    async def leave(self, user: str, args: Arguments) -> Answer:
        """Leave a channel, or send `remove` out of a channel of one's own."""
        channel = self._channel(user, args)
        if channel.kind in ("im", "mpim"):
            raise SlackError("method_not_supported_for_channel_type")
        self.workspace.leave(channel, args.text("remove") or user)
        return {}

    async def press(self, user: str, args: Arguments) -> Answer:
        """Press a button or choose in a menu, in a message or in a view."""
        block_id, action_id = args.text("block_id"), args.required("action_id")
        value, selected = args.given.get("value"), args.given.get("selected_option")
        if args.has("view_id"):
            view = self.place.views.of(user, args.required("view_id"))
            place_id, element = elements.find(view["blocks"], block_id, action_id)
            action = elements.action(place_id, element, value, selected)
            given = args.json("values", "invalid_arguments") or {}
            if element["type"] not in ("button", "overflow"):
                given = {**given, place_id: {**given.get(place_id, {}), action_id: action}}
            view["state"] = {"values": elements.state_values(view["blocks"], given)}
            payload = self.place.payloads.view_actions(user, action, view)
        else:
            channel = self._channel(user, args)
            message = self._seen(user, channel, args.required("ts"))
            place_id, element = elements.find(message.get("blocks", []), block_id, action_id)
            action = elements.action(place_id, element, value, selected)
            payload = self.place.payloads.block_actions(user, action, channel=channel, message=message)
        await self.place.deliveries.ask(INTERACTIVE, "block_actions", payload)
        return {}

    async def command(self, user: str, args: Arguments) -> Answer:
        """Type a slash command; the app's immediate answer becomes a message."""
        channel = self._channel(user, args)
        command, _, text = args.required("text").strip().partition(" ")
        if command not in self.place.app.get("commands", []):
            raise SlackError("unknown_command")
        text = typed(text.strip(), self.workspace, named=True)
        payload = self.place.payloads.command(user, command, text, channel)
        answer = await self.place.deliveries.ask(COMMANDS, command, payload)
        if answer and (answer.get("text") or answer.get("blocks")):
            self.place.urls.answer(Answerable(channel.id, user, None, 0), answer)
        return {}

    async def shortcut(self, user: str, args: Arguments) -> Answer:
        """Choose a shortcut in a message's menu."""
        channel = self._channel(user, args)
        message = self.workspace.message(channel, args.required("ts"))
        payload = self.place.payloads.message_action(user, args.required("callback_id"), channel, message)
        await self.place.deliveries.ask(INTERACTIVE, "message_action", payload)
        return {}

    async def submit(self, user: str, args: Arguments) -> Answer:
        """Submit a modal. Errors, by block: of the form itself, or of the app."""
        view = self._modal(user, args)
        values = elements.state_values(view["blocks"], args.json("values", "invalid_arguments") or {})
        errors = elements.missing(view["blocks"], values)
        if not errors:
            view["state"] = {"values": values}
            payload = self.place.payloads.view_submission(user, view)
            answer = await self.place.deliveries.ask(INTERACTIVE, "view_submission", payload)
            errors = self.place.views.answer(user, view, answer)
        if errors:
            raise SlackError("view_errors", errors=errors)
        return {}

    async def close(self, user: str, args: Arguments) -> Answer:
        """Close a modal, and the ones below it with `all`."""
        view = self._modal(user, args)
        cleared = args.flag("all") or view["clear_on_close"]
        payload = self.place.payloads.view_closed(user, view, is_cleared=cleared)
        self.place.views.close(user, view, all_of_them=cleared)
        if view["notify_on_close"]:
            self.place.deliveries.tell(INTERACTIVE, "view_closed", payload)
        return {}

    def _modal(self, user: str, args: Arguments) -> View:
        view = self.place.views.of(user, args.required("view_id"))
        if view["type"] != "modal":
            raise SlackError("view_not_found")
        return view

    async def home(self, user: str, args: Arguments) -> Answer:
        """Open the App Home."""
        self.workspace.tell(Change("home_opened", user=user, view=self.place.views.homes.get(user)))
        return {}


def routes(place: Place, sight: Sight) -> APIRouter:
    """`/person/…`: the acts, the state and the live pushes."""
    router = APIRouter()
    persons = Persons(place)
    acts = {
        "say": persons.say,
        "edit": persons.edit,
        "delete": persons.delete,
        "react": persons.react,
        "join": persons.join,
        "leave": persons.leave,
        "press": persons.press,
        "command": persons.command,
        "shortcut": persons.shortcut,
        "submit": persons.submit,
        "close": persons.close,
        "home": persons.home,
    }

    @router.get("/person/workspace")
    async def workspace() -> Answer:
        shown = {"id", "name", "bot_user", "bot_id", "shortcuts"}
        return {
            "ok": True,
            "team": place.workspace.team,
            "people": [person(place, user) for user in place.workspace.users.values()],
            "usergroups": list(place.workspace.usergroups.values()),
            "commands": place.app.get("commands", []),
            "app": {name: value for name, value in place.app.items() if name in shown},
        }

    @router.get("/person/{user}/state")
    async def state(user: str) -> Answer:
        try:
            return {"ok": True, **sight.state(user)}
        except SlackError as refusal:
            return {"ok": False, "error": refusal.code}

    @router.post("/person/{user}/{act}")
    async def do(user: str, act: str, request: Request) -> Answer:
        try:
            place.workspace.user(user)
            body = json.loads(await request.body() or b"{}")
            if act not in acts or not isinstance(body, dict):
                raise SlackError("invalid_arguments")
            return {"ok": True, **await acts[act](user, Arguments(body))}
        except SlackError as refusal:
            return {"ok": False, "error": refusal.code, **refusal.extra}
        except TimeoutError:
            # What a person reads in Slack when the app does not ack within three seconds.
            return {"ok": False, "error": "operation_timeout"}
        except ValueError:
            return {"ok": False, "error": "invalid_json"}

    @router.websocket("/person/{user}/live")
    async def live(socket: WebSocket, user: str) -> None:
        if user not in place.workspace.users:
            await socket.close(4404)
            return
        await socket.accept()
        page: asyncio.Queue[Answer] = asyncio.Queue()
        sight.pages.setdefault(user, []).append(page)
        reader = asyncio.create_task(_until_closed(socket))
        try:
            while not reader.done():
                push = asyncio.create_task(page.get())
                await asyncio.wait([push, reader], return_when=asyncio.FIRST_COMPLETED)
                if push.done():
                    await socket.send_json(push.result())
                else:
                    push.cancel()
        except (WebSocketDisconnect, RuntimeError):
            pass  # the page went away while something was on its way to it
        finally:
            reader.cancel()
            sight.pages[user].remove(page)

    return router


async def _until_closed(socket: WebSocket) -> None:
    try:
        while True:
            await socket.receive_text()
    except (WebSocketDisconnect, RuntimeError):
        return
