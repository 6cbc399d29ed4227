from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from training.metrics import expected_calibration_error, scores
from training.promote import Measured, Part, difference_bound, refusal, verdict, worsened

GOLD = ["negative"] * 100 + ["neutral"] * 100 + ["positive"] * 100


def with_errors(label: str, count: int, said: str | None) -> list[str | None]:
    predicted: list[str | None] = list(GOLD)
    first = GOLD.index(label)
    predicted[first : first + count] = [said] * count
    return predicted


def judged(
    candidate: Sequence[str | None], active: Sequence[str | None] = GOLD, **more: Any
) -> dict[str, Any]:
    return verdict(Measured(Part(GOLD, candidate, active), **more))


def failed(outcome: dict[str, Any]) -> list[str]:
    return [check["name"] for check in outcome["checks"] if not check["passed"]]


def test_an_equal_candidate_is_promoted() -> None:
    outcome = judged(GOLD)
    assert outcome["promote"] and outcome["n"] == 300 and outcome["disagreement"] == 0
    assert outcome["reasons"] == ["macro-F1 stayed at 1.000"]


def test_a_better_candidate_is_promoted() -> None:
    outcome = judged(GOLD, with_errors("negative", 10, "neutral"))
    assert outcome["promote"] and outcome["disagreement"] == pytest.approx(10 / 300)
    assert outcome["reasons"] == ["macro-F1 rose from 0.967 to 1.000"]


def test_a_worse_candidate_is_refused_with_the_reason() -> None:
    outcome = judged(with_errors("positive", 30, "neutral"))
    assert not outcome["promote"]
    assert outcome["reasons"][0] == "macro-F1 fell from 1.000 to 0.898"
    assert outcome["checks"][0]["bound"] < -0.1


def test_a_figure_just_below_its_limit_is_told_apart_from_it() -> None:
    outcome = judged(GOLD, behaviour={"invariance": (0.9646, 0.975)}, speed=1.2004)
    digits = {check["name"]: check["digits"] for check in outcome["checks"]}
    assert (digits["macro-F1"], digits["behaviour: invariance"]) == (3, 4)
    assert "time to read, in the active model's is 1.2004, above the limit of 1.2000" in outcome["reasons"]


def test_a_candidate_that_may_be_worse_for_all_that_can_be_told_is_refused() -> None:
    """Ten new errors against ten mended ones: the same figure, but on so few messages that proves nothing."""
    outcome = judged(with_errors("neutral", 10, "positive"), with_errors("positive", 10, "neutral"))
    assert failed(outcome) == ["macro-F1"]
    assert "on so few messages it may have fallen by 0.0" in outcome["reasons"][0]


def test_missing_unhappy_customers_is_refused_though_the_mean_holds() -> None:
    outcome = judged(with_errors("negative", 3, None), with_errors("neutral", 4, "positive"))
    assert "recall of negative" in failed(outcome)
    assert "recall of negative fell from 1.000 to 0.970" in outcome["reasons"]


def test_the_floor_of_recall_binds_only_who_has_reached_it() -> None:
    low = with_errors("negative", 30, "neutral")
    assert "recall of negative" not in failed(judged(low, low))
    assert "recall of negative" in failed(
        judged(with_errors("negative", 31, "neutral"), with_errors("negative", 19, "neutral"))
    )


def test_the_teams_own_messages_are_judged_apart_when_there_are_enough() -> None:
    worse = with_errors("positive", 30, "neutral")
    live = Part(GOLD, worse, GOLD)
    outcome = judged(GOLD, live=live)
    assert outcome["n_live"] == 300 and "macro-F1, your messages" in failed(outcome)
    few = Part(live.gold[::3], live.candidate[::3], live.active[::3])
    assert "macro-F1, your messages" not in [check["name"] for check in judged(GOLD, live=few)["checks"]]


def test_what_helps_the_team_must_not_cost_the_corpus() -> None:
    mended = Part(GOLD * 4, GOLD * 4, with_errors("negative", 60, "neutral") * 4)
    outcome = judged(with_errors("positive", 6, "neutral"), live=mended)
    assert failed(outcome) == ["macro-F1, corpus"]


def test_a_slice_below_the_floor_is_refused_by_name_and_only_if_it_fell() -> None:
    def part(right: int) -> Part:
        return Part(
            ["negative"] * 50,
            ["negative"] * right + ["neutral"] * (50 - right),
            ["negative"] * 40 + ["neutral"] * 10,
        )

    assert failed(judged(GOLD, slices={"sarcasm": part(30), "plain": part(45)})) == ["accuracy, sarcasm"]
    assert failed(judged(GOLD, slices={"sarcasm": part(36)})) == []
    low = Part(["negative"] * 50, ["negative"] * 29 + ["neutral"] * 21, ["negative"] * 30 + ["neutral"] * 20)
    assert failed(judged(GOLD, slices={"sarcasm": low})) == []
    few = Part(["negative"] * 20, ["neutral"] * 20, ["negative"] * 20)
    assert failed(judged(GOLD, slices={"sarcasm": few})) == []


