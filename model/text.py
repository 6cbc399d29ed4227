"""From a Slack message to the words the model reads. Pure; the one cleaning for training and serving."""

from __future__ import annotations

import html
import re
import unicodedata

from model import emoji, language

LONGEST = 40_000
"""Maximum characters of a raw message that are used: Slack's own limit."""
KEPT = 4_000
"""Maximum characters of a cleaned text."""
MENTION = "someone"
LINK = "link"

# Every pattern is linear in the text: no nesting, and an opening (``` ` <) ends at the next opening.
_FENCE = re.compile(r"```.*?```", re.DOTALL)
_INLINE_CODE = re.compile(r"`[^`\n]+`")
_QUOTE_TO_END = re.compile(r"^(?:&gt;){3}.*", re.DOTALL | re.MULTILINE)
# ">:(" and ">_<" at the beginning of a line are faces.
_QUOTE = re.compile(r"^[ \t]{0,8}(?:&gt;|>)(?![:=]['-]?[(/|@]|[_.]+(?:&lt;|<)).*$", re.MULTILINE)
_ENTITY = re.compile(r"<([^<>\n]{1,3000})>")
_ADDRESS = re.compile(r"\b(?:https?|ftp)://\S+|\bwww\.\S+", re.IGNORECASE)
_BARE_HOST = re.compile(r"\S+\.\S+")
_MARKS = re.compile(r"(?<![\w*_~])[*_~]+(?=\w)|(?<=[\w.!?,])[*_~]+(?!\w)")
# Control and format characters, variation selectors and lone surrogates (the tokenizer refuses those).
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e01ef]"
)
_SPACE = re.compile(r"\s+")
_LATIN_END = 0x0250
_LATIN_EXTENDED = range(0x1E00, 0x1F00)


def clean(text: str) -> str:
    """Plain words of a Slack message.

    Slack's entities become words (`<@U1>` → someone, `<#C1|general>` → general, links → their label or
    "link"), HTML entities are unescaped, code and quotes cut, emoji and `:codes:` spoken, invisible
    characters removed, whitespace folded. At most `KEPT` characters; empty if nothing is left.
    """
    return _fold(emoji.to_words(_plain(text)))[:KEPT].rstrip()


def not_scored_reason(cleaned: str, raw: str) -> str | None:
    """Why a message cannot be scored ("empty", "only code", "only a quote", "only a link", "only a mention",
    "only emoji", "other language"), or None if it can.

    `cleaned` is `clean(raw)`.
    """
    if not cleaned:
        return _why_empty(raw)
    words = _fold(_plain(raw, mention=" ", link=" "))
    if not _says_something(words):
        return "only a link" if _says_something(_plain(raw, mention=" ")) else "only a mention"
    if not _says_something(emoji.without_meaningless(words)):
        return "only emoji"
    return "other language" if _mostly_foreign(words) or language.is_other(emoji.without(words)) else None


def _why_empty(raw: str) -> str:
    raw = _INVISIBLE.sub("", raw[:LONGEST])
    if not raw.strip():
        return "empty"
    if _FENCE.search(raw) or _INLINE_CODE.search(raw):
        return "only code"
    return "only a quote" if _QUOTE.search(raw) else "empty"


def _says_something(text: str) -> bool:
    return any(not character.isspace() and character not in ".,;:-–—()[]<>|/\\*_~\"'" for character in text)


def _mostly_foreign(text: str) -> bool:
    """More than half of the letters are not Latin."""
    letters = [ord(character) for character in text if character.isalpha()]
    foreign = sum(1 for code in letters if code >= _LATIN_END and code not in _LATIN_EXTENDED)
    return foreign * 2 > len(letters)


def _plain(text: str, mention: str = MENTION, link: str = LINK) -> str:
    """`text` without markup; mentions and links become words."""
    text = _INVISIBLE.sub("", text[:LONGEST])
    text = _FENCE.sub(" ", text)
    text = _INLINE_CODE.sub(" ", text)
    text = _QUOTE_TO_END.sub(" ", text)
    text = _QUOTE.sub(" ", text)
    text = _ENTITY.sub(lambda match: _entity(match[1], mention, link), text)
    text = _ADDRESS.sub(link, text)
    # Cut before normalising: NFKC expands some characters to eighteen.
    text = _fold(_INVISIBLE.sub("", html.unescape(text)))[:KEPT]
    return emoji.typed_to_codes(_MARKS.sub("", unicodedata.normalize("NFKC", text)))


def _entity(inside: str, mention: str, link: str) -> str:
    target, _, label = inside.partition("|")
    if target.startswith("@"):
        return label or mention
    if target.startswith("#"):
        return label or "channel"
    if target.startswith("!"):
        return label.removeprefix("@") or ("everyone" if "^" not in target else "")
    if target.startswith("mailto:") or "://" in target or target.startswith("tel:"):
        # Slack labels a bare address with itself; only a label in words says more than "link".
        return label if label and not _BARE_HOST.fullmatch(label) else link
    return f"<{inside}>"


def _fold(text: str) -> str:
    return _SPACE.sub(" ", text).strip()
