"""Interactive elements: what a press or a choice says of them, and what a form holds."""

from __future__ import annotations

import copy
from typing import Any

from sandbox.workspace import SlackError

# Where an element's state keeps its value, and where its block gives the initial one.
_STATE: dict[str, tuple[str, str]] = {
    "plain_text_input": ("value", "initial_value"),
    "email_text_input": ("value", "initial_value"),
    "url_text_input": ("value", "initial_value"),
    "number_input": ("value", "initial_value"),
    "rich_text_input": ("rich_text_value", "initial_value"),
    "static_select": ("selected_option", "initial_option"),
    "external_select": ("selected_option", "initial_option"),
    "radio_buttons": ("selected_option", "initial_option"),
    "users_select": ("selected_user", "initial_user"),
    "channels_select": ("selected_channel", "initial_channel"),
    "conversations_select": ("selected_conversation", "initial_conversation"),
    "datepicker": ("selected_date", "initial_date"),
    "timepicker": ("selected_time", "initial_time"),
    "datetimepicker": ("selected_date_time", "initial_date_time"),
    "checkboxes": ("selected_options", "initial_options"),
    "multi_static_select": ("selected_options", "initial_options"),
    "multi_external_select": ("selected_options", "initial_options"),
    "multi_users_select": ("selected_users", "initial_users"),
    "multi_channels_select": ("selected_channels", "initial_channels"),
    "multi_conversations_select": ("selected_conversations", "initial_conversations"),
}
_PRESSED = {"button", "icon_button"}


def elements(block: dict[str, Any]) -> list[dict[str, Any]]:
    """The interactive elements of a block."""
    held = [block.get("accessory"), block.get("element")]
    if block["type"] in ("actions", "context_actions"):
        held += block["elements"]
    return [element for element in held if element and "action_id" in element]


def find(blocks: list[dict[str, Any]], block_id: str, action_id: str) -> tuple[str, dict[str, Any]]:
    """The element with this action id (in this block, when one is named), and its block's id."""
    for block in blocks:
        if block_id in ("", block.get("block_id")):
            for element in elements(block):
                if element["action_id"] == action_id:
                    return block["block_id"], element
    raise SlackError("action_not_found")


def action(block_id: str, element: dict[str, Any], value: Any, selected: Any) -> dict[str, Any]:
    """The entry of `actions` in the payload; raises `invalid_option` for what cannot be chosen."""
    kind = element["type"]
    entry = {"action_id": element["action_id"], "block_id": block_id, "type": kind}
    if kind in _PRESSED:
        fields = ("text", "value", "style", "url", "icon")
        return entry | {name: element[name] for name in fields if name in element}
    if kind == "feedback_buttons":
        for name in ("positive_button", "negative_button"):
            if element[name]["value"] == value:
                return entry | {"value": value, "text": element[name]["text"]}
        raise SlackError("invalid_option")
    if kind == "overflow":
        return entry | {"selected_option": _option(element, selected if selected is not None else value)}
    name, _ = _STATE[kind]
    given = selected if selected is not None else value
    initial = {name: element[_STATE[kind][1]]} if _STATE[kind][1] in element else {}
    before = {"initial_" + name.removeprefix("selected_"): v for name, v in initial.items()}
    return entry | {name: _value(element, given)} | before


def state_values(blocks: list[dict[str, Any]], given: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """`state.values`: every stateful element with what was filled in, or its initial value.

    `given` is `{block_id: {action_id: value}}`; a value is the plain value (text, option value, user id, or
    a list of them) or an object as Slack's own state has it.
    """
    values: dict[str, dict[str, Any]] = {}
    for block in blocks:
        for element in elements(block):
            kind = element["type"]
            if kind not in _STATE:
                continue
            name, initial = _STATE[kind]
            filled = given.get(block["block_id"], {})
            held = copy.deepcopy(element.get(initial))
            if element["action_id"] in filled:
                held = _value(element, filled[element["action_id"]])
            if held is None and kind.startswith(("multi_", "checkboxes")):
                held = []
            values.setdefault(block["block_id"], {})[element["action_id"]] = {"type": kind, name: held}
    return values


def missing(blocks: list[dict[str, Any]], values: dict[str, dict[str, Any]]) -> dict[str, str]:
    """What Slack's own form says before it sends anything: required inputs that are empty, by block."""
    errors = {}
    for block in blocks:
        if block["type"] == "input" and not block.get("optional"):
            state = values[block["block_id"]][block["element"]["action_id"]]
            if state[_STATE[state["type"]][0]] in (None, "", []):
                errors[block["block_id"]] = "Please complete this required field."
    return errors


def _value(element: dict[str, Any], given: Any) -> Any:
    kind = element["type"]
    name, _ = _STATE[kind]
    if isinstance(given, dict) and name in given:
        given = given[name]
    if given is None or given == "":
        return None
    if kind in ("static_select", "radio_buttons"):
        return _option(element, given)
    if kind in ("checkboxes", "multi_static_select"):
        return [_option(element, one) for one in given]
    return str(given) if kind == "number_input" else given


def _option(element: dict[str, Any], given: Any) -> dict[str, Any]:
    value = given.get("value") if isinstance(given, dict) else given
    groups = element.get("option_groups", [])
    for option in [*element.get("options", []), *(o for group in groups for o in group["options"])]:
        if option["value"] == value:
            return copy.deepcopy(option)
    raise SlackError("invalid_option")
