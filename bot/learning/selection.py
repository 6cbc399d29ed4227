"""From people's words to training data: which labels are learned from, which wait, and why. Pure.

A team's own model must not be spoilt by a slip, a quarrel or one person's will. So a word counts only if nobody
contradicts it, if a second person agrees where the model was sure of the opposite, if it is not one of a burst, and
as one of no more than a share that a single person may have.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

from bot.domain.feedback import WITHDRAWN, LabelEvent
from bot.privacy.redaction import MAX_LENGTH, redacted
from bot.settings import FeedbackSettings

SHARED = "written in a shared channel"
DISPUTED = "people disagree; a third is asked"
SURE = "the model was sure of another label; a second person is asked"
BURST = "one of many corrections in one direction within an hour; an admin can release them"
OVER_RATE = "more than one person's share of the labels"
CONTRADICTED = "nearly the same words have another label"
REPEATED = "nearly the same words are used already"
UNREADABLE = "nothing to read is left without what must not be learned"

_MIN_WORDS, _ALIKE = 8, 0.9
"""Messages of so many words are nearly the same if so much of their words is."""


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """A message to learn from, or to measure by."""

    message: int
    text: str
    """Redacted."""
    label: str
    words: tuple[int, ...]
    """The ids of the words that say so."""
    users: tuple[str, ...]
    live: bool
    """Part of the live holdout: never learned from."""


@dataclass(frozen=True, slots=True)
class Excluded:
    """A message that is not used, and why."""

    message: int
    words: tuple[int, ...]
    users: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Selection:
    rows: tuple[TrainingRow, ...] = ()
    excluded: tuple[Excluded, ...] = ()

    @property
    def to_learn(self) -> tuple[TrainingRow, ...]:
        return tuple(row for row in self.rows if not row.live)

    @property
    def live(self) -> tuple[TrainingRow, ...]:
        return tuple(row for row in self.rows if row.live)

    @property
    def reasons(self) -> dict[str, int]:
        """How many messages are excluded, by reason."""
        return dict(Counter(excluded.why for excluded in self.excluded))


@dataclass(slots=True)
class _Message:
    """A message with each person's last word on it."""

    id: int
    text: str
    """Redacted, and no longer than the model would read."""
    normal: str
    """Without what makes no difference; nearly the same words are found by it."""
    said: dict[str, LabelEvent] = field(default_factory=dict)

    @property
    def words(self) -> tuple[int, ...]:
        return tuple(sorted(word.id for word in self.said.values()))

    @property
    def users(self) -> tuple[str, ...]:
        return tuple(sorted(self.said))

    @property
    def label(self) -> str:
        """What most people say; "" if no label has more than half of the words."""
        label, count = Counter(word.label for word in self.said.values()).most_common(1)[0]
        return label if 2 * count > len(self.said) else ""

    def excluded(self, why: str) -> Excluded:
        return Excluded(self.id, self.words, self.users, why)


def select(
    words: Iterable[LabelEvent],
    limits: FeedbackSettings | None = None,
    cleared: Mapping[str, float] | None = None,
) -> Selection:
    """Sort people's words into what is used and what is excluded.

    `cleared` says by person up to which moment an admin has looked at their bursts and let them count.
    """
    excluded: list[Excluded] = []
    limits = limits or FeedbackSettings()
    bursts = _bursts(words := sorted(words, key=lambda word: word.id), limits.burst_per_hour, cleared or {})
    messages = [m for m in _current_labels(words) if m.said]

    open_to_use: list[_Message] = []
    for message in messages:
        why = _reason_to_exclude(message, limits, bursts)
        if why:
            excluded.append(message.excluded(why))
        else:
            open_to_use.append(message)
    distinct, folded = _fold(open_to_use)
    kept, over_rate = _limit_rate(distinct, limits.max_annotator_rate)
    used = [
        TrainingRow(
            m.id, m.text, m.label, m.words, m.users, _is_live_holdout(m.normal, limits.live_holdout_rate)
        )
        for m in kept
    ]
    return Selection(tuple(used), (*excluded, *folded, *over_rate))


def is_live_holdout(text: str, share: float) -> bool:
    """Whether a message belongs to the live holdout. By a hash of its words, so that it does for ever."""
    return _is_live_holdout(_normal(redacted(text[:MAX_LENGTH])), share)


def _is_live_holdout(normal: str, share: float) -> bool:
    digest = hashlib.sha256(normal.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:4], "big") < share * 2**32


def _current_labels(words: Iterable[LabelEvent]) -> Iterable[_Message]:
    """Each message with the last word of each person; a word that was taken back is none."""
    messages: dict[int, _Message] = {}
    for word in words:
        message = messages.get(word.message)
        if message is None:
            kept = redacted(word.text[:MAX_LENGTH])
            message = messages[word.message] = _Message(word.message, kept, _normal(kept))
        message.said.pop(word.user, None)
        if word.label != WITHDRAWN:
            message.said[word.user] = word
    return messages.values()


