"""Modals and App Homes: opened with a trigger, stacked, updated, filled in."""

from __future__ import annotations

import secrets
from typing import Any
from uuid import uuid4

from sandbox.blocks import accepted
from sandbox.problems import Problems
from sandbox.workspace import Change, SlackError, Workspace

View = dict[str, Any]
DEEPEST_STACK = 3


class Views:
    """Every person's stack of modals, their App Home, and the triggers that may open a modal."""

    def __init__(self, workspace: Workspace, trigger_lifetime: float) -> None:
        self.workspace = workspace
        self.trigger_lifetime = trigger_lifetime
        self.stacks: dict[str, list[View]] = {}
        self.homes: dict[str, View] = {}
        self._triggers: dict[str, tuple[str, float]] = {}
        self._used: dict[str, str] = {}

    def trigger(self, user: str) -> str:
        """A trigger id: once, and for a few seconds, it opens a modal for this person."""
        trigger_id = f"{secrets.randbelow(10**13)}.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
        self._triggers[trigger_id] = (user, self.workspace.now() + self.trigger_lifetime)
        return trigger_id

    def _pull(self, trigger_id: str) -> str:
        if trigger_id in self._used:
            raise SlackError("exchanged_trigger_id")
        if trigger_id not in self._triggers:
            raise SlackError("invalid_trigger_id")
        user, expires = self._triggers.pop(trigger_id)
        if self.workspace.now() > expires:
            raise SlackError("expired_trigger_id")
        self._used[trigger_id] = user
        return user

    def pulled_by(self, trigger_id: str) -> str | None:
        """Who saw the modal that this trigger opened."""
        return self._used.get(trigger_id)

    def reader(self, view_id: str) -> str | None:
        """Who sees this view now."""
        found = self._find(view_id)
        return found[0] if found else None

    # -- what the app does -----------------------------------------------------------------------------

    def open(self, trigger_id: str, given: Any) -> View:
        """views.open: a new stack for the person who pulled the trigger."""
        check_view(given, ("modal",))
        return self._show(self._pull(trigger_id), given, [])

    def push(self, trigger_id: str, given: Any) -> View:
        """views.push: on top of the open modal."""
        check_view(given, ("modal",))
        user = self._pull(trigger_id)
        return self._show(user, given, self.stacks.get(user, []))

    def _show(self, user: str, given: Any, below: list[View]) -> View:
        if len(below) >= DEEPEST_STACK:
            raise SlackError("push_limit_reached")
        external = given.get("external_id")
        if external and self._find(external_id=external):
            raise SlackError("duplicate_external_id")
        view = self._build(given)
        view["root_view_id"] = below[0]["id"] if below else view["id"]
        view["previous_view_id"] = below[-1]["id"] if below else None
        self.stacks[user] = [*below, view]
        self._tell(user)
        return view

    def update(self, view_id: str, external_id: str, view_hash: str, given: Any) -> View:
        """views.update, of a modal or of a Home."""
        check_view(given, ("modal", "home"))
        found = self._find(view_id, external_id)
        if found is None:
            raise SlackError("not_found")
        user, view = found
        if view_hash and view_hash != view["hash"]:
            raise SlackError("hash_conflict")
        self.replace(user, view, given)
        return view

    def publish(self, user: str, view_hash: str, given: Any) -> View:
        """views.publish: the Home of one person."""
        self.workspace.user(user)
        check_view(given, ("home",))
        home = self.homes.get(user)
        if home and view_hash and view_hash != home["hash"]:
            raise SlackError("hash_conflict")
        if home:
            self.replace(user, home, given)
            return home
        self.homes[user] = self._build(given)
        self.homes[user]["root_view_id"] = self.homes[user]["id"]
        self._tell(user, home=True)
        return self.homes[user]

    def replace(self, user: str, view: View, given: Any) -> None:
        """Change a view in place: its id and its place in the stack stay."""
        kept = {name: view[name] for name in ("id", "root_view_id", "previous_view_id")}
        fresh = self._build(given)
        view.clear()
        view.update(fresh | kept)
        self._tell(user, home=view["type"] == "home")

    def answer(self, user: str, view: View, action: dict[str, Any] | None) -> dict[str, str]:
        """What the app's answer to a submission does; returns the errors to show, by block.

        https://docs.slack.dev/surfaces/modals#response_actions
        """
        action = action or {}
        match action.get("response_action"):
            case "errors":
                return dict(action.get("errors", {}))
            case "update":
                check_view(action.get("view"), ("modal",))
                self.replace(user, view, action["view"])
            case "push":
                check_view(action.get("view"), ("modal",))
                self._show(user, action["view"], self.stacks[user])
            case "clear":
                self.close(user, view, all_of_them=True)
            case _:
                self.close(user, view)
        return {}

    def close(self, user: str, view: View, *, all_of_them: bool = False) -> None:
        """Take a modal away; the one below it comes back."""
        stack = self.stacks.get(user, [])
        self.stacks[user] = [] if all_of_them else [v for v in stack if v is not view]
        self._tell(user)

    # -- looking ---------------------------------------------------------------------------------------

    def top(self, user: str) -> View | None:
        """The modal this person sees."""
        stack = self.stacks.get(user)
        return stack[-1] if stack else None

    def of(self, user: str, view_id: str) -> View:
        """A view that is open before this person; raises `view_not_found`."""
        home = self.homes.get(user)
        for view in [*self.stacks.get(user, []), *([home] if home else [])]:
            if view["id"] == view_id:
                return view
        raise SlackError("view_not_found")

    def _find(self, view_id: str = "", external_id: str = "") -> tuple[str, View] | None:
        shown = [(user, view) for user, stack in self.stacks.items() for view in stack]
        for user, view in [*shown, *self.homes.items()]:
            if view["id"] == view_id or (external_id and view["external_id"] == external_id):
                return user, view
        return None

    def _build(self, given: dict[str, Any]) -> View:
        ident = "V" + uuid4().hex[:10].upper()
        return {
            "id": ident,
            "team_id": self.workspace.team["id"],
            "type": given["type"],
            "title": given.get("title"),
            "submit": given.get("submit"),
            "close": given.get("close"),
            "blocks": accepted(given["blocks"], view=True),
            "private_metadata": given.get("private_metadata") or "",
            "callback_id": given.get("callback_id") or "",
            "external_id": given.get("external_id") or "",
            "state": {"values": {}},
            "hash": f"{self.workspace.next_ts()}.{uuid4().hex[:8]}",
            "clear_on_close": bool(given.get("clear_on_close")),
            "notify_on_close": bool(given.get("notify_on_close")),
            "root_view_id": ident,
            "previous_view_id": None,
            "app_id": self.workspace.app["id"],
            "bot_id": self.workspace.app["bot_id"],
            "app_installed_team_id": self.workspace.team["id"],
        }

    def _tell(self, user: str, *, home: bool = False) -> None:
        if home:
            self.workspace.tell(Change("home", user=user, view=self.homes[user]))
        else:
            self.workspace.tell(Change("view", user=user, view=self.top(user)))


