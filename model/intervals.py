"""Confidence intervals. Pure."""

from __future__ import annotations


def rate_interval(right: int, n: int) -> tuple[float, float]:
    """95 % interval of a rate (Wilson 1927): valid for few messages, and at 0 and 1."""
    if not n:
        return 0.0, 1.0
    z, rate = 1.959964, right / n
    middle = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z * ((rate * (1 - rate) + z * z / (4 * n)) / n) ** 0.5 / (1 + z * z / n)
    return max(0.0, middle - half), min(1.0, middle + half)
