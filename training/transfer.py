"""Texts nobody labelled, for the teacher to read to its pupil: parts of the corpus' messages, alone and in new company.

A pupil that sees its teacher's probabilities on twice the texts learns more of what the teacher knows than from the labels
alone (Hinton et al. 2015). They are no corpus: no person wrote them as they stand, and no label is claimed for them.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections import defaultdict
from collections.abc import Sequence

from training.dataset import Example

_END = re.compile(r"(?<=[.!?…])\s+")
_LEAST_WORDS = 3


def sentences(text: str) -> list[str]:
    """The sentences of a text, in order."""
    return [part for part in _END.split(text) if part]


def transfer_texts(train: Sequence[Example], count: int, seed: int = 1) -> list[str]:
    """`count` different texts, none of them a message of `train`: half of them single sentences of longer messages, half two
    sentences of different messages of one trade. The same ones every time. Cleaned, as training sees them.
    """
    rng = random.Random(seed)
    known = {example.cleaned.lower() for example in train}
    by_trade: dict[str, list[str]] = defaultdict(list)
    single: list[str] = []
    for example in sorted(
        train, key=lambda e: hashlib.sha256(e.cleaned.encode("utf-8", "surrogatepass")).digest()
    ):
        parts = sentences(example.cleaned)
        by_trade[example.trade] += parts
        if len(parts) > 1:
            single += [part for part in parts if len(part.split()) >= _LEAST_WORDS]
    rng.shuffle(single)
    texts: dict[str, None] = {}
    for text in single:
        if len(texts) >= count // 2:
            break
        if text.lower() not in known:
            texts.setdefault(text)
    trades = [trade for trade, parts in by_trade.items() if len(parts) > 1]
    weights = [len(by_trade[trade]) for trade in trades]
    for _ in range(20 * count):
        if len(texts) >= count or not trades:
            break
        one, other = rng.sample(by_trade[rng.choices(trades, weights)[0]], 2)
        text = f"{one} {other}"
        if len(text.split()) <= 60 and text.lower() not in known:
            texts.setdefault(text)
    return list(texts)
