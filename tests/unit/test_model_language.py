import json

import pytest

from model import language
from model.text import clean, not_scored_reason
from training.behaviour import FOLDER


@pytest.mark.parametrize(
    "text",
    [
        "immer noch nichts",
        "Hallo, die Rechnung ist falsch",
        "toujours rien, ça fait trois jours",
        "no funciona la exportación desde ayer",
        "gracias por todo",
        "o pagamento não foi aprovado",
        "non funziona più nulla",
        "het werkt nog steeds niet",
        "nie działa eksport danych",
        "fatura nerede bulabilirim, lütfen",
        "exporten fungerar inte längre",
        "привет, как дела?",
        "导出又失败了",
    ],
)
def test_another_language_is_not_scored(text: str) -> None:
    assert not_scored_reason(clean(text), text) == "other language"


@pytest.mark.parametrize(
    "text",
    [
        "thx",
        "pls fix",
        "wtf",
        "nvm",
        "sooooo slow",
        "voilà, works",
        "Siobhán PTO balance",
        "Deutsche Bank transfer failed",
        "k8s pod crashloop",
        "g'day",
        "ETA?",
        "São Paulo office is down",
    ],
)
def test_odd_english_is_scored(text: str) -> None:
    assert not_scored_reason(clean(text), text) is None


def test_the_lists_in_full() -> None:
    """At most 1 % of 600 short messages in English are lost, and most of 480 in other languages are found."""
    other, english = (
        [json.loads(line)["text"] for line in (FOLDER / f"{name}.jsonl").read_text("utf-8").splitlines()]
        for name in ("other_languages", "short_english")
    )
    lost = [text for text in english if not_scored_reason(clean(text), text)]
    assert len(lost) <= 0.01 * len(english), lost
    found = [text for text in other if not_scored_reason(clean(text), text)]
    assert len(found) >= 0.85 * len(other)


def test_no_message_of_the_corpus_is_lost() -> None:
    from training import dataset

    lost = [e.text for e in dataset.load(dataset.corpus_files()) if not_scored_reason(e.cleaned, e.text)]
    assert len(lost) <= 5, lost


def test_no_letters_are_no_language() -> None:
    assert not language.is_other("504 !!!")


@pytest.mark.parametrize(
    "text", ["pls merge asap", "merge PRs", "bom qty mismatch", "AMA", "hindi subtitles?", "tack on a note"]
)
def test_english_words_that_others_have_too(text: str) -> None:
    assert not_scored_reason(clean(text), text) is None
