"""Removes personal addresses, numbers and keys from texts that are learned from. Pure.

Words such as "an address" or "a card number" replace them, so that the sentence can still be learned from.
"""

from __future__ import annotations

import ipaddress
import re

_KEYS = re.compile(
    r"\b(?:xox[abeprs]-|xapp-|gh[pousr]_|glpat-|sk[-_](?:live|test|proj|ant)?[-_]?|pk_(?:live|test)_|rk_live_|whsec_|AKIA|ASIA|AIza|ya29\.|npm_|pypi-)[\w\-.]{8,}"
    r"|\beyJ[\w-]{8,}\.[\w-]{6,}(?:\.[\w-]+)?"
    r"|-----BEGIN [A-Z ]+-----[\s\S]*?(?:-----END [A-Z ]+-----|$)"
)
_NAMED_SECRET = re.compile(
    r"(?i)(?<![A-Za-z])(pass(?:words?|wd|phrase|code)?|pwd|pin|secret|token|api[ _-]?key|credentials?|bearer|otp|cvv|cvc)"
    r"([*_`\"']{0,3}\s*+(?:(?:is|are)\s*+)?(?:=>?|:)\s*+(?:[*_`\"']{1,3}\s*+)?(?=\S{3})"
    r"|\s++(?:(?:is|are)\s++)?(?=\S{4})(?=\S*\d))(\S+?)(?=[`\"',;]{0,5}(?:\s|$))"
)
_NO_SECRET = frozenset({
    "not", "how", "why", "what", "when", "where", "who", "has", "have", "had", "can", "can't", "cannot", "could", "won't", "will",
    "would", "do", "don't", "does", "doesn't", "did", "didn't", "isn't", "wasn't", "aren't", "still", "again", "your", "our",
    "the", "and", "but", "please", "reset", "link", "page", "field", "required", "invalid", "expired", "wrong",
})  # fmt: skip
"""Words that may follow *Password:* in a heading or a complaint; they are no secrets."""
_LONG_KEY = re.compile(r"(?<![A-Za-z0-9_\-])[A-Za-z0-9_\-]{28,}")
_QUERY = re.compile(r"(https?://[^\s|>?#:]{1,300}(?::\d+)?[^\s|>?#:]{0,500})[?#][^\s|>]*")
_MAIL = re.compile(
    r"(?:<mailto:)?(?<![\w.+\-%])[\w.+\-%]{1,64}@[\w\-]{1,63}(?:\.[\w\-]{1,63}){1,8}\b(?:\|[^>]{0,400}>)?>?"
)
_MENTION = re.compile(r"<@[UWB][A-Z0-9]+(?:\|[^>]*)?>")
_TEL = re.compile(r"<tel:[^>]*>")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_IP4 = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.]*\d)")
_IP6 = re.compile(r"(?<![\w:])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])")
_DIGITS = re.compile(r"(?<![\w.,])\+?\(?\d(?:[ \-./()]{0,2}\d){6,22}(?![\w])")


MAX_CHARACTERS = 4000
"""A longer text is cut off."""


def redacted(text: str) -> str:
    """A message without mail addresses, phone, card and account numbers, keys, IPs and names in mentions.

    `text`: as Slack sent it.
    """
    text = _KEYS.sub("a key", text[:MAX_CHARACTERS])
    text = _QUERY.sub(r"\1", text)
    text = _NAMED_SECRET.sub(_secret, text)
    text = _MAIL.sub("an address", text)
    text = _TEL.sub("a phone number", text)
    text = _MENTION.sub("<@U0>", text)
    text = _IBAN.sub(lambda match: "an account number" if _is_iban(match[0]) else match[0], text)
    text = _IP4.sub(lambda match: "an address" if _is_ip(match[0]) else match[0], text)
    text = _IP6.sub(lambda match: "an address" if _is_ip(match[0]) else match[0], text)
    text = _DIGITS.sub(_number, text)
    return _LONG_KEY.sub(lambda match: "a key" if _is_mixed(match[0]) else match[0], text)


def _secret(match: re.Match[str]) -> str:
    """Replace a named secret. Not after a plural (*passwords*) without `:` or *is*; not if it is an ordinary word."""
    name, between, word = match[1], match[2], match[3]
    is_assigned = re.search(r"[:=]|\b(?:is|are)\b", between, re.IGNORECASE)
    is_ordinary = between[-1].isspace() and (
        word.lower().strip(".,!?…") in _NO_SECRET or (len(word) < 4 and word.isalpha())
    )
    if is_ordinary or (name[-1] in "sS" and not is_assigned):
        return match[0]
    return f"{name}{between}a secret"


def _is_mixed(word: str) -> bool:
    """Whether it has digits and letters. A long word by a stuck key has only one of them."""
    return any(c.isdigit() for c in word) and any(c.isalpha() for c in word)


def _number(match: re.Match[str]) -> str:
    """Replace card numbers, found by their check digit (Luhn), and phone numbers, found by their form."""
    digits = re.sub(r"\D", "", match[0])
    if 13 <= len(digits) <= 19 and _passes_luhn(digits):
        return "a card number"
    grouped = re.search(r"\d[ \-/()]+\d|^\d{3}\.\d{3}\.\d{4}$", match[0]) is not None
    is_date = re.fullmatch(r"\d{4}-\d{2}-\d{2}(?:[ ]\d{2}[.]?\d{0,2})?|\d{1,2}[./]\d{1,2}[./]\d{4}", match[0])
    if 7 <= len(digits) <= 15 and not is_date and (match[0][0] in "+(0" or grouped):
        return "a phone number"
    return match[0]


def _passes_luhn(digits: str) -> bool:
    doubled = [int(d) * (1 + i % 2) for i, d in enumerate(reversed(digits))]
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


def _is_iban(text: str) -> bool:
    """ISO 13616: with the first four characters at the end and letters as numbers, the remainder modulo 97 is 1."""
    compact = text.replace(" ", "")
    rearranged = compact[4:] + compact[:4]
    return 15 <= len(compact) <= 34 and int("".join(str(int(c, 36)) for c in rearranged)) % 97 == 1


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


MAX_LENGTH = 2000
"""Characters of a message that are used for learning; the model reads fewer."""


def to_keep(text: str) -> str | None:
    """The text of a labelled message to keep for learning when the original must be erased: what `select` uses of it.

    None if `select` would redact that text once more.
    """
    kept = redacted(text[:MAX_LENGTH])
    return kept if redacted(kept[:MAX_LENGTH]) == kept else None