def _reason_to_exclude(message: _Message, limits: FeedbackSettings, bursts: frozenset[int]) -> str | None:
    words = list(message.said.values())
    if words[0].shared and not limits.shared_channels:
        return SHARED
    calm = [word for word in words if word.id not in bursts]
    if not calm or (len(calm) < len(words) and len({word.label for word in words}) > 1):
        return BURST
    if not message.label or (len({word.label for word in words}) > 1 and len(words) < 3):
        return DISPUTED
    agreeing = [word for word in calm if word.label == message.label]
    flipped = any(
        w.read_label not in (None, message.label) and w.read_confidence >= limits.sure for w in words
    )
    if flipped and len(agreeing) < 2:
        return SURE
    if not re.search(r"\w", message.text):
        return UNREADABLE
    return None


def _bursts(words: Sequence[LabelEvent], most: int, cleared: Mapping[str, float]) -> frozenset[int]:
    """The ids of words that change one label to one other, more than `most` by one person within an hour."""
    directions: dict[tuple[str, str, str], list[LabelEvent]] = defaultdict(list)
    for word in words:
        if (
            word.read_label
            and word.read_label != word.label
            and word.at > cleared.get(word.user, float("-inf"))
        ):
            directions[word.user, word.read_label, word.label].append(word)
    found: set[int] = set()
    for series in directions.values():
        series.sort(key=lambda word: word.at)
        first = 0
        for last, word in enumerate(series):
            while word.at - series[first].at > 3600.0:
                first += 1
            if last - first + 1 > most:
                found.update(w.id for w in series[first : last + 1])
    return frozenset(found)


def _fold(messages: Sequence[_Message]) -> tuple[list[_Message], list[Excluded]]:
    """Of messages with nearly the same words the first; none of them if their labels differ."""
    groups: list[list[_Message]] = []
    bags: list[frozenset[str]] = []
    by_word: dict[str, list[int]] = defaultdict(list)
    exact: dict[str, int] = {}
    common = Counter(word for message in messages for word in set(message.normal.split()))
    for message in messages:
        bag = frozenset(message.normal.split())
        place = exact.get(message.normal)
        rare = _rarest(bag, common)
        if place is None:
            near = (i for word in rare for i in by_word[word])
            place = next((i for i in dict.fromkeys(near) if _alike(bag, bags[i])), None)
        if place is None:
            place = len(groups)
            groups.append([])
            bags.append(bag)
            for word in rare:
                by_word[word].append(place)
        exact.setdefault(message.normal, place)
        groups[place].append(message)
    kept: list[_Message] = []
    excluded: list[Excluded] = []
    for group in groups:
        if len({message.label for message in group}) > 1:
            excluded += [message.excluded(CONTRADICTED) for message in group]
        else:
            kept.append(group[0])
            excluded += [message.excluded(REPEATED) for message in group[1:]]
    return kept, excluded


def _rarest(bag: frozenset[str], common: Mapping[str, int]) -> list[str]:
    """So many of its rarest words that two messages with nine words of ten in common must share one of them; only these are
    looked up, or every message would be compared with every other (prefix filtering, Chaudhuri et al. 2006)."""
    if len(bag) < _MIN_WORDS:
        return []  # alike only if the same
    count = len(bag) - ceil(_ALIKE * len(bag)) + 1
    return sorted(bag, key=lambda word: (common[word], word))[:count]


def _alike(some: frozenset[str], others: frozenset[str]) -> bool:
    """Nine words of ten in common; short messages only if they are the same, for there one word is the message."""
    return len(some) >= _MIN_WORDS and len(some & others) >= _ALIKE * len(some | others)


def _normal(text: str) -> str:
    """A message without what makes no difference: capitals, figures, marks."""
    return " ".join(re.sub(r"[\W_]+", " ", re.sub(r"\d+", "0", text.lower())).split()) or text.strip()


def _limit_rate(messages: Sequence[_Message], share: float) -> tuple[list[_Message], list[Excluded]]:
    """No more than `share` of the labels from one person who alone gave them; their latest stay.

    A team of two cannot have less than a half each: where `share` is less than the people's equal parts, those hold.
    A label that several people agree on counts for nobody.
    """
    of_one: dict[str, list[_Message]] = defaultdict(list)
    for message in messages:
        if len(message.said) == 1:
            of_one[message.users[0]].append(message)
    annotators = {user for message in messages for user in message.said}
    part = max(share, 1 / max(1, len(annotators)))
    counts = {user: len(theirs) for user, theirs in of_one.items()}
    agreed = len(messages) - sum(counts.values())
    total = len(messages)
    while True:  # who is cut makes the whole smaller, and the others' shares larger
        allowed = {user: min(count, max(1, int(part * total + 1e-9))) for user, count in counts.items()}
        smaller = agreed + sum(allowed.values())
        if smaller == total:
            break
        total = smaller
    dropped = {
        m.id for user, theirs in of_one.items() for m in _earliest(theirs, len(theirs) - allowed[user])
    }
    kept = [message for message in messages if message.id not in dropped]
    return kept, [message.excluded(OVER_RATE) for message in messages if message.id in dropped]


def _earliest(messages: Sequence[_Message], count: int) -> Sequence[_Message]:
    return sorted(messages, key=lambda message: message.words[-1])[:count]