def check_view(given: Any, kinds: tuple[str, ...]) -> None:
    """Raises `invalid_arguments` with Slack's messages if this is no view of one of these kinds."""
    found = Problems()
    if not isinstance(given, dict):
        raise SlackError("invalid_arguments", response_metadata={"messages": ["[ERROR] must be an object"]})
    if given.get("type") not in kinds:
        found.add("/view/type", f"must be one of: {', '.join(kinds)}")
    if given.get("type") == "modal":
        found.text_object("/view", given, "title", 24, plain=True)
        for name in ("submit", "close"):
            if given.get(name) is not None:
                found.text_object("/view", given, name, 24, plain=True)
        blocks = given.get("blocks")
        inputs = isinstance(blocks, list) and any(
            isinstance(b, dict) and b.get("type") == "input" for b in blocks
        )
        if inputs and not given.get("submit"):
            found.add("/view", "missing required field: submit")
    if given.get("blocks") is None:
        found.add("/view", "missing required field: blocks")
    found.text("/view", given, "private_metadata", 3000, required=False)
    found.text("/view", given, "callback_id", 255, required=False)
    found.text("/view", given, "external_id", 255, required=False)
    if found.messages:
        messages = [f"[ERROR] {message}" for message in found.messages]
        raise SlackError("invalid_arguments", response_metadata={"messages": messages})
