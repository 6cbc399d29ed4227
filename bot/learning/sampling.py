"""The unseen half: whoever sees only what was flagged cannot see what was missed. So some messages are asked about.

A few are drawn by lot, flagged or not: their answers give the true rates of misses and false alarms. A few are those the
model was least sure of: they reload_examples most. And where people disagree, or one contradicts a sure reading, another is asked.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from bot.domain.learning import ADJUDICATIONS, Adjudication, Candidate, LabelRequest, Why
from bot.learning.selection import DISPUTED, SURE, Excluded
from bot.settings import LabelRequestSettings

REPLACE_AFTER_S = 3 * 24 * 3600.0
"""So long a person may be silent before the next one is asked."""
MAX_ADJUDICATIONS = 3
"""So many people are asked for each; then the message waits."""

_FOR_EXCLUDED: dict[str, Why] = {DISPUTED: "third", SURE: "second"}


UNCERTAIN = 0.60
"""Messages read with less confidence than this may be asked about as uncertain."""


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
    """What to ask now, and whom: the person who was asked least today. Pure.

    `asked` is why and whom was asked today already, `secret` what keeps anybody from knowing which messages are drawn,
    `adjudications` those that were asked for before. `now` in seconds since the epoch.
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
    for h in excluded:
        if why := _FOR_EXCLUDED.get(h.why):
            earlier = before[h.message, why]
            if len(earlier) < MAX_ADJUDICATIONS and not any(
                o.open and now - o.at < REPLACE_AFTER_S for o in earlier
            ):
                but = (*h.users, *(o.person for o in earlier if o.person))
                if any(person not in but for person in people):
                    due.append((len(earlier), (h.message, why, but)))
    due.sort(key=lambda d: (d[0], -d[1][0]))
    left = budget.adjudications_per_day - sum(why in ADJUDICATIONS for why, _ in asked)
    wanted += [ask for _, ask in due[: max(0, left)]]
    open_requests = Counter(person for _, person in asked)
    requests = []
    for message, why, spoken in wanted:
        person = min((p for p in people if p not in spoken), key=lambda p: (open_requests[p], p))
        open_requests[person] += 1
        requests.append(LabelRequest(message, why, person))
    return requests


def _random_number(secret: str, message: int) -> float:
    """A number from 0 to 1 that depends on nothing but the message's id."""
    return int.from_bytes(hashlib.sha256(f"{secret}:{message}".encode()).digest()[:6], "big") / 2**48
