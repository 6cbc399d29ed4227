"""Is a message in English? Short, odd English ("thx", "pls fix", "wtf") must never be mistaken for another language.

Three witnesses, from cheap to dear: English words that customers use (from the corpus), words that only other languages
have, and py3langid (Lui & Baldwin 2012). Another language is claimed only if few words are English ones and one of the
others says so; figures in docs/model.md.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

ENGLISH_WORDS = Path(__file__).parent / "english_words.txt"
"""Words of the corpus' training part, made by bench/english_words.py."""
OTHER_WORDS = Path(__file__).parent / "other_words.txt"
"""Frequent words of customers' messages that are neither English words nor common names."""
MOST_ENGLISH = 0.5
"""From this share of English words on, a message is English, whatever the others say."""
LEAST_SURE, LEAST_SURE_IF_SHORT = 0.5, 0.7
"""Probability from which py3langid is believed, of four words and more, and of two or three."""

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
# Of 97 languages only those that a support team is likely to meet: the fewer, the surer of short texts.
_LANGUAGES = "en,de,fr,es,pt,it,nl,pl,tr,sv,da,no,nn,fi,cs,sk,ro,hu,id,ms,vi,tl,hr,sl,sr,bs,ca,et,lv,lt,ru,uk,bg,el,ar,he,fa,hi,ja,ko,zh,th"


def is_other(text: str) -> bool:
    """Whether a clean text is in another language than English, as far as that is certain."""
    found = [word.replace("’", "'") for word in WORD.findall(text)]
    # Names are of any language. What begins with a capital counts only where everything does.
    words = [word for word in found if word[0].islower()] or [word.lower() for word in found]
    if not words:
        return False
    if sum(word in _words(ENGLISH_WORDS) for word in words) / len(words) >= MOST_ENGLISH:
        return False
    if any(word in _words(OTHER_WORDS) for word in words):
        return True
    if len(words) < 2:
        return False
    language, probability = _identifier().classify(" ".join(found).lower())
    return bool(language != "en" and probability >= (LEAST_SURE if len(found) > 3 else LEAST_SURE_IF_SHORT))


@cache
def _words(file: Path) -> frozenset[str]:
    return frozenset(file.read_text("utf-8").split())


@cache
def _identifier() -> Any:
    """The library's model; a second to load, and most messages never need it."""
    from py3langid import langid

    identifier = langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)
    identifier.set_languages(_LANGUAGES.split(","))
    return identifier
