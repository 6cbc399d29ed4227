"""Whatever comes, no module of the road falls over, and nothing goes over Slack's limits. Hypothesis looks for what does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.domain.actions import Draft, Notice
from bot.domain.case import CaseView
from bot.domain.learning import Example
from bot.domain.message import Deletion, Edit, Message, Skip, StoredMessage
from bot.ops.init import text as example_text
from bot.pipeline.gate import as_it_is, gate
from bot.pipeline.templates import Templates, load_templates, values_for
from bot.slack import blocks, team_blocks
from model.explain import Weighed
from model.reading import Reading

values: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40)
    | st.sampled_from(["C1", "U1", "message", "1700000000.000100", "message_changed", "message_deleted", "tombstone"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
keys = st.sampled_from([
    "type", "subtype", "channel", "user", "text", "ts", "event_ts", "thread_ts", "bot_id", "message", "previous_message",
    "deleted_ts", "edited",
])  # fmt: skip
events = st.dictionaries(keys, values | st.dictionaries(keys, values, max_size=6), max_size=10)
any_text = st.text(max_size=9000) | st.text(alphabet="<>&@#!|*_`~\n\u202e\x00 a", max_size=9000)


@given(events)
@settings(max_examples=400)
def test_the_gate_makes_something_of_any_event_or_says_that_it_has_no_shape(event: dict[str, Any]) -> None:
    try:
        found = gate(event, team="T1", channels={"C1": "auto"}, roles={}, bot_user="UB")
    except (KeyError, TypeError, ValueError, AttributeError):
        return  # the pipeline sets it aside as failed, with this reason; nothing else may come out
    finally:
        plain = as_it_is(event, team="T1", channels={"C1": "auto"})
        assert plain is None or plain.channel == "C1"
    assert isinstance(found, Message | Edit | Deletion | Skip)
    if isinstance(found, Message):
        assert found.channel == "C1" and isinstance(found.text, str) and isinstance(found.user, str)


def walk(block: Any) -> Iterator[dict[str, Any]]:
    if isinstance(block, dict):
        yield block
        for value in block.values():
            yield from walk(value)
    elif isinstance(block, list):
        for value in block:
            yield from walk(value)


def within_limits(shown: list[dict[str, Any]]) -> None:
    """Slack's limits: 50 blocks (100 in a modal), section text 3,000, context 2,000, button text 75, value 2,000, header 150."""
    assert len(shown) <= 50
    for block in shown:
        if block["type"] == "section":
            assert 1 <= len(block["text"]["text"]) <= 3000
        if block["type"] == "header":
            assert len(block["text"]["text"]) <= 150
        if block["type"] == "context":
            assert all(1 <= len(e["text"]) <= 2000 for e in block["elements"])
        for part in walk(block):
            if part.get("type") == "button":
                assert 1 <= len(part["text"]["text"]) <= 75 and len(part["value"]) <= 2000
            if "options" in part:
                assert 1 <= len(part["options"]) <= 100
                assert all(
                    1 <= len(o["text"]["text"]) <= 75 and len(o["value"]) <= 150 for o in part["options"]
                )
            if part.get("type") == "data_table":
                assert len(part["rows"]) <= 101 and all(len(row) <= 20 for row in part["rows"])
    json.dumps(shown)


def case(text: str | None, **more: Any) -> CaseView:
    facts: dict[str, Any] = {
        "id": 1, "team": "T1", "channel": "C1", "thread": "1.0", "message_ts": "1.0", "customer": "U1", "flag": "unhappy",
        "text": text, "label": "negative", "confidence": 0.9, "version": "v", "reasons": (), "state": "open", "owner": None,
        "corrected": None, "message_id": 1,
    }  # fmt: skip
    return CaseView(**facts | more)


@given(any_text, any_text, st.lists(any_text, max_size=4))
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example])
def test_no_builder_goes_over_slacks_limits(text: str, other: str, some: list[str]) -> None:
    words = [Weighed(word, 1.0) for word in [text[:300], *some]]
    reading = Reading(other[:200], "negative", {"negative": 0.9, "neutral": 0.1, "positive": 0.0}, None)
    stored = StoredMessage(
        1, "T1", "C1", "1.0", "1.0", "U1", "customer", text, label="negative", version=other
    )
    proposed = Example(1, "export", text, "U1", "proposed", None)
    worse = [{"message": None, "text": t, "label": "neutral", "read": None} for t in [text, other, *some]]
    table = [["a", *some], [other, 1.0]]
    notice = Notice(key="k", text=text or "x", caption=other, table=table, worse=worse)
    draft = Draft(
        key="k",
        text=text or "x",
        reply="template",
        template=None,
        rate=False,
        customer_channel="C1",
        customer_thread="1",
    )
    options = [{"template": f"t{i}", "title": t or "x"} for i, t in enumerate(some)]
    for shown in (
        blocks.reply(text or "x", 1, native=True),
        blocks.reply(text or "x", 1, native=False),
        blocks.not_helped(text or "x", 1),
        blocks.clarify(text or "x", options, 1),
        team_blocks.card(case(text, reasons=tuple(some)), "https://x"),
        team_blocks.card(case(None, state="resolved", owner="U2"), None),
        team_blocks.label_request(text, "U1", None, 1, 1),
        team_blocks.label_request_closed(text, None),
        team_blocks.example(proposed, other or "x"),
        team_blocks.draft(draft, 1, None),
        team_blocks.notice(notice, native=True),
        team_blocks.notice(notice, native=False),
        blocks.home("agent", "Acme", [case(text)] * 60, [other or "x", *some]),
        team_blocks.reading_modal(
            stored, reading, words, [(f"t{i}", t or "x") for i, t in enumerate([other, *some])]
        )["blocks"],
        team_blocks.reading_modal(None, Reading("v", None, None, None, other), [], [])["blocks"],
    ):
        within_limits(shown)


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    folder = tmp_path_factory.mktemp("config")
    (folder / "templates.yaml").write_text(example_text("templates.yaml"), "utf-8")
    return load_templates(folder)


@given(customer=any_text, product=any_text)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_no_name_becomes_code_or_markup_in_an_answer(
    templates: Templates, customer: str, product: str
) -> None:
    for template in templates:
        said = templates.render(template.id, "neutral", values_for(customer, product))
        assert "<!channel>" not in said and "{{" not in said.replace(product, "").replace(customer, "")
