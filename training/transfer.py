"""Transfer texts: unlabelled parts of the corpus' messages, alone and combined, for distillation.

With the teacher's probabilities on twice the texts, the student learns more than from the labels alone (Hinton et al. 2015). They
have no labels, and no person wrote them in this form.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections import defaultdict
from collections.abc import Sequence

from training.dataset import Example

_END = re.compile(r"(?<=[.!?…])\s+")
_MIN_WORDS = 3


def sentences(text: str) -> list[str]:
    """The sentences of a text, in order."""
    return [part for part in _END.split(text) if part]


def transfer_texts(train: Sequence[Example], count: int, seed: int = 1) -> list[str]:
    """`count` different cleaned texts, none of them a message of `train`: half are single sentences of longer messages, half two
    sentences of different messages of one trade. The same every time.
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
            single += [part for part in parts if len(part.split()) >= _MIN_WORDS]
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
