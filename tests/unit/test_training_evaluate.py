"""Figures: of labels, of probabilities, of parts of the messages, of behaviour."""

import random
from collections.abc import Sequence

import numpy as np
import pytest

from model.intervals import rate_interval
from model.reading import Reading
from training import behaviour, metrics, readable
from training.card import behaviour_table
from training.dataset import Example
from training.evaluate import evaluate, flags
from training.figures import draw_curve, draw_reliability


class Oracle:
    """Reads what a text says about itself: "n:…" is negative, "x:…" is not scored."""

    version = "oracle"

    def read(self, texts: Sequence[str]) -> list[Reading]:
        return [self._read(text) for text in texts]

    def _read(self, text: str) -> Reading:
        if text.startswith("x"):
            return Reading(self.version, None, None, None, "only code")
        order = {"n": (0.9, 0.05, 0.05), "o": (0.1, 0.8, 0.1), "p": (0.05, 0.05, 0.9)}
        scores = dict(
            zip(("negative", "neutral", "positive"), order.get(text[0], (0.1, 0.8, 0.1)), strict=True)
        )
        return Reading(self.version, max(scores, key=scores.__getitem__), scores, None)


def test_the_confusion_has_a_column_for_what_was_not_scored() -> None:
    gold = ["negative", "negative", "neutral", "positive"]
    assert metrics.confusion(gold, ["negative", None, "positive", "positive"]) == [
        [1, 0, 0, 1],
        [0, 0, 1, 0],
        [0, 0, 1, 0],
    ]


def test_the_interval_of_macro_f1_holds_it_and_narrows() -> None:
    rng = random.Random(1)
    gold = [rng.choice(["negative", "neutral", "positive"]) for _ in range(1000)]
    predicted: list[str | None] = [g if rng.random() < 0.8 else "neutral" for g in gold]
    low, high = metrics.macro_f1_interval(gold, predicted)
    assert low < metrics.scores(gold, predicted)["macro_f1"] < high
    few_low, few_high = metrics.macro_f1_interval(gold[:100], predicted[:100])
    assert few_high - few_low > 2 * (high - low)
    assert metrics.macro_f1_interval([], []) == (0.0, 0.0)


def test_the_interval_of_a_share() -> None:
    low, high = rate_interval(8, 10)
    assert (low, high) == (pytest.approx(0.490, abs=1e-3), pytest.approx(0.943, abs=1e-3))
    assert rate_interval(5, 5)[1] == 1.0 and rate_interval(0, 0) == (0.0, 1.0)


def test_recall_at_a_precision() -> None:
    gold = ["negative", "negative", "neutral", "negative", "neutral"]
    scores = [0.9, 0.8, 0.7, 0.6, 0.1]
    assert metrics.recall_at_precision(gold, scores, "negative", 0.9) == (pytest.approx(2 / 3), 0.8)
    assert metrics.recall_at_precision(gold, scores, "negative", 0.75) == (1.0, 0.6)
    assert metrics.recall_at_precision(["neutral"], [0.9], "negative", 0.9) == (0.0, 1.0)
    assert metrics.recall_at_precision(["neutral", "negative"], [0.9, 0.1], "negative", 0.9) == (0.0, 1.0)
    # Equal scores fall on one side of a threshold; what was not scored is not found.
    assert metrics.recall_at_precision(["negative", "neutral"], [0.9, 0.9], "negative", 0.9) == (0.0, 1.0)
    assert metrics.recall_at_precision(["negative", "negative"], [0.9, None], "negative", 0.9) == (0.5, 0.9)


def test_reliability_by_bins() -> None:
    bins = metrics.reliability([0.95, 0.97, 0.5], [True, False, True])
    assert [(b["n"], b["accuracy"]) for b in bins] == [(1, 1.0), (2, 0.5)]
    assert metrics.reliability([], []) == [] and metrics.expected_calibration_error([], []) == 0.0


def test_evaluate_cuts_slices() -> None:
    examples = [
        Example("n one two", "negative", "plain", trade="banking"),
        Example("o " + "word " * 30, "neutral", "sarcasm", trade="health", source="forum"),
        Example("p wrong", "negative", "sarcasm", trade="health", source="forum"),
        Example("x not scored", "neutral", source="phone"),
    ]
    figures = evaluate(Oracle(), examples)
    assert (figures["n"], figures["accuracy"], figures["version"]) == (4, 0.5, "oracle")
    slices = figures["slices"]
    assert {name: s["n"] for name, s in slices["difficulty"].items()} == {"hard": 2, "plain": 1}
    assert slices["kind"]["sarcasm"]["accuracy"] == 0.5
    assert {name: s["n"] for name, s in slices["length"].items()} == {
        "1 to 7 words": 3,
        "more than 20 words": 1,
    }
    assert "macro_f1" not in slices["trade"]["banking"]
    assert {name: s["n"] for name, s in slices["source"].items()} == {"forum": 2, "phone": 1}
    of_one = evaluate(Oracle(), examples[1:3])
    assert of_one["slices"]["source"] == {}
    assert figures["confusion"][1] == [0, 1, 0, 1]
    assert figures["flags"]["0.50"] == {"precision": 1.0, "recall": 0.5, "flagged": 0.25}
    nothing = {"precision": None, "recall": None, "flagged": 0.0}
    assert evaluate(Oracle(), examples[1:2])["flags"]["0.50"] == nothing


