"""Language detection: is a message in English? Short, odd English ("thx", "pls fix", "wtf") must count as English.

The words vote: those that occur only in English against those that occur only in other languages; shared words ("die", "no",
"server") are neutral. Without a majority, and with few English words, py3langid (Lui & Baldwin 2012) decides; figures in
docs/model.md.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

ENGLISH_WORDS = Path(__file__).parent / "english_words.txt"
"""Words of the corpus' training part, made by bench/english_words.py."""
OTHER_WORDS = Path(__file__).parent / "other_words.txt"
"""Frequent words of customers' messages in other languages, written by hand; English has some of them, too."""
MIN_ENGLISH = 0.5
"""From this fraction of English words on, neutral ones included, py3langid is not used."""
MIN_SURE, MIN_SURE_IF_SHORT = 0.5, 0.7
"""Minimum probability of py3langid's answer, for four words and more, and for two or three."""

# Parts of names ("rtl8139", "/var/lib") are no words.
WORD = re.compile(r"(?<![\w/])[^\W\d_]+(?:['’][^\W\d_]+)?(?![\w/])")
# Phrases that English has borrowed.
_BORROWED = re.compile(
    r"\b(?:(?:à|a) la carte|carte blanche|faux pas|d[ée]j[àa] vu|c['’]est la vie|hasta la vista|que sera,? sera|no bueno"
    r"|bon (?:voyage|appetit)|coup de gr[aâ]ce|de facto|je ne sais quoi|per se|savoir[ -]faire|tour de force)\b",
    re.IGNORECASE,
)
# Other languages borrow nouns and verbs ("invoice number galat hai"), but not these: they decide a draw.
_GRAMMAR = {
    "the", "it", "it's", "this", "that", "you", "your", "they", "my", "and", "but", "not", "now", "then",
    "with", "for", "from", "have", "can", "what", "how",
}  # fmt: skip
# Of 97 languages only those that a support team is likely to meet: fewer languages, fewer errors on short texts.
_LANGUAGES = "en,de,fr,es,pt,it,nl,pl,tr,sv,da,no,nn,fi,cs,sk,ro,hu,id,ms,vi,tl,hr,sl,sr,bs,ca,et,lv,lt,ru,uk,bg,el,ar,he,fa,hi,ja,ko,zh,th"


def is_other(text: str) -> bool:
    """Whether a cleaned text without emoji is certainly in another language than English."""
    found = [word.replace("’", "'") for word in WORD.findall(_BORROWED.sub(" ", text))]
    # Names occur in any language: a capitalised word counts only at the start, or if there is no other.
    words = [word.lower() for number, word in enumerate(found) if not number or word[0].islower()]
    if len(words) == 1:
        words = [word.lower() for word in found]
    if not words:
        return False
    english, other = _words(ENGLISH_WORDS), _words(OTHER_WORDS)
    theirs = sum(word in other and word not in english for word in words)
    ours = [word for word in words if word in english and word not in other]
    if theirs > len(ours) or (theirs == len(ours) > 1 and _GRAMMAR.isdisjoint(ours)):
        return True
    if sum(word in english for word in words) / len(words) >= MIN_ENGLISH or len(words) < 2:
        return False
    language, probability = _identifier().classify(" ".join(found).lower())
    return bool(language != "en" and probability >= (MIN_SURE if len(found) > 3 else MIN_SURE_IF_SHORT))


@cache
def _words(file: Path) -> frozenset[str]:
    lines = file.read_text("utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


@cache
def _identifier() -> Any:
    """The library's model, loaded on first use: it takes a second, and most messages do not need it."""
    from py3langid import langid

    identifier = langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)
    identifier.set_languages(_LANGUAGES.split(","))
    return identifier
