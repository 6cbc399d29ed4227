"""Block Kit builders: pure, within Slack's limits, and harmless whatever a customer wrote."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.desk.answers import CUSTOMER_WANTS_A_PERSON, DID_NOT_HELP, NONE_OF_THESE
from bot.domain.actions import Draft, Notice
from bot.domain.case import CaseView
from bot.domain.learning import Example
from bot.domain.message import StoredMessage
from bot.pipeline.decide import ASKED_FOR_A_PERSON, SAME_ANSWER
from bot.slack import blocks, team_blocks
from model.reading import Reading

CASE = CaseView(
    id=7,
    team="T1",
    channel="C1",
    thread="1.0",
    message_ts="2.0",
    customer="U1",
    flag="unhappy",
    text="it &lt;fails&gt; <!channel> for <@U2|bea> in <#C3|ops>, see <https://x.io|the log>",
    label="negative",
    confidence=0.94,
    version="support-1",
    reasons=("reads negative", "requests about Exporting data"),
    state="open",
    owner=None,
    corrected=None,
    message_id=3,
)


def texts(shown: list[dict[str, Any]]) -> str:
    return json.dumps(shown, ensure_ascii=False)


def action_ids(shown: list[dict[str, Any]]) -> list[str]:
    return [e["action_id"] for b in shown for e in b.get("elements", []) if "action_id" in e]


def test_an_open_card() -> None:
    shown = team_blocks.card(CASE, "https://acme/p1")
    assert (
        shown[0]["text"]["text"]
        == "*🔴 Unhappy customer* · <@U1> in <#C1> · <https://acme/p1|open the message>"
    )
    assert (
        shown[1]["text"]["text"] == ">it &lt;fails&gt; @channel for @bea in #ops, see the log (https://x.io)"
    )
    assert "😟 negative · 94% sure · requests about Exporting data · model support-1" in texts(shown)
    assert action_ids(shown) == ["take_case", "resolve_case", "correct_label"]


def test_a_taken_and_a_resolved_card() -> None:
    taken = team_blocks.card(dataclasses.replace(CASE, state="taken", owner="UA"), None)
    assert "Taken by <@UA>" in texts(taken)
    assert action_ids(taken) == ["resolve_case", "correct_label"]
    resolved = team_blocks.card(dataclasses.replace(CASE, state="resolved", owner="UA"), None)
    assert "Resolved by <@UA>" in texts(resolved)
    assert action_ids(resolved) == ["correct_label"]
    assert "✅ Resolved" in texts(team_blocks.card(dataclasses.replace(CASE, state="resolved"), None))


def test_a_corrected_card_and_one_that_was_not_scored() -> None:
    shown = texts(team_blocks.card(dataclasses.replace(CASE, corrected="neutral"), None))
    assert "~😟 negative · 94% sure~ → 😐 neutral, corrected by a person" in shown
    confirmed = texts(team_blocks.card(dataclasses.replace(CASE, corrected="negative"), None))
    assert "negative · 94% sure, confirmed by a person" in confirmed
    assert team_blocks.headline(CASE) == "🔴 Unhappy customer in <#C1>"
    unread = dataclasses.replace(CASE, flag="unread", label=None, confidence=0.0, text="")
    assert "not scored" in texts(team_blocks.card(unread, None))
    assert "(nothing to show)" in texts(team_blocks.card(unread, None))


def test_the_card_of_a_request_says_what_happened_and_not_how_the_question_read() -> None:
    did_not_help = dataclasses.replace(
        CASE, flag="request", cause="The customer says that the answer did not help"
    )
    shown = texts(team_blocks.card(did_not_help, None))
    assert "says that the answer did not help" in shown and "94%" not in shown and "sure" not in shown
    asked = dataclasses.replace(CASE, flag="request", reasons=("reads negative", "asked for a person"))
    shown = texts(team_blocks.card(asked, None))
    assert "asked for a person" in shown and "94%" not in shown
    labelled = texts(team_blocks.card(dataclasses.replace(asked, corrected="neutral"), None))
    assert "😐 neutral, labelled by a person" in labelled


@pytest.mark.parametrize(
    ("reasons", "cause", "title"),
    [
        (("reads neutral", "no template matches"), None, "🔵 Customer needs a reply"),
        (("reads neutral", ASKED_FOR_A_PERSON), None, "🔵 Customer asks for a person"),
        (("reads neutral", SAME_ANSWER), None, "🔵 Our answer did not help"),
        (("reads neutral", "asks about Exports"), DID_NOT_HELP, "🔵 Our answer did not help"),
        (("reads neutral",), CUSTOMER_WANTS_A_PERSON, "🔵 Customer asks for a person"),
        # What happened last counts, not the message that it happened to.
        (("reads neutral", ASKED_FOR_A_PERSON), NONE_OF_THESE, "🔵 Customer needs a reply"),
    ],
)
def test_the_title_of_a_request_says_what_happened(
    reasons: tuple[str, ...], cause: str | None, title: str
) -> None:
    case = dataclasses.replace(CASE, flag="request", reasons=reasons, cause=cause)
    assert team_blocks.headline(case) == f"{title} in <#C1>"
    assert f"*{title}*" in texts(team_blocks.card(case, None))
    assert f"*{title}*" in texts(blocks.home("agent", "Acme", [case], []))
    # An unhappy customer's card says that first, whatever else happened.
    assert blocks.title(dataclasses.replace(case, flag="unhappy")) == "🔴 Unhappy customer"


def test_an_answer_asks_whether_it_helped() -> None:
    native = blocks.reply("Here.", 5, native=True)
    buttons = native[1]["elements"][0]
    assert buttons["type"] == "feedback_buttons"
    assert json.loads(buttons["positive_button"]["value"]) == {"message": 5, "word": "helpful"}
    plain = blocks.reply("Here.", 5, native=False)
    assert action_ids(plain) == ["rate_helpful", "rate_not_helpful"]


def test_did_you_mean_has_at_most_three_options_and_a_way_out() -> None:
    options = [{"template": f"t{i}", "title": "x" * 100} for i in range(5)]
    shown = blocks.clarify("Did you mean?", options, 5)
    assert action_ids(shown) == ["choose_0", "choose_1", "choose_2", "choose_none"]
    assert all(len(e["text"]["text"]) <= 75 for e in shown[1]["elements"])


DRAFT = Draft(
    key="k",
    text="Hello",
    reply="template",
    template="export",
    rate=True,
    customer_channel="C1",
    customer_thread="1.0",
)


def test_a_draft_and_notices() -> None:
    shown = team_blocks.draft(DRAFT, 5, "https://acme/p1")
    assert action_ids(shown) == ["send_draft"]
    assert "open the message" not in texts(team_blocks.draft(DRAFT, 5, None))
    table = [["Check", "Before"], ["macro-F1", 0.92]]
    report = Notice(key="k", text="Done", caption="Before and after", table=table)
    shown_table = team_blocks.notice(report, native=True)[1]
    assert shown_table["rows"][1] == [
        {"type": "raw_text", "text": "macro-F1"},
        {"type": "raw_number", "value": 0.92, "text": "0.920"},
    ]
    assert team_blocks.notice(report, native=False)[1]["text"]["text"] == "Check · Before\nmacro-F1 · 0.92"
    assert len(team_blocks.notice(Notice(key="k", text="Only text"), native=True)) == 1
    assert team_blocks.data_table("c", [["a"], [""]])["rows"][1][0]["text"] == "–"


def test_the_home_by_role() -> None:
    customer = texts(blocks.home("customer", "Acme", [CASE], ["*Model* x"]))
    assert "Help with Acme" in customer
    assert "Unhappy" not in customer and "Model" not in customer
    team = texts(blocks.home("agent", "Acme", [CASE, dataclasses.replace(CASE, owner="UA")], ["*Model* x"]))
    assert "Open cases" in team and "taken by <@UA>" in team and "*Model* x" in team
    assert "No open cases" in texts(blocks.home("admin", "Acme", [], ["ok"]))


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        ("&lt;!channel&gt;", "<!channel>"),
        ("<!here>", "@here"),
        ("<!date^1700000000^{date}|Tuesday>", "Tuesday"),
        ("<@U1>", "@someone"),
        ("<#C1>", "#a channel"),
        ("<https://a.b>", "https://a.b"),
        ("<https://a.b|https://a.b>", "https://a.b"),
        ("a\u202eb\x00c\u200bd", "abcd"),
        ("two\nlines", "two\nlines"),
    ],
)
def test_readable(raw: str, read: str) -> None:
    assert blocks.readable(raw) == read


@given(st.text(max_size=6000))
def test_a_quotation_holds_no_markup_and_keeps_the_limit(raw: str) -> None:
    quoted = blocks.quote(raw)
    assert all(line.startswith(">") for line in quoted.splitlines())
    assert "<" not in quoted
    section = team_blocks.card(dataclasses.replace(CASE, text=raw), None)[1]
    assert 1 <= len(section["text"]["text"]) <= 3000
    assert section["text"]["verbatim"] is True


def test_shorten() -> None:
    assert blocks.shorten("abcdef", 4) == "abc…"


def test_what_the_team_sees_of_questions_proposals_and_readings() -> None:
    proposed = Example(1, "export", "words", "U1", "approved", "U2")
    approved = json.dumps(team_blocks.example(proposed, "Export"))
    assert "Added as an example by <@U2>" in approved and "button" not in approved
    gone = dataclasses.replace(proposed, state="forgotten", text=None)
    assert "removed together with its message" in json.dumps(team_blocks.example(gone, "Export"))
    slow = team_blocks.reading_modal(None, None, [], [])
    assert "took too long" in json.dumps(slow)
    failed = json.dumps(team_blocks.reading_modal(None, None, [], [], failed=True))
    assert "couldn't read this message" in failed and "too long" not in failed
    whole = team_blocks.reading_modal(None, Reading("v", "neutral", {"neutral": 0.9}, None), [], [])
    assert "No single word made the difference" in json.dumps(whole)
    stored = StoredMessage(
        1,
        "T1",
        "C1",
        "1.0",
        "1.0",
        "U1",
        "customer",
        "words",
        label="negative",
        confidence=0.81,
        version="v-1",
    )
    since = json.dumps(
        team_blocks.reading_modal(stored, Reading("v", "neutral", {"neutral": 0.9}, None), [], [])
    )
    assert (
        "When it was written" in since
        and "(81%) by v-1" in since
        and "your label is compared with it" in since
    )
    calm = dataclasses.replace(stored, label="neutral")
    same = json.dumps(team_blocks.reading_modal(calm, Reading("v", "neutral", {}, None), [], []))
    assert "When it was written" not in same
    worse = [{"message": 1, "text": None, "label": "neutral", "read": "negative"}]
    notice = json.dumps(
        team_blocks.notice(Notice(key="k", text="x", worse=worse), native=True, links={1: "https://s/1"})
    )
    assert "<https://s/1|a customer's message> is neutral, was read as negative" in notice
    unlinked = json.dumps(team_blocks.notice(Notice(key="k", text="x", worse=worse), native=True))
    assert "• a customer's message is neutral" in unlinked or "a customer's message is neutral" in unlinked