def test_flags_at_another_mix() -> None:
    """Two of three unhappy are found, one of four others is flagged; among a thousand messages of whom 60 are unhappy."""
    unhappy = [True, True, True, False, False, False, False]
    found = [0.9, 0.8, 0.1, 0.9, 0.1, 0.1, 0.1]
    some = flags(unhappy, found, 0.7, 0.06)
    assert some["recall"] == pytest.approx(2 / 3)
    assert some["flagged"] == pytest.approx(0.06 * 2 / 3 + 0.94 / 4)
    assert some["precision"] == pytest.approx(0.04 / (0.04 + 0.235))
    examples = [Example("n", "negative"), Example("n", "neutral"), Example("o", "neutral")]
    figures = evaluate(Oracle(), examples, prevalence=0.1)
    assert figures["prevalence"] == 0.1 and figures["flags"]["0.70"]["precision"] == pytest.approx(0.1 / 0.55)
    assert figures["ranking"]["precision"] == pytest.approx(0.1 / 0.55)
    assert "10.0% of the messages" in readable.part(figures)


def test_the_ranking_of_the_unhappy() -> None:
    assert metrics.auroc([True, False], [0.9, 0.1]) == 1.0
    assert metrics.auroc([True, False, False], [0.5, 0.5, 0.1]) == 0.75
    assert metrics.auroc([True], [0.9]) is None
    assert metrics.threshold_at_recall([True, False, True, True], [0.9, 0.8, 0.6, 0.2], 0.6) == 0.6
    assert metrics.threshold_at_recall([False], [0.9], 0.6) is None
    draw = random.Random(0)
    positive = [draw.random() < 0.3 for _ in range(400)]
    scores = [draw.gauss(1.0 if hit else 0.0, 1.0) for hit in positive]
    low, high = metrics.bootstrap_interval(
        lambda at: metrics.auroc([positive[i] for i in at], [scores[i] for i in at]), 400
    ) or (0, 0)
    assert low < (metrics.auroc(positive, scores) or 0) < high and high - low < 0.15
    assert metrics.bootstrap_interval(lambda at: None, 10) is None
    assert metrics.bootstrap_interval(lambda at: 1.0, 0) is None


def test_what_others_wrote_is_told_first() -> None:
    figures = evaluate(Oracle(), [Example("n one", "negative"), Example("o two", "neutral")])
    told = readable.parts({"holdout": figures, "real": figures})
    assert told.index("real turns") < told.index("the corpus' holdout")
    calm = evaluate(Oracle(), [Example("o two", "neutral")])
    assert "nothing is flagged; no unhappy customer to find" in readable.part(calm)


def test_the_pictures_are_pictures(tmp_path: object) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path))
    draw_curve([{"loss": 1.0, "dev_macro_f1": 0.5}, {"loss": 0.5, "dev_macro_f1": 0.8}], folder / "curve.png")
    draw_reliability([{"n": 3, "confidence": 0.9, "accuracy": 0.8}], 0.1, folder / "reliability.png")
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in folder.iterdir())


def test_behaviour_counts_what_moves_a_reading() -> None:
    """The oracle goes by the first letter: a greeting changes it, a full stop does not."""
    found = behaviour.run(Oracle(), [Example("negative it is", "negative")])
    tests = {"minimum functionality", "one-liners", "long messages", "invariance", "direction", "not scored"}
    assert set(found) == tests
    assert found["invariance"]["full stop"]["passed"] == found["invariance"]["full stop"]["n"] > 0
    greeting = found["invariance"]["greeting"]
    assert 0 < greeting["passed"] < greeting["n"] and 0 < len(greeting["failures"]) <= 5
    assert found["direction"]["!!!"]["passed"] == found["direction"]["!!!"]["n"]
    table = behaviour_table(found)
    assert table[0].startswith("| test |") and any("| greeting |" in row for row in table)


def test_changes_change_and_nothing_else() -> None:
    rng = random.Random(0)
    assert behaviour.lower_case("It IS down", rng) == "it is down"
    assert behaviour.capitalised("it is", rng) == "It is"
    assert [behaviour.final_stop(t, rng) for t in ("a", "a.", "a...", "a!")] == ["a.", "a", "a...", "a!"]
    text = behaviour.introduced("ask Priya, not <@U1>", rng)
    assert text.endswith("not <@U1>") and " here. ask " in text
    assert behaviour.DIRECTION["third time"]("it fails.", rng) == "it fails. This is the third time."


def test_the_behaviour_cases_are_well_formed_and_not_trained_on() -> None:
    from training import dataset

    cases = dataset.rows([behaviour.FOLDER / "cases.jsonl"])
    trained = {e.cleaned.lower() for e in dataset.split(dataset.load(dataset.corpus_files())).train}
    assert len({case.cleaned for case in cases}) == len(cases)
    known = [case.text for case in cases if case.cleaned.lower() in trained]
    assert len(known) <= 0.03 * len(cases), known  # short messages may meet by chance
    assert np.mean([case.label == "negative" for case in cases]) < 0.6


def test_a_change_that_makes_a_message_unreadable_is_no_pass() -> None:
    class Loses(Oracle):
        def _read(self, text: str) -> Reading:
            return super()._read("x" if text.endswith(", again") else text)

    found = behaviour.run(Loses())["direction"]
    assert found["again"]["passed"] == 0 < found["again"]["n"]
    assert found["third time"]["passed"] == found["third time"]["n"]
