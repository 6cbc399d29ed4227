from bot.domain.learning import Candidate, Opinion
from bot.learning.asking import MOST_OPINIONS, PATIENCE_S, questions
from bot.learning.selection import DISPUTED, SHARED, SURE, Held
from bot.settings import AskSettings

NONE = AskSettings(random=0.0, random_flagged=0.0, uncertain_a_day=0)
ALL = AskSettings(random=1.0, random_flagged=1.0, random_a_day=100, uncertain_a_day=0)


def test_the_lot_draws_its_share_and_depends_on_nothing_else() -> None:
    many = [Candidate(i, 0.99, False) for i in range(40_000)]
    wide = AskSettings(random_a_day=10_000)
    asks = questions(many, [], [], ["UA"], wide, "s")
    assert 0.013 < len(asks) / len(many) < 0.017
    assert {a.message for a in questions(many[:1000], [], [], ["UA"], wide, "s")} <= {a.message for a in asks}
    assert {a.message for a in questions(many, [], [], ["UA"], wide, "t")} != {a.message for a in asks}


def test_a_day_has_its_limits() -> None:
    many = [Candidate(i, 0.4, False) for i in range(50)]
    asks = questions(many, [], [("random", "UA")] * 97, ["UA"], ALL, "s")
    assert len(asks) == 3
    uncertain = AskSettings(random=0.0, uncertain_a_day=5)
    assert len(questions(many, [], [("uncertain", "UA")] * 2, ["UA"], uncertain, "s")) == 3


def test_the_least_certain_are_asked_and_no_flagged_one() -> None:
    some = [
        Candidate(1, 0.59, False),
        Candidate(2, 0.40, False),
        Candidate(3, 0.35, True),
        Candidate(4, 0.61, False),
    ]
    portions = AskSettings(random=0.0, random_flagged=0.0, uncertain_a_day=5)
    assert [(a.message, a.why) for a in questions(some, [], [], ["UA"], portions, "s")] == [
        (2, "uncertain"),
        (1, "uncertain"),
    ]


def test_questions_go_to_who_was_asked_least_and_never_to_who_has_spoken() -> None:
    some = [Candidate(i, 0.9, False) for i in range(4)]
    asks = questions(some, [], [("random", "UA")], ["UA", "UB"], ALL, "s")
    assert (
        sorted(a.person or "" for a in asks) == ["UA", "UB", "UB", "UB"]
        or [a.person for a in asks].count("UB") >= 2
    )
    held = [
        Held(7, (1, 2), ("UA", "UB"), DISPUTED),
        Held(8, (3,), ("UA",), SURE),
        Held(9, (4,), ("UA",), SHARED),
    ]
    found = questions([], held, [], ["UA", "UB", "UC"], NONE, "s")
    assert [(a.message, a.why) for a in found] == [(8, "second"), (7, "third")]
    assert found[1].person == "UC" and found[0].person in ("UB", "UC")
    assert questions([], held[:1], [], ["UA", "UB"], NONE, "s") == []
    assert questions(some, held, [], [], ALL, "s") == []


def test_opinions_have_a_limit_a_day_and_what_nobody_was_asked_about_comes_first() -> None:
    held = [Held(i, (i,), ("UA",), SURE) for i in range(1, 31)]
    stale = [Opinion(i, "second", "UB", 0.0, open=False) for i in range(16, 31)]
    portions = AskSettings(random=0.0, random_flagged=0.0, uncertain_a_day=0, opinions_a_day=20)
    asks = questions(
        [], held, [("third", "UB"), ("random", "UB")], ["UA", "UB", "UC"], portions, "s", stale, 9e9
    )
    assert [a.message for a in asks] == [*range(15, 0, -1), 30, 29, 28, 27]


def test_who_cannot_tell_or_is_silent_is_followed_by_another() -> None:
    held = [Held(7, (1,), ("UA",), SURE)]
    team = ["UA", "UB", "UC", "UD", "UE"]

    def asked(*opinions: Opinion, now: float = 100.0) -> list[str | None]:
        return [a.person for a in questions([], held, [], team, NONE, "s", opinions, now)]

    waiting = Opinion(7, "second", "UB", 100.0, open=True)
    passed = Opinion(7, "second", "UB", 50.0, open=False)
    assert asked() == ["UB"]
    assert asked(waiting) == [] == asked(passed, Opinion(7, "second", "UC", 60.0, open=True))
    assert asked(waiting, now=100.0 + PATIENCE_S) == ["UC"] == asked(passed)
    assert asked(*[Opinion(7, "second", who, 0.0, open=False) for who in team[1 : 1 + MOST_OPINIONS]]) == []
    assert asked(Opinion(7, "third", "UC", 99.0, open=True), Opinion(8, "second", "UC", 99.0, open=True)) == [
        "UB"
    ]