def test_behaviour_golden_calibration_parity_and_speed() -> None:
    assert failed(judged(GOLD, behaviour={"invariance": (0.95, 0.97)})) == ["behaviour: invariance"]
    assert failed(judged(GOLD, behaviour={"invariance": (0.965, 0.97)})) == []
    outcome = judged(GOLD, golden=[("“So late!”", "negative", "neutral"), ("Hi", "neutral", "neutral")])
    assert failed(outcome) == ["golden messages read right"]
    assert outcome["reasons"] == [
        "golden messages read right is 0.500, below the limit of 1.000",
        "golden messages read wrong: “So late!”",
    ]
    assert failed(judged(GOLD, ece=0.09)) == ["calibration error"]
    assert failed(judged(GOLD, agreement=0.97)) == ["ONNX agrees with torch"]
    assert failed(judged(GOLD, speed=1.3)) == ["time to read, in the active model's"]


def test_nothing_is_promoted_on_no_evidence() -> None:
    outcome = verdict(Measured(Part([], [], [])))
    assert not outcome["promote"]
    assert outcome["reasons"] == ["there are no messages to judge by"]


def test_the_messages_that_got_worse_are_known() -> None:
    assert worsened(
        Part(
            ["negative", "neutral", "neutral"],
            ["neutral", "neutral", None],
            ["negative", "positive", "neutral"],
        )
    ) == [0, 2]


def test_the_bound_is_that_of_resampled_messages() -> None:
    """Against the bootstrap done message by message."""
    rng = np.random.default_rng(1)
    gold = [str(g) for g in rng.choice(["negative", "neutral", "positive"], 300)]
    new, old = ([g if rng.random() < 0.9 else "neutral" for g in gold] for _ in range(2))
    gaps = []
    for _ in range(400):
        at = rng.integers(300, size=300)
        drawn = [[said[i] for i in at] for said in (gold, new, old)]
        gaps.append(scores(drawn[0], drawn[1])["macro_f1"] - scores(drawn[0], drawn[2])["macro_f1"])
    assert difference_bound(Part(gold, new, old), 0.95) == pytest.approx(np.quantile(gaps, 0.05), abs=0.005)


def test_scores_count_the_unscored_as_wrong() -> None:
    figures = scores(["negative", "negative", "neutral"], ["negative", None, "neutral"])
    assert figures["n"] == 3
    assert figures["accuracy"] == pytest.approx(2 / 3)
    assert figures["per_class"]["negative"] == {
        "precision": 1.0,
        "recall": 0.5,
        "f1": pytest.approx(2 / 3),
        "support": 2,
    }
    assert figures["macro_f1"] == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert scores([], [])["accuracy"] == 0.0


def test_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    assert expected_calibration_error([0.9] * 10, [True] * 9 + [False]) == pytest.approx(0.0)
    assert expected_calibration_error([1.0] * 4, [True, False] * 2) == pytest.approx(0.5)
    assert expected_calibration_error([], []) == 0.0


def test_false_alarms_in_conversations_are_not_let_in_again() -> None:
    """Ten calm turns of a hundred more that are read as negative keep a candidate out, whatever else it does well."""
    gold = ["negative"] * 60 + ["neutral"] * 900 + ["positive"] * 100
    alarming: list[str | None] = (
        ["negative"] * 60 + ["negative"] * 90 + ["neutral"] * 810 + ["positive"] * 100
    )
    corpus = Part(["negative", "neutral", "positive"] * 100, *[["negative", "neutral", "positive"] * 100] * 2)
    good = verdict(Measured(corpus, talk=Part(gold, gold, gold)))
    assert good["promote"] and {c["name"] for c in good["checks"]} >= {
        "macro-F1, conversations",
        "false alarms in conversations",
    }
    bad = verdict(Measured(corpus, talk=Part(gold, alarming, gold)))
    assert not bad["promote"]
    assert any(
        "false alarms in conversations is 0.090, above the limit of 0.010" in r for r in bad["reasons"]
    )
    assert not any("conversations" in c["name"] for c in verdict(Measured(corpus))["checks"])


def test_what_could_not_be_exported_is_not_promoted() -> None:
    outcome = refusal("int8 differs")
    assert (outcome["promote"], outcome["reasons"], outcome["checks"]) == (False, ["int8 differs"], [])
