"""The rules of conduct, row by row."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.domain.message import Decision, Message, TemplateMatch, Thread
from bot.pipeline.decide import decide, is_question, is_small_talk, wants_a_person, when_late
from bot.settings import RuleSettings
from model.reading import Reading

RULES = RuleSettings(match_threshold=0.55, match_margin=0.04, strong_threshold=0.62, clarify_threshold=0.45)
EXPORT = TemplateMatch("export", "Exporting data", 0.8)
FAR = [TemplateMatch("export", "Exporting data", 0.2), TemplateMatch("refund", "Refunds", 0.1)]
NOW = 1_000_000.0


def reading(label: str | None, sure: float = 0.9, reason: str | None = None) -> Reading:
    if label is None:
        return Reading("v1", None, None, None, reason)
    rest = (1 - sure) / 2
    scores = {name: (sure if name == label else rest) for name in ("negative", "neutral", "positive")}
    return Reading("v1", label, scores, None)


def decided(
    label: str | None = "neutral",
    text: str = "How do I export my data?",
    matches: list[TemplateMatch] | None = None,
    *,
    sure: float = 0.9,
    reason: str | None = None,
    reply: bool = False,
    **thread: Any,
) -> Decision:
    ts = f"{NOW:.6f}"
    message = Message("T1", "C1", ts, "1.0" if reply else ts, "U1", text, "customer", "auto")
    matches = [EXPORT, FAR[1]] if matches is None else matches
    return decide(message, text, reading(label, sure, reason), matches, Thread(**thread), RULES)


def kind(decision: Decision) -> tuple[Any, Any]:
    return decision.reply, decision.flag


def test_a_question_with_a_near_template_is_answered() -> None:
    decision = decided()
    assert (decision.reply, decision.template, decision.tone, decision.flag) == (
        "template",
        "export",
        "neutral",
        None,
    )


def test_not_scored_is_flagged_as_unread_and_not_answered() -> None:
    decision = decided(None, reason="other language")
    assert kind(decision) == (None, "unread")
    assert decision.reasons == ("not scored: other language",)


def test_an_unhappy_customer_with_a_strong_match_gets_the_soft_tone_and_a_person() -> None:
    decision = decided("negative")
    assert (decision.template, decision.tone, decision.flag) == ("export", "negative", "unhappy")


def test_the_threshold_is_a_probability_whatever_the_likeliest_label() -> None:
    quarter = replace(RULES, negative_threshold=0.25)
    message = Message("T1", "C1", "1.0", "1.0", "U1", "and the export?", "customer", "auto")
    for rules, flag in ((RULES, None), (quarter, "unhappy")):
        decision = decide(message, message.text, reading("neutral", 0.4), [EXPORT], Thread(), rules)
        assert decision.flag == flag


def test_an_unhappy_customer_without_a_match_is_held_once() -> None:
    assert kind(decided("negative", matches=FAR)) == ("holding", "unhappy")
    assert kind(decided("negative", matches=FAR, replies=frozenset({"holding"}))) == (None, "unhappy")
    assert kind(decided("negative", matches=[])) == ("holding", "unhappy")


def test_an_unhappy_customer_never_gets_the_same_template_twice() -> None:
    decision = decided("negative", templates_used=frozenset({"export"}))
    assert (decision.reply, decision.flag) == ("holding", "unhappy")


def test_an_uncertain_negative_is_answered_soberly_and_not_flagged() -> None:
    decision = decided("negative", sure=0.45)
    assert (decision.reply, decision.tone, decision.flag) == ("template", "neutral", None)


@pytest.mark.parametrize(("label", "flag"), [("negative", "unhappy"), ("neutral", None), ("positive", None)])
def test_silent_while_a_person_of_the_team_is_in_the_thread(label: str, flag: str | None) -> None:
    assert kind(decided(label, reply=True, team_wrote_at=NOW - 1799)) == (None, flag)


def test_speaks_again_when_the_person_has_been_quiet_long_enough() -> None:
    assert decided(reply=True, team_wrote_at=NOW - 1801).reply == "template"


def test_one_reply_to_one_conversation() -> None:
    same = {"conversation_answered": True, "conversation_templates": frozenset({"export"})}
    assert kind(decided(**same)) == (None, None)
    assert kind(decided(text="one more remark", conversation_answered=True)) == (None, None)
    assert kind(decided("negative", conversation_answered=True)) == (None, "unhappy")
    assert decided(reply=True, conversation_answered=True).reply == "template"


def test_another_question_in_the_same_conversation_goes_to_a_person_unanswered() -> None:
    assert kind(decided(conversation_answered=True)) == (None, "request")
    assert kind(decided(text="thanks!", conversation_answered=True)) == (None, None)


def test_asking_for_a_person_is_heard_at_any_time() -> None:
    assert kind(decided(text="Can I talk to a person?", conversation_answered=True)) == (
        "handover",
        "request",
    )


def test_a_message_that_waited_is_not_answered_over_a_persons_head() -> None:
    """The team answered after it was written and before it was read."""
    assert kind(decided(reply=True, team_wrote_at=NOW + 100)) == (None, None)


def test_the_worst_reading_of_a_conversation_sets_the_tone() -> None:
    decision = decided("positive", conversation_negative=True)
    assert decision.tone == "neutral"


def test_the_same_template_does_not_come_twice_in_a_thread() -> None:
    decision = decided(reply=True, templates_used=frozenset({"export"}))
    assert kind(decision) == ("handover", "request")


def test_several_near_templates_are_offered() -> None:
    matches = [
        TemplateMatch("a", "A", 0.60),
        TemplateMatch("b", "B", 0.58),
        TemplateMatch("c", "C", 0.5),
        TemplateMatch("d", "D", 0.49),
    ]
    decision = decided(matches=matches)
    assert decision.reply == "clarify"
    assert [n.template for n in decision.options] == ["a", "b", "c"]
    unused = decided(matches=matches, templates_used=frozenset({"a"}), reply=True)
    assert [n.template for n in unused.options] == ["b", "c", "d"]
    assert kind(decided(matches=matches, replies=frozenset({"clarify"}))) == ("handover", "request")


def test_a_question_that_nothing_is_near_goes_to_a_person_once() -> None:
    assert kind(decided(matches=FAR)) == ("handover", "request")
    assert kind(decided(matches=[])) == ("handover", "request")
    assert kind(decided(matches=FAR, replies=frozenset({"handover"}))) == (None, "request")


def test_a_remark_in_a_thread_is_left_alone() -> None:
    assert kind(decided(text="It was the second file.", matches=FAR, reply=True)) == (None, None)
    assert kind(decided(text="Which file do you need?", matches=FAR, reply=True)) == ("handover", "request")


def test_asking_for_a_person() -> None:
    assert kind(decided(text="Can I talk to a human please")) == ("handover", "request")


@pytest.mark.parametrize(
    "text",
    [
        "hi",
        "Thanks!",
        "please thank you",
        "ok thanks a lot",
        "great, thank you so much!",
        "ok, thanks",
        "Good morning everyone",
        "got it",
        "perfect",
        "nvm",
    ],
)
def test_small_talk_is_left_alone(text: str) -> None:
    assert kind(decided("neutral", text=text)) == (None, None)


def test_praise_is_left_alone_unless_a_question_came_with_it() -> None:
    assert kind(decided("positive", text="The new board is wonderful.")) == (None, None)
    decision = decided("positive", text="Love it! How do I export my data?")
    assert (decision.reply, decision.tone) == ("template", "positive")


def test_sour_small_talk_counts_as_unhappy() -> None:
    assert decided("negative", text="great, thanks", matches=FAR).flag == "unhappy"


@pytest.mark.parametrize(
    "text",
    [
        "hello there",
        "thank you so much",
        "thanks a lot!!",
        "okay, will do",
        "cheers",
        "ty :)",
        "all right",
        "noted, thanks",
    ],
)
def test_whole_message_small_talk(text: str) -> None:
    assert is_small_talk(text)


@pytest.mark.parametrize(
    "text",
    ["hi, my export fails", "thanks but it still crashes", "ok so what now", "great service, again down", ""],
)
def test_more_than_small_talk(text: str) -> None:
    assert not is_small_talk(text)


@pytest.mark.parametrize(
    "text",
    [
        "human please",
        "I want a human",
        "agent please",
        "let me speak to your manager",
        "can you put me through to someone",
        "I want to speak to a real person",
        "connect me with an agent",
        "could someone put me through to a human?",
    ],
)
def test_wants_a_person(text: str) -> None:
    assert wants_a_person(text)


@pytest.mark.parametrize(
    "text", ["the person who invited me left", "our agent runs on linux", "how do I add a person?"]
)
def test_speaks_of_persons_without_wanting_one(text: str) -> None:
    assert not wants_a_person(text)


@pytest.mark.parametrize(
    "text", ["how do I", "pls fix this", "is it down", "it is slow?", "I need a receipt"]
)
def test_asks(text: str) -> None:
    assert is_question(text)


def test_perhaps_unhappy_and_no_clear_answer_goes_to_a_person() -> None:
    matches = [TemplateMatch("a", "A", 0.60), TemplateMatch("b", "B", 0.58)]
    assert kind(decided("negative", sure=0.45, matches=matches)) == ("handover", "request")


def test_the_words_we_tell_customers_to_write_are_no_anger() -> None:
    assert kind(decided("negative", text="talk to a person", matches=FAR)) == ("handover", "request")
    angry = "I have had enough of this, it is broken again, let me talk to a person now"
    assert kind(decided("negative", text=angry, matches=FAR)) == ("holding", "unhappy")


@pytest.mark.parametrize("text", ["?", "!!!", "…"])
def test_a_message_without_words_goes_to_a_person_unanswered(text: str) -> None:
    assert kind(decided("negative", text=text, matches=FAR)) == (None, "unread")


def test_a_statement_asks_nothing() -> None:
    assert not is_question("the export returns 504 above 10k rows")


def found(late: Any, decision: Decision, age_s: float = 60.0, mode: Any = "auto") -> Decision:
    message = Message("T1", "C1", f"{NOW:.6f}", f"{NOW:.6f}", "U1", "x", "customer", mode, late)
    return when_late(decision, message, NOW + age_s, RULES)


def test_what_is_found_late_is_answered_while_it_is_of_use() -> None:
    answer = Decision("template", "export")
    assert found(None, answer, 1e6) == answer  # it came as it should; the time it waited is the bot's own
    assert found("open", answer) == answer
    too_late = found("open", answer, RULES.late_answer_max_s + 1)
    assert (too_late.reply, too_late.template, too_late.flag) == (None, None, "request")
    assert "found too late" in too_late.reasons[-1]
    assert kind(found("open", answer, 1e6, "observe")) == (None, None)
    assert kind(found("open", Decision("holding", flag="unhappy"), 1e6)) == (None, "unhappy")
    assert found("open", Decision(), 1e6) == Decision()


def test_what_a_person_answered_meanwhile_is_left_to_them() -> None:
    assert kind(found("answered", Decision("handover", flag="request"))) == (None, None)
    assert kind(found("answered", Decision("holding", flag="unhappy"))) == (None, "unhappy")
