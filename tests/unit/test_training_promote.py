import numpy as np
import pytest

from training.metrics import expected_calibration_error, fit_temperature, scores
from training.promote import not_exported, verdict

GOLD = ["negative"] * 100 + ["neutral"] * 100 + ["positive"] * 100


def with_errors(label: str, count: int, said: str | None) -> list[str | None]:
    predicted: list[str | None] = list(GOLD)
    first = GOLD.index(label)
    predicted[first : first + count] = [said] * count
    return predicted


def test_an_equal_candidate_is_promoted() -> None:
    outcome = verdict(GOLD, GOLD, GOLD)
    assert outcome["promote"]
    assert outcome["n"] == 300
    assert outcome["reasons"] == ["macro-F1 stayed at 1.000", "recall of negative stayed at 1.000"]


def test_a_better_candidate_is_promoted() -> None:
    outcome = verdict(GOLD, GOLD, with_errors("negative", 10, "neutral"))
    assert outcome["promote"]
    assert outcome["reasons"][1] == "recall of negative rose from 0.900 to 1.000"


def test_a_worse_candidate_is_refused_with_the_reason() -> None:
    outcome = verdict(GOLD, with_errors("positive", 30, "neutral"), GOLD)
    assert not outcome["promote"]
    assert outcome["reasons"] == ["macro-F1 fell from 1.000 to 0.898"]
    assert outcome["checks"][0] == {
        "name": "macro-F1",
        "candidate": pytest.approx(0.8977, abs=1e-4),
        "active": 1.0,
        "limit": 0.99,
        "passed": False,
    }


def test_missing_unhappy_customers_is_refused_though_the_mean_holds() -> None:
    active = with_errors("neutral", 4, "positive")
    outcome = verdict(GOLD, with_errors("negative", 3, None), active)
    assert outcome["reasons"] == ["recall of negative fell from 1.000 to 0.970"]
    assert not outcome["promote"]


def test_within_the_margin_is_no_worse() -> None:
    assert verdict(GOLD, with_errors("negative", 1, "neutral"), GOLD)["promote"]
    assert not verdict(GOLD, with_errors("negative", 2, "neutral"), GOLD)["promote"]


def test_nothing_is_promoted_on_no_evidence() -> None:
    outcome = verdict([], [], [])
    assert not outcome["promote"]
    assert outcome["reasons"] == ["there are no messages to judge by"]


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


def test_the_temperature_undoes_overconfidence() -> None:
    random = np.random.default_rng(0)
    logits = random.normal(size=(2000, 3)) * 2
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    gold = np.array([random.choice(3, p=row) for row in shares])
    assert fit_temperature(logits, gold) == pytest.approx(1.0, rel=0.1)
    assert fit_temperature(logits * 3, gold) == pytest.approx(3.0, rel=0.1)


def test_what_could_not_be_exported_is_not_promoted() -> None:
    outcome = not_exported("int8 differs")
    assert (outcome["promote"], outcome["reasons"], outcome["checks"]) == (False, ["int8 differs"], [])
