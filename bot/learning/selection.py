"""From label events to training rows: which labels are learned from, which are excluded, and why. Pure.

A slip, a dispute or a single person must not spoil a team's model. So a label counts only if

* nobody contradicts it;
* a second person agrees, where the model was confident of another label;
* it is not part of a burst of corrections;
* its annotator stays below the maximum rate of all labels.
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
DISPUTED = "people disagree; another person is asked"
SURE = "the model was sure of another label; a second person is asked"
BURST = "one of many corrections in one direction within an hour; an admin can clear them"
OVER_RATE = "too many of the labels are from one person"
CONTRADICTED = "a nearly identical message has another label"
REPEATED = "a nearly identical message is used already"
UNREADABLE = "no text is left after redaction"

_MIN_WORDS, _MIN_OVERLAP = 8, 0.9
"""Messages of at least this many words are nearly identical if they have this rate of their words in common."""


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """A labelled message to learn from, or to measure with."""

    message: int
    text: str
    """Redacted."""
    label: str
    label_events: tuple[int, ...]
    """The ids of the label events that give the label."""
    users: tuple[str, ...]
    live: bool
    """Part of the live holdout: never learned from."""


@dataclass(frozen=True, slots=True)
class Excluded:
    """A message that is not used, and why."""

    message: int
    label_events: tuple[int, ...]
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
    """A message with each annotator's current label."""

    id: int
    text: str
    """Redacted, and no longer than the model would read."""
    normal: str
    """See `_normal`; nearly identical messages are found by it."""
    labels: dict[str, LabelEvent] = field(default_factory=dict)
    """By annotator."""

    @property
    def label_events(self) -> tuple[int, ...]:
        return tuple(sorted(event.id for event in self.labels.values()))

    @property
    def users(self) -> tuple[str, ...]:
        return tuple(sorted(self.labels))

    @property
    def label(self) -> str:
        """The majority's label; "" if no label has more than half."""
        label, count = Counter(event.label for event in self.labels.values()).most_common(1)[0]
        return label if 2 * count > len(self.labels) else ""

    def excluded(self, why: str) -> Excluded:
        return Excluded(self.id, self.label_events, self.users, why)


def select(
    events: Iterable[LabelEvent],
    limits: FeedbackSettings | None = None,
    cleared: Mapping[str, float] | None = None,
) -> Selection:
    """The training rows, and the excluded messages with their reasons.

    `cleared`: by person, up to which time an admin has let their bursts count (seconds since the epoch).
    """
    excluded: list[Excluded] = []
    limits = limits or FeedbackSettings()
    events = sorted(events, key=lambda event: event.id)
    bursts = _bursts(events, limits.burst_per_hour, cleared or {})
    messages = [m for m in _current_labels(events) if m.labels]

    usable: list[_Message] = []
    for message in messages:
        why = _reason_to_exclude(message, limits, bursts)
        if why:
            excluded.append(message.excluded(why))
        else:
            usable.append(message)
    distinct, repeated = _without_repeats(usable)
    kept, over_rate = _limit_rate(distinct, limits.max_annotator_rate)
    rows = [
        TrainingRow(
            m.id,
            m.text,
            m.label,
            m.label_events,
            m.users,
            _is_live_holdout(m.normal, limits.live_holdout_rate),
        )
        for m in kept
    ]
    return Selection(tuple(rows), (*excluded, *repeated, *over_rate))


def _is_live_holdout(normal: str, rate: float) -> bool:
    digest = hashlib.sha256(normal.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:4], "big") < rate * 2**32


def _current_labels(events: Iterable[LabelEvent]) -> Iterable[_Message]:
    """Each message with its current labels: each annotator's last one, unless it was withdrawn."""
    messages: dict[int, _Message] = {}
    for event in events:
        message = messages.get(event.message)
        if message is None:
            text = redacted(event.text[:MAX_LENGTH])
            message = messages[event.message] = _Message(event.message, text, _normal(text))
        message.labels.pop(event.user, None)
        if event.label != WITHDRAWN:
            message.labels[event.user] = event
    return messages.values()


