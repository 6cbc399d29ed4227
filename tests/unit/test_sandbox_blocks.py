"""Block Kit is refused where Slack refuses it, with Slack's words and pointers."""

import pytest

from sandbox.blocks import accepted, check_blocks
from sandbox.workspace import SlackError

PLAIN = {"type": "plain_text", "text": "Yes"}


def button(**fields):
    return {"type": "button", "action_id": "b", "text": PLAIN, **fields}


def section(text):
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def actions(*elements):
    return {"type": "actions", "elements": list(elements)}


def feedback(**fields):
    thumb = {"text": PLAIN, "value": "up"}
    return {
        "type": "feedback_buttons",
        "action_id": "f",
        "positive_button": thumb,
        "negative_button": thumb | {"value": "down"},
        **fields,
    }


def context_actions(*elements):
    return {"type": "context_actions", "elements": list(elements)}


def cells(*texts):
    return [{"type": "raw_text", "text": text} for text in texts]


def data_table(rows, **fields):
    return {"type": "data_table", "caption": "Numbers", "rows": rows, **fields}


def chart(**fields):
    return {"type": "data_visualization", "title": "Mood", "chart": fields}


def series(name, *points):
    return {"name": name, "data": [{"label": label, "value": value} for label, value in points]}


AXES = {"categories": ["Mon", "Tue"], "x_label": "day"}
RICH = {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": []}]}
OPTION = {"text": PLAIN, "value": "v"}

GOOD = [
    section("hello"),
    {"type": "section", "fields": [PLAIN], "accessory": button()},
    {"type": "divider"},
    {"type": "header", "text": PLAIN},
    {"type": "image", "image_url": "https://example.org/a.png", "alt_text": "a"},
    {"type": "context", "elements": [PLAIN, {"type": "image", "image_url": "x", "alt_text": "y"}]},
    actions(button(), {"type": "static_select", "action_id": "s", "options": [OPTION]}),
    actions({"type": "overflow", "action_id": "o", "options": [OPTION]}),
    actions({"type": "static_select", "option_groups": [{"label": PLAIN, "options": [OPTION]}]}),
    context_actions(feedback(), {"type": "icon_button", "icon": "trash", "text": PLAIN}),
    {"type": "input", "label": PLAIN, "element": {"type": "plain_text_input", "action_id": "t"}},
    RICH,
    {"type": "markdown", "text": "**bold**"},
    {"type": "table", "rows": [cells("a", "b")]},
    data_table([cells("Name", "N"), [cells("x")[0], {"type": "raw_number", "value": 3}]]),
    data_table([cells("Name"), [RICH]], page_size=10),
    chart(type="pie", segments=[{"label": "good", "value": 3}]),
    chart(type="line", series=[series("a", ("Mon", 1), ("Tue", -2))], axis_config=AXES),
]


@pytest.mark.parametrize("block", GOOD, ids=lambda block: block["type"])
def test_what_slack_takes_is_taken(block):
    assert check_blocks([block]) == []


BAD = [
    ({"type": "carpet"}, "unsupported type: carpet [json-pointer:/blocks/0/type]"),
    ({}, "missing required field: type [json-pointer:/blocks/0]"),
    (section("x" * 3001), "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"),
    ({"type": "section"}, "missing required field: text [json-pointer:/blocks/0]"),
    ({"type": "header", "text": {"type": "mrkdwn", "text": "x"}}, "unsupported type: mrkdwn"),
    ({"type": "header", "text": {**PLAIN, "text": "x" * 151}}, "must be less than 151 characters"),
    ({"type": "context", "elements": [PLAIN] * 11}, "no more than 10 items allowed"),
    ({"type": "context", "elements": [button()]}, "unsupported type: button"),
    (actions(*[button(action_id=str(n)) for n in range(26)]), "no more than 25 items allowed"),
    (actions(button(value="v" * 2001)), "must be less than 2001 characters"),
    (actions(button(action_id="a" * 256)), "must be less than 256 characters"),
    (actions(button(), button()), "`action_id` b already exists"),
    (actions(button(style="pretty")), "must be one of: primary, danger"),
    (actions(button(confirm={"title": PLAIN})), "missing required field: text"),
    (actions(feedback()), "unsupported type: feedback_buttons"),
    (context_actions(*[feedback(action_id=str(n)) for n in range(6)]), "no more than 5 items allowed"),
    (context_actions(button()), "unsupported type: button"),
    (context_actions(feedback(positive_button=None)), "missing required field: positive_button"),
    (actions({"type": "overflow", "options": [OPTION] * 6}), "no more than 5 items allowed"),
    (actions({"type": "static_select", "options": [{**OPTION, "value": "v" * 151}]}), "less than 151"),
    ({"type": "input", "label": PLAIN}, "missing required field: element"),
    ({"type": "input", "label": PLAIN, "element": button()}, "unsupported type: button"),
    ({"type": "image", "image_url": "x"}, "missing required field: alt_text"),
    ({"type": "markdown", "text": "x" * 12_001}, "must be less than 12001 characters"),
    ({"type": "rich_text", "elements": [PLAIN]}, "unsupported type: plain_text"),
    (data_table([cells("a")]), "no fewer than 2 items allowed"),
    (data_table([cells("a")] * 102), "no more than 101 items allowed"),
    (data_table([cells("a"), cells("a", "b")]), "all rows must have the same number of cells"),
    (data_table([cells(*"abcdefghijklmnopqrstu")] * 2), "must have 1 to 20 items"),
    (data_table([[RICH], cells("a")]), "unsupported type: rich_text [json-pointer:/blocks/0/rows/0/0/type]"),
    (data_table([cells("a")] * 2, caption=None), "missing required field: caption"),
    (data_table([cells("a")] * 2, page_size=0), "must be between 1 and 100"),
    (chart(type="donut"), "unsupported type: donut"),
    (chart(type="pie", segments=[{"label": str(n), "value": 1} for n in range(7)]), "no more than 6 items"),
    (chart(type="pie", segments=[{"label": "a", "value": 0}]), "must be greater than 0"),
    (chart(type="bar", series=[series("a", ("Mon", 1))], axis_config=AXES), "exactly one point for each"),
    (
        chart(type="bar", series=[series("a", ("Mon", 1), ("Tue", 2))] * 2, axis_config=AXES),
        "series names must be unique",
    ),
    (chart(type="area", series=[series("a", ("Mon", 1))]), "missing required field: axis_config"),
    ({**chart(type="pie", segments=[]), "title": "x" * 51}, "must be less than 51 characters"),
]


@pytest.mark.parametrize(("block", "complaint"), BAD, ids=lambda value: str(value)[:40])
def test_what_slack_refuses_is_refused(block, complaint):
    assert any(complaint in message for message in check_blocks([block])), check_blocks([block])


def test_a_message_has_50_blocks_and_a_view_100():
    many = [{"type": "divider"}] * 51
    assert check_blocks(many) == ["no more than 50 items allowed [json-pointer:/blocks]"]
    assert check_blocks(many, view=True) == []
    assert check_blocks(many * 2, view=True) == ["no more than 100 items allowed [json-pointer:/blocks]"]


def test_a_message_has_two_charts_and_unique_block_ids():
    pie = chart(type="pie", segments=[{"label": "a", "value": 1}])
    assert check_blocks([pie, pie]) == []
    assert "no more than 2 data_visualization blocks" in check_blocks([pie, pie, pie])[0]
    twice = {"type": "divider", "block_id": "same"}
    assert "`block_id` same already exists" in check_blocks([twice, twice])[0]


def test_message_blocks_are_no_view_blocks():
    assert check_blocks([{"type": "markdown", "text": "x"}], view=True)


def test_missing_ids_are_given_and_the_callers_blocks_stay_as_they_are():
    given = [actions({"type": "button", "text": PLAIN}), {"type": "section", "text": PLAIN}]
    taken = accepted(given)
    assert all(block["block_id"] for block in taken)
    assert taken[0]["elements"][0]["action_id"]
    assert "block_id" not in given[0]
    assert "action_id" not in given[0]["elements"][0]


def test_a_refusal_carries_slacks_fields():
    with pytest.raises(SlackError) as refusal:
        accepted([{"type": "carpet"}])
    assert refusal.value.code == "invalid_blocks"
    messages = refusal.value.extra["response_metadata"]["messages"]
    assert messages == ["[ERROR] unsupported type: carpet [json-pointer:/blocks/0/type]"]
