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


@pytest.mark.parametrize(
    "text", ["Hola", "bonjour", "danke", "merci!", "gracias", "ciao", "Obrigado", "merci :heart:"]
)
def test_a_single_word_of_another_language_is_not_scored(text: str) -> None:
    assert not_scored_reason(clean(text), text) == "other language"


@pytest.mark.parametrize(
    "text",
    [
        "Nope. Still nada.",
        "works now, gracias!",
        "merci beaucoup, it works!",
        "Thanks for the quick fix, danke!",
        "déjà vu bug again",
        "c'est la vie",
    ],
)
def test_english_with_borrowed_words_is_scored(text: str) -> None:
    assert not_scored_reason(clean(text), text) is None


@pytest.mark.parametrize(
    "text", ["mein account hat login error", "on a un login error", "me sale server error al hacer login"]
)
def test_words_that_both_have_are_neutral(text: str) -> None:
    assert not_scored_reason(clean(text), text) == "other language"


def test_a_draw_is_decided_by_grammar() -> None:
    """English nouns wander into other languages; its small words do not."""
    assert language.is_other("invoice number galat hai")
    assert not language.is_other("invoice now galat hai")


def test_parts_of_names_are_no_words() -> None:
    assert not language.is_other("hai3 und/9")


def test_the_headings_of_the_list_are_no_words_of_it() -> None:
    assert not language.is_other("tack with its words")


def test_an_emoji_says_nothing_about_the_language() -> None:
    text = "obrigado :slightly_smiling_face: :tada: :)"
    assert not_scored_reason(clean(text), text) == "other language"


def _rows(name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text("utf-8").splitlines()]


@pytest.mark.parametrize("which", [None, "dev", "held-out"])
def test_the_lists_in_full(which: str | None) -> None:
    """At most 1 % of short messages in English are lost, and of each language in the two lists 5 % are scored."""
    english = [row["text"] for row in _rows("short_english") if row.get("list") == which]
    lost = [text for text in english if not_scored_reason(clean(text), text)]
    assert len(lost) <= 0.01 * len(english), lost
    other = [row for row in _rows("other_languages") if row.get("list") == which]
    # The first list has few messages of many languages; they count as one.
    for name in sorted({row["language"] for row in other}) if which else [""]:
        texts = [row["text"] for row in other if name in ("", row["language"])]
        scored = [text for text in texts if not not_scored_reason(clean(text), text)]
        assert len(scored) <= 0.05 * len(texts), (name, scored)


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
