"""Long mails, and what is learned from them: pieces no longer than the model's window, each with the label its own words have. Pure.

A label holds for a whole mail. Who explains calmly for two hundred words and is disappointed in the last line is unhappy, but the first
half of that mail says nothing of it: learned from whole, it would teach that calm explanations are unhappy.
"""

from __future__ import annotations

from dataclasses import replace

from training.dataset import Example

CALM, START, MIDDLE, END = "long: calm", "long: start", "long: middle", "long: end"
"""Kinds of long mails, by where their feeling stands."""
KINDS = (CALM, START, MIDDLE, END)
PIECE = 150
"""Words; a window has 256 tokens, some 190 words."""
_CALM_BEFORE_END = 90
"""Words at the beginning that are calm where the feeling stands at the end: it begins after 110."""


def pieces(mail: Example) -> list[Example]:
    """The pieces of a long mail that have a label for certain; a message that is none is its only piece."""
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
