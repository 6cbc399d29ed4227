"""Named points at which a test may kill the process. In production there are none.

A transaction has three (it begins, it is about to be committed, it is on disk), named after the store's method. A call of
Slack's Web API has two (before the request, after the answer).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Reach = Callable[[str], None]
"""Called with the point's name when it is reached."""


def of_transaction(work: Callable[..., Any]) -> str:
    """The store's method that a piece of database work belongs to: `Inbox.put`."""
    return work.__qualname__.partition(".<locals>")[0]
