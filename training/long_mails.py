"""Training rows from long mails: pieces that fit the model's window, each with its own label. Pure.

A label holds for a whole mail. A customer may explain calmly for two hundred words and be disappointed in the last line. The mail is
negative, its first half is not: trained on whole, it would teach that calm explanations are negative.
"""

from __future__ import annotations

from dataclasses import replace

from training.dataset import Example

CALM, START, MIDDLE, END = "long: calm", "long: start", "long: middle", "long: end"
"""Kinds of long mails, by the position of the feeling."""
KINDS = (CALM, START, MIDDLE, END)
PIECE = 150
"""Words. A window has 256 tokens, about 190 words."""
_CALM_BEFORE_END = 90
"""Calm words at the start of a mail with the feeling at its end, which starts after 110 words."""


def pieces(mail: Example) -> list[Example]:
    """The pieces of a long mail whose label is certain. Any other message is its own only piece."""
    words = mail.cleaned.split()
    if mail.kind not in KINDS or len(words) <= PIECE:
        return [mail]
    first, last = words[:PIECE], words[-PIECE:]
    if mail.kind == CALM:
        return [_piece(mail, first), _piece(mail, last)]
    if mail.kind == START:
        return [_piece(mail, first)]
    if mail.kind == MIDDLE:
        before = (len(words) - PIECE) // 2
        return [_piece(mail, words[before : before + PIECE])]
    return [_piece(mail, last), replace(_piece(mail, words[:_CALM_BEFORE_END]), label="neutral")]


def _piece(mail: Example, words: list[str]) -> Example:
    text = " ".join(words)
    return replace(mail, text=text, cleaned=text)
