"""The shipped model's data, split without leaks: the corpus, our own conversations, and real turns.

The corpus is sharp on purpose, and a third of its messages is unhappy. The conversations and the real turns are like a channel:
calm, in fragments, one in twenty unhappy. The model needs both (docs/model.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from training import conversations, dataset, long_mails, real_turns
from training.dataset import CORPUS, Example, Split

EXTRAS = (CORPUS / "one_liners", CORPUS / "long")
"""Folders of labelled messages that are split like the corpus, but measured apart from its holdout."""


CONVERSATIONS_SEEN = 2
"""Repeats per epoch of each turn of our own conversations: they are few, and closest to a channel."""


COMMON_WORDS = 3
"""Turns of at most this many words are common to many conversations."""


def extra_files() -> list[Path]:
    """Files of one-liners and long mails, in order."""
    return sorted(file for folder in EXTRAS for file in folder.glob("*.jsonl"))


def load(real: Sequence[Path] = ()) -> Split:
    """All sources, split. `real` are files with the texts of real turns; without them no real turns are trained on.

    dev: corpus, conversations and extras, to choose the epoch. holdout and challenge: the corpus' only. talk: the held-out
    fifth of the conversations, without twins and with every repetition, so at the mix of a channel. channel: to fit the
    calibration. real and chosen: to choose settings.
    None of these is trained on. Raises DataError.
    """
    corpus = dataset.split(dataset.load(dataset.corpus_files()))
    talk = dataset.split(conversations.turns(conversations.files()))
    extras = dataset.split(dataset.load(extra_files()))
    turns = real_turns.load(real)
    learned = [piece for example in extras.train for piece in long_mails.pieces(example)]
    measured = [corpus.holdout, corpus.challenge, talk.holdout, extras.holdout, turns.random, turns.chosen]
    dev = _without([*corpus.dev, *_once(talk.dev), *extras.dev], *measured)
    train = _once(_without([*corpus.train, *talk.train, *learned, *turns.train], dev, *measured))
    return Split(
        train=train + [e for e in train if e.thread] * (CONVERSATIONS_SEEN - 1),
        dev=dev,
        holdout=corpus.holdout,
        challenge=corpus.challenge,
        talk=[e for e in talk.holdout if e.kind == conversations.KIND],
        extras=extras.holdout,
        channel=[*(e for e in talk.dev if e.kind == conversations.KIND), *turns.random],
        real=turns.random,
        chosen=turns.chosen,
    )


def _without(examples: Iterable[Example], *measured: Sequence[Example]) -> list[Example]:
    """The examples whose cleaned text is not in the measured parts.

    Common short turns ("ok", "thanks!", "same result") also occur in held-out conversations: they stay in training.
    """
    kept_out = {
        e.cleaned.lower() for part in measured for e in part if not (_in_talk(e) and _is_common(e.cleaned))
    }
    return [e for e in examples if e.cleaned and e.cleaned.lower() not in kept_out]


def _in_talk(example: Example) -> bool:
    return example.thread is not None or example.kind == real_turns.KIND


def _is_common(text: str) -> bool:
    return len(text.split()) <= COMMON_WORDS


def _once(examples: Iterable[Example]) -> list[Example]:
    """Each text once. A text with two labels in conversations ("ok great") is left out."""
    by_text: dict[str, list[Example]] = {}
    for example in examples:
        by_text.setdefault(example.cleaned.lower(), []).append(example)
    return [same[0] for same in by_text.values() if len({e.label for e in same}) == 1]
