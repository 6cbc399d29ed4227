"""Block Kit as Slack accepts it: limits and required fields, reported in Slack's own words.

Limits: https://docs.slack.dev/reference/block-kit/ — an error reads
`must be less than 3001 characters [json-pointer:/blocks/0/text/text]`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from sandbox.data_blocks import check_data_table, check_data_visualization, check_table
from sandbox.problems import Problems
from sandbox.workspace import SlackError

BLOCKS_IN_A_MESSAGE = 50
BLOCKS_IN_A_VIEW = 100
CHARTS_IN_A_MESSAGE = 2

_PICKERS = {
    f"{multi}{kind}_select"
    for multi in ("", "multi_")
    for kind in ("static", "users", "channels", "conversations", "external")
}
_DATES = {"datepicker", "timepicker", "datetimepicker"}
_CHOICES = {"checkboxes", "radio_buttons"}
_TYPED = {
    "plain_text_input",
    "email_text_input",
    "url_text_input",
    "number_input",
    "rich_text_input",
    "file_input",
}
_IN_ACTIONS = (
    {"button", "overflow", "workflow_button", "rich_text_input", "plain_text_input"}
    | _PICKERS
    | _DATES
    | _CHOICES
)
_IN_SECTION = {"button", "overflow", "image", "workflow_button"} | _PICKERS | _DATES | _CHOICES
_IN_INPUT = _TYPED | _PICKERS | _DATES | _CHOICES
_RICH = {"rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote"}


def check_blocks(blocks: Any, *, where: str = "/blocks", view: bool = False) -> list[str]:
    """What Slack would say against these blocks; an empty list when it would take them."""
    found = Problems()
    if not isinstance(blocks, list):
        found.add(where, "must be an array")
        return found.messages
    most = BLOCKS_IN_A_VIEW if view else BLOCKS_IN_A_MESSAGE
    if len(blocks) > most:
        found.add(where, f"no more than {most} items allowed")
    seen: set[str] = set()
    for number, block in enumerate(blocks):
        _check_block(found, f"{where}/{number}", block, view, seen)
    charts = sum(isinstance(b, dict) and b.get("type") == "data_visualization" for b in blocks)
    if charts > CHARTS_IN_A_MESSAGE:
        found.add(where, f"no more than {CHARTS_IN_A_MESSAGE} data_visualization blocks allowed")
    return found.messages


def accepted(blocks: Any, *, view: bool = False) -> list[dict[str, Any]]:
    """The blocks with the ids that Slack gives to those that have none; raises `invalid_blocks`."""
    if messages := check_blocks(blocks, where="/view/blocks" if view else "/blocks", view=view):
        raise SlackError(
            "invalid_arguments" if view else "invalid_blocks",
            errors=messages,
            response_metadata={"messages": [f"[ERROR] {message}" for message in messages]},
        )
    return [_with_ids(block) for block in blocks]


def _with_ids(block: dict[str, Any]) -> dict[str, Any]:
    named = {**block, "block_id": block.get("block_id") or uuid4().hex[:5]}
    for place in ("accessory", "element"):
        if isinstance(named.get(place), dict):
            named[place] = _with_action_id(named[place])
    if named["type"] in ("actions", "context_actions"):
        named["elements"] = [_with_action_id(element) for element in named["elements"]]
    return named


def _with_action_id(element: dict[str, Any]) -> dict[str, Any]:
    if element["type"] == "image":
        return element
    return {**element, "action_id": element.get("action_id") or uuid4().hex[:5]}


def _check_block(found: Problems, at: str, block: Any, view: bool, seen: set[str]) -> None:
    if not isinstance(block, dict) or not isinstance(block.get("type"), str):
        found.add(at, "missing required field: type")
        return
    check = _BLOCKS.get(block["type"])
    if check is None or (view and block["type"] in _ONLY_IN_MESSAGES):
        found.add(f"{at}/type", f"unsupported type: {block['type']}")
        return
    block_id = block.get("block_id")
    found.text(at, block, "block_id", 255, required=False)
    if block_id:
        if block_id in seen:
            found.add(f"{at}/block_id", f"`block_id` {block_id} already exists")
        seen.add(block_id)
    check(found, at, block)


def _check_section(found: Problems, at: str, block: dict[str, Any]) -> None:
    if not block.get("text") and not block.get("fields"):
        found.add(at, "missing required field: text")
    if block.get("text"):
        found.text_object(at, block, "text", 3000)
    fields = found.items(at, block, "fields", 1, 10, required=False)
    for number, entry in enumerate(fields):
        found.text_object(f"{at}/fields", {str(number): entry}, str(number), 2000)
    if block.get("accessory") is not None:
        _check_element(found, f"{at}/accessory", block["accessory"], _IN_SECTION)


def _check_header(found: Problems, at: str, block: dict[str, Any]) -> None:
    found.text_object(at, block, "text", 150, plain=True)


def _check_image(found: Problems, at: str, block: dict[str, Any]) -> None:
    if not block.get("slack_file"):
        found.text(at, block, "image_url", 3000)
    found.text(at, block, "alt_text", 2000)
    if block.get("title"):
        found.text_object(at, block, "title", 2000, plain=True)


def _check_context(found: Problems, at: str, block: dict[str, Any]) -> None:
    for number, element in enumerate(found.items(at, block, "elements", 1, 10)):
        place = f"{at}/elements/{number}"
        kind = element.get("type") if isinstance(element, dict) else None
        if kind == "image":
            _check_image(found, place, element)
        elif kind in ("mrkdwn", "plain_text"):
            found.text_object(f"{at}/elements", {str(number): element}, str(number), 3000)
        else:
            found.add(f"{place}/type", f"unsupported type: {kind}")


def _check_actions(found: Problems, at: str, block: dict[str, Any]) -> None:
    _check_elements(found, at, block, 25, _IN_ACTIONS)


def _check_context_actions(found: Problems, at: str, block: dict[str, Any]) -> None:
    _check_elements(found, at, block, 5, {"feedback_buttons", "icon_button"})


def _check_elements(found: Problems, at: str, block: dict[str, Any], most: int, allowed: set[str]) -> None:
    seen: set[str] = set()
    for number, element in enumerate(found.items(at, block, "elements", 1, most)):
        place = f"{at}/elements/{number}"
        _check_element(found, place, element, allowed)
        action_id = element.get("action_id") if isinstance(element, dict) else None
        if action_id in seen:
            found.add(f"{place}/action_id", f"`action_id` {action_id} already exists")
        if action_id:
            seen.add(action_id)


def _check_input(found: Problems, at: str, block: dict[str, Any]) -> None:
    found.text_object(at, block, "label", 2000, plain=True)
    if block.get("hint"):
        found.text_object(at, block, "hint", 2000, plain=True)
    if block.get("element") is None:
        found.add(at, "missing required field: element")
    else:
        _check_element(found, f"{at}/element", block["element"], _IN_INPUT)


def _check_rich_text(found: Problems, at: str, block: dict[str, Any]) -> None:
    for number, element in enumerate(found.items(at, block, "elements", 0, 1000)):
        kind = element.get("type") if isinstance(element, dict) else None
        if kind not in _RICH:
            found.add(f"{at}/elements/{number}/type", f"unsupported type: {kind}")


def _check_markdown(found: Problems, at: str, block: dict[str, Any]) -> None:
    found.text(at, block, "text", 12_000)


def _check_alert(found: Problems, at: str, block: dict[str, Any]) -> None:
    found.text_object(at, block, "text", 3000)


def _check_file(found: Problems, at: str, block: dict[str, Any]) -> None:
    found.text(at, block, "external_id", 255)
    found.text(at, block, "source", 255)


def _check_nothing(found: Problems, at: str, block: dict[str, Any]) -> None:
    """A divider has nothing that could be wrong."""


_ONLY_IN_MESSAGES = {"context_actions", "markdown", "table", "data_table", "data_visualization", "file"}
_BLOCKS: dict[str, Callable[[Problems, str, dict[str, Any]], None]] = {
    "section": _check_section,
    "header": _check_header,
    "divider": _check_nothing,
    "image": _check_image,
    "context": _check_context,
    "actions": _check_actions,
    "context_actions": _check_context_actions,
    "input": _check_input,
    "rich_text": _check_rich_text,
    "markdown": _check_markdown,
    "alert": _check_alert,
    "file": _check_file,
    "table": check_table,
    "data_table": check_data_table,
    "data_visualization": check_data_visualization,
}


def _check_element(found: Problems, at: str, element: Any, allowed: set[str]) -> None:
    kind = element.get("type") if isinstance(element, dict) else None
    if kind not in allowed:
        found.add(f"{at}/type", f"unsupported type: {kind}")
        return
    if kind == "image":
        _check_image(found, at, element)
        return
    found.text(at, element, "action_id", 255, required=False)
    if element.get("confirm") is not None:
        _check_confirm(found, f"{at}/confirm", element["confirm"])
    if element.get("placeholder") is not None:
        found.text_object(at, element, "placeholder", 150, plain=True)
    if kind in ("button", "icon_button"):
        found.text_object(at, element, "text", 75, plain=True)
        found.text(at, element, "value", 2000, required=False)
        found.text(at, element, "url", 3000, required=False)
        if kind == "icon_button":
            found.text(at, element, "icon", 255)
        elif element.get("style") not in (None, "primary", "danger"):
            found.add(f"{at}/style", "must be one of: primary, danger")
    elif kind == "feedback_buttons":
        for name in ("positive_button", "negative_button"):
            _check_feedback(found, at, element, name)
    elif kind in ("static_select", "multi_static_select"):
        _check_options(found, at, element, 100, groups=True)
    elif kind == "overflow":
        _check_options(found, at, element, 5)
    elif kind in _CHOICES:
        _check_options(found, at, element, 10)


def _check_feedback(found: Problems, at: str, element: dict[str, Any], name: str) -> None:
    button = element.get(name)
    if not isinstance(button, dict):
        found.add(at, f"missing required field: {name}")
        return
    found.text_object(f"{at}/{name}", button, "text", 75, plain=True)
    found.text(f"{at}/{name}", button, "value", 2000)
    found.text(f"{at}/{name}", button, "accessibility_label", 75, required=False)


def _check_options(
    found: Problems, at: str, element: dict[str, Any], most: int, groups: bool = False
) -> None:
    if groups and element.get("option_groups"):
        for number, group in enumerate(found.items(at, element, "option_groups", 1, 100)):
            place = f"{at}/option_groups/{number}"
            found.text_object(place, group, "label", 75, plain=True)
            _check_options(found, place, group, most)
        return
    for number, option in enumerate(found.items(at, element, "options", 1, most)):
        place = f"{at}/options/{number}"
        if not isinstance(option, dict):
            found.add(place, "must be an object")
            continue
        found.text_object(place, option, "text", 75)
        found.text(place, option, "value", 150)
        if option.get("description"):
            found.text_object(place, option, "description", 75)


def _check_confirm(found: Problems, at: str, confirm: Any) -> None:
    if not isinstance(confirm, dict):
        found.add(at, "must be an object")
        return
    for name, most in (("title", 100), ("text", 300), ("confirm", 30), ("deny", 30)):
        if name == "text" or confirm.get(name) is not None:
            found.text_object(at, confirm, name, most)
