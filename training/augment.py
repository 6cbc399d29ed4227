"""Text augmentation: the same message typed another way, with the same label. Pure."""

from __future__ import annotations

import random

_GREETINGS = ("hi", "hello", "hey", "hi team", "good morning", "hi there", "hey all", "hello everyone")
_NAMES = (
    "Marta", "Ravi", "Lena", "Tomasz", "Aisha", "Pedro", "Mei", "Ingrid", "Obinna", "Sara", "Dmitri", "Zeynep", "Paul",
    "Noor", "Hiro", "Claire", "Ahmed", "Linh", "Karl", "Thandi", "Ben", "Lucía", "Farid", "Kate",
)  # fmt: skip
_INTRODUCTIONS = (
    "{name} here, {text}",
    "this is {name}: {text}",
    "{text} - {name}",
    "hi {name}, {text}",
    "{name}, {text}",
)
_NEIGHBOURS = {
    "a": "sq", "b": "vn", "c": "xv", "d": "sf", "e": "wr", "f": "dg", "g": "fh", "h": "gj", "i": "uo", "j": "hk",
    "k": "jl", "l": "k", "m": "n", "n": "bm", "o": "ip", "p": "o", "q": "wa", "r": "et", "s": "ad", "t": "ry",
    "u": "yi", "v": "cb", "w": "qe", "x": "zc", "y": "tu", "z": "x",
}  # fmt: skip


def augmented(text: str, label: str, rng: random.Random) -> str:
    """`text` with one change that keeps its label: typos, punctuation, a greeting, a name, or "!!!" if negative."""
    ways = [*[typo] * 6, unpunctuated, greeted, introduced]
    if label == "negative":  # in other messages it could change the label
        ways.append(emphatic)
    return rng.choice(ways)(text, rng)


def typo(text: str, rng: random.Random) -> str:
    """About one typing error in ten words, in words of four letters or more."""
    words = text.split(" ")
    places = [i for i, word in enumerate(words) if len(word) >= 4 and word.isalpha()]
    for place in rng.sample(places, min(len(places), 1 + len(words) // 10)):
        words[place] = _slip(words[place], rng)
    return " ".join(words)


def unpunctuated(text: str, rng: random.Random) -> str:
    """Without full stops and commas. `!` and `?` stay: they carry meaning."""
    return text.rstrip(".").replace(",", "") if rng.random() < 0.5 else text.rstrip(".")


def greeted(text: str, rng: random.Random) -> str:
    """With a greeting in front."""
    return f"{rng.choice(_GREETINGS)}{rng.choice((', ', ' ', ' - '))}{text}"


def introduced(text: str, rng: random.Random) -> str:
    """With a name: the sender's or the recipient's."""
    return rng.choice(_INTRODUCTIONS).format(name=rng.choice(_NAMES), text=text)


def emphatic(text: str, rng: random.Random) -> str:
    """With exclamation marks at its end, if it ended with a full stop or nothing."""
    return f"{text.rstrip('.!')}{'!' * rng.randint(1, 4)}"


def _slip(word: str, rng: random.Random) -> str:
    at = rng.randrange(1, len(word) - 1)
    way = rng.randrange(4)
    if way == 0:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if way == 1:
        return word[:at] + word[at + 1 :]
    if way == 2:
        return word[:at] + word[at] + word[at:]
    neighbours = _NEIGHBOURS.get(word[at].lower())
    return word[:at] + rng.choice(neighbours) + word[at + 1 :] if neighbours else word
