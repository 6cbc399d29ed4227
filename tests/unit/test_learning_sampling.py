from bot.domain.learning import Adjudication, Candidate
from bot.learning.sampling import MAX_ADJUDICATIONS, REPLACE_AFTER_S, label_requests
from bot.learning.selection import DISPUTED, SHARED, SURE, Excluded
from bot.settings import LabelRequestSettings

NONE = LabelRequestSettings(random=0.0, random_flagged=0.0, uncertain_per_day=0)
ALL = LabelRequestSettings(random=1.0, random_flagged=1.0, random_per_day=100, uncertain_per_day=0)


def test_the_lot_draws_its_share_and_depends_on_nothing_else() -> None:
    many = [Candidate(i, 0.99, False) for i in range(40_000)]
    wide = LabelRequestSettings(random_per_day=10_000)
    requests = label_requests(many, [], [], ["UA"], wide, "s")
    assert 0.013 < len(requests) / len(many) < 0.017
    assert {a.message for a in label_requests(many[:1000], [], [], ["UA"], wide, "s")} <= {
        a.message for a in requests
    }
    assert {a.message for a in label_requests(many, [], [], ["UA"], wide, "t")} != {
        a.message for a in requests
    }


def test_a_day_has_its_limits() -> None:
    many = [Candidate(i, 0.4, False) for i in range(50)]
    requests = label_requests(many, [], [("random", "UA")] * 97, ["UA"], ALL, "s")
    assert len(requests) == 3
    uncertain = LabelRequestSettings(random=0.0, uncertain_per_day=5)
    assert len(label_requests(many, [], [("uncertain", "UA")] * 2, ["UA"], uncertain, "s")) == 3


def test_the_least_certain_are_asked_and_no_flagged_one() -> None:
    some = [
        Candidate(1, 0.59, False),
        Candidate(2, 0.40, False),
        Candidate(3, 0.35, True),
        Candidate(4, 0.61, False),
    ]
    budget = LabelRequestSettings(random=0.0, random_flagged=0.0, uncertain_per_day=5)
    assert [(a.message, a.why) for a in label_requests(some, [], [], ["UA"], budget, "s")] == [
        (2, "uncertain"),
        (1, "uncertain"),
    ]


def test_questions_go_to_who_was_asked_least_and_never_to_who_has_spoken() -> None:
    some = [Candidate(i, 0.9, False) for i in range(4)]
    requests = label_requests(some, [], [("random", "UA")], ["UA", "UB"], ALL, "s")
    assert (
        sorted(a.person or "" for a in requests) == ["UA", "UB", "UB", "UB"]
        or [a.person for a in requests].count("UB") >= 2
    )
    excluded = [
        Excluded(7, (1, 2), ("UA", "UB"), DISPUTED),
        Excluded(8, (3,), ("UA",), SURE),
        Excluded(9, (4,), ("UA",), SHARED),
    ]
    found = label_requests([], excluded, [], ["UA", "UB", "UC"], NONE, "s")
    assert [(a.message, a.why) for a in found] == [(8, "second"), (7, "third")]
    assert found[1].person == "UC" and found[0].person in ("UB", "UC")
    assert label_requests([], excluded[:1], [], ["UA", "UB"], NONE, "s") == []
    assert label_requests(some, excluded, [], [], ALL, "s") == []


def test_opinions_have_a_limit_a_day_and_what_nobody_was_asked_about_comes_first() -> None:
    excluded = [Excluded(i, (i,), ("UA",), SURE) for i in range(1, 31)]
    stale = [Adjudication(i, "second", "UB", 0.0, open=False) for i in range(16, 31)]
    budget = LabelRequestSettings(
        random=0.0, random_flagged=0.0, uncertain_per_day=0, adjudications_per_day=20
    )
    requests = label_requests(
        [], excluded, [("third", "UB"), ("random", "UB")], ["UA", "UB", "UC"], budget, "s", stale, 9e9
    )
    assert [a.message for a in requests] == [*range(15, 0, -1), 30, 29, 28, 27]


def test_who_cannot_tell_or_is_silent_is_followed_by_another() -> None:
    excluded = [Excluded(7, (1,), ("UA",), SURE)]
    team = ["UA", "UB", "UC", "UD", "UE"]

    def asked(*adjudications: Adjudication, now: float = 100.0) -> list[str | None]:
        return [a.person for a in label_requests([], excluded, [], team, NONE, "s", adjudications, now)]

    waiting = Adjudication(7, "second", "UB", 100.0, open=True)
    passed = Adjudication(7, "second", "UB", 50.0, open=False)
    assert asked() == ["UB"]
    assert asked(waiting) == [] == asked(passed, Adjudication(7, "second", "UC", 60.0, open=True))
    assert asked(waiting, now=100.0 + REPLACE_AFTER_S) == ["UC"] == asked(passed)
    assert (
        asked(*[Adjudication(7, "second", who, 0.0, open=False) for who in team[1 : 1 + MAX_ADJUDICATIONS]])
        == []
    )
    assert asked(
        Adjudication(7, "third", "UC", 99.0, open=True), Adjudication(8, "second", "UC", 99.0, open=True)
    ) == ["UB"]