def _reason_to_exclude(message: _Message, limits: FeedbackSettings, bursts: frozenset[int]) -> str | None:
    labels = list(message.labels.values())
    unanimous = len({event.label for event in labels}) == 1
    if labels[0].shared and not limits.shared_channels:
        return SHARED
    outside_bursts = [event for event in labels if event.id not in bursts]
    if not outside_bursts or (len(outside_bursts) < len(labels) and not unanimous):
        return BURST
    if not message.label or (not unanimous and len(labels) < 3):
        return DISPUTED
    agreeing = [event for event in outside_bursts if event.label == message.label]
    contradicts_reading = any(
        e.read_label not in (None, message.label) and e.read_confidence >= limits.sure for e in labels
    )
    if contradicts_reading and len(agreeing) < 2:
        return SURE
    if not re.search(r"\w", message.text):
        return UNREADABLE
    return None


def _bursts(events: Sequence[LabelEvent], per_hour: int, cleared: Mapping[str, float]) -> frozenset[int]:
    """The ids of label events in bursts: one person changed one label to one other more than `per_hour` times in an hour."""
    directions: dict[tuple[str, str, str], list[LabelEvent]] = defaultdict(list)
    for event in events:
        if (
            event.read_label
            and event.read_label != event.label
            and event.at > cleared.get(event.user, float("-inf"))
        ):
            directions[event.user, event.read_label, event.label].append(event)
    found: set[int] = set()
    for series in directions.values():
        series.sort(key=lambda event: event.at)
        first = 0
        for last, event in enumerate(series):
            while event.at - series[first].at > 3600.0:
                first += 1
            if last - first + 1 > per_hour:
                found.update(e.id for e in series[first : last + 1])
    return frozenset(found)


def _without_repeats(messages: Sequence[_Message]) -> tuple[list[_Message], list[Excluded]]:
    """The first of each group of nearly identical messages; none of the group if their labels differ."""
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
            possible = (i for word in rare for i in by_word[word])
            place = next((i for i in dict.fromkeys(possible) if _is_nearly_identical(bag, bags[i])), None)
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
    """The words by which a nearly identical message must be found: two messages above the overlap have one of them in common.

    This spares comparing every message with every other (prefix filtering, Chaudhuri et al. 2006).
    """
    if len(bag) < _MIN_WORDS:
        return []  # only an identical message counts, see `exact`
    count = len(bag) - ceil(_MIN_OVERLAP * len(bag)) + 1
    return sorted(bag, key=lambda word: (common[word], word))[:count]


def _is_nearly_identical(some: frozenset[str], others: frozenset[str]) -> bool:
    """Whether the overlap of the words is at least _MIN_OVERLAP. Never for short messages: there, one word decides."""
    return len(some) >= _MIN_WORDS and len(some & others) >= _MIN_OVERLAP * len(some | others)


def _normal(text: str) -> str:
    """A message in lower case, with 0 for each number and without punctuation."""
    return " ".join(re.sub(r"[\W_]+", " ", re.sub(r"\d+", "0", text.lower())).split()) or text.strip()


def _limit_rate(messages: Sequence[_Message], rate: float) -> tuple[list[_Message], list[Excluded]]:
    """Limit what one annotator alone has labelled to `rate` of all messages; the latest stay.

    In a small team the limit is each person's equal part if that is more: a half in a team of two.
    A message that several people labelled does not count for any of them.
    """
    of_one: dict[str, list[_Message]] = defaultdict(list)
    for message in messages:
        if len(message.labels) == 1:
            of_one[message.users[0]].append(message)
    annotators = {user for message in messages for user in message.labels}
    max_rate = max(rate, 1 / max(1, len(annotators)))
    counts = {user: len(theirs) for user, theirs in of_one.items()}
    agreed = len(messages) - sum(counts.values())
    total = len(messages)
    while True:  # each cut makes the total smaller, and so the others' rates larger
        allowed = {user: min(count, max(1, int(max_rate * total + 1e-9))) for user, count in counts.items()}
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
    return sorted(messages, key=lambda message: message.label_events[-1])[:count]
