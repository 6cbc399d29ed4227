"""Chooses which messages the team is asked to label. Flagged messages alone would not show what was missed. Pure.

* A random sample, flagged or not: its answers give the true rates of misses and false alarms.
* An uncertainty sample, the readings with the lowest confidence: their labels teach the most.
* Adjudications: where people disagree, or one contradicts a confident reading, another person is asked.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from bot.domain.learning import ADJUDICATIONS, Adjudication, Candidate, LabelRequest, Why
from bot.learning.selection import DISPUTED, SURE, Excluded
from bot.settings import LabelRequestSettings

REPLACE_AFTER_S = 3 * 24 * 3600.0
"""Seconds without an answer after which another person is asked."""
MAX_ADJUDICATIONS = 3
"""People asked per message and reason. After that the message stays excluded."""

_FOR_EXCLUDED: dict[str, Why] = {DISPUTED: "third", SURE: "second"}


UNCERTAIN = 0.60
"""Only readings with less confidence than this are in the uncertainty sample."""


def label_requests(
    candidates: Iterable[Candidate],
    excluded: Iterable[Excluded],
    asked: Sequence[tuple[str, str | None]],
    people: Sequence[str],
    budget: LabelRequestSettings,
    secret: str,
    adjudications: Iterable[Adjudication] = (),
    now: float = 0.0,
) -> list[LabelRequest]:
    """The label requests to post now. Each goes to the person with the fewest requests today.

    `asked`: reason and person of today's earlier requests. `secret` keeps the random sample unpredictable.
    `adjudications`: the earlier ones. `now` in seconds since the epoch.
    """
    if not people:
        return []
    candidates = list(candidates)
    wanted: list[tuple[int, Why, tuple[str, ...]]] = []
    left = budget.random_per_day - sum(why == "random" for why, _ in asked)
    drawn = [
        c
        for c in candidates
        if _random_number(secret, c.message) < (budget.random_flagged if c.flagged else budget.random)
    ]
    wanted += [(c.message, "random", ()) for c in drawn[: max(0, left)]]
    left = budget.uncertain_per_day - sum(why == "uncertain" for why, _ in asked)
    unsure = [c for c in candidates if not c.flagged and c.confidence < UNCERTAIN and c not in drawn]
    unsure.sort(key=lambda c: (c.confidence, c.message))
    wanted += [(c.message, "uncertain", ()) for c in unsure[: max(0, left)]]
    before: dict[tuple[int, str], list[Adjudication]] = defaultdict(list)
    for adjudication in adjudications:
        before[adjudication.message, adjudication.why].append(adjudication)
    due: list[tuple[int, tuple[int, Why, tuple[str, ...]]]] = []
    for message in excluded:
        if why := _FOR_EXCLUDED.get(message.why):
            earlier = before[message.message, why]
            if len(earlier) < MAX_ADJUDICATIONS and not any(
                o.open and now - o.at < REPLACE_AFTER_S for o in earlier
            ):
                not_these = (*message.users, *(o.person for o in earlier if o.person))
                if any(person not in not_these for person in people):
                    due.append((len(earlier), (message.message, why, not_these)))
    due.sort(key=lambda d: (d[0], -d[1][0]))
    left = budget.adjudications_per_day - sum(why in ADJUDICATIONS for why, _ in asked)
    wanted += [request for _, request in due[: max(0, left)]]
    open_requests = Counter(person for _, person in asked)
    requests = []
    for message_id, why, not_these in wanted:
        person = min((p for p in people if p not in not_these), key=lambda p: (open_requests[p], p))
        open_requests[person] += 1
        requests.append(LabelRequest(message_id, why, person))
    return requests


def _random_number(secret: str, message: int) -> float:
    """A number from 0 to 1, always the same for the same secret and message id."""
    return int.from_bytes(hashlib.sha256(f"{secret}:{message}".encode()).digest()[:6], "big") / 2**48
