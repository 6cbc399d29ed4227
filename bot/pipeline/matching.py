"""Which template a message means: the examples of all templates, embedded, and what each says about a message matches it.

Routing is few-shot: a message goes to the template whose examples speak for it, by their meaning (the encoder's
embedding) and a little by their words; a template without examples but with a description is matched zero-shot.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from bot.domain.message import TemplateMatch
from bot.pipeline.templates import Templates
from model.text import clean

Embed = Callable[[Sequence[str]], npt.NDArray[np.float32]]
Matrix = npt.NDArray[np.floating[Any]]
Match = Callable[[Matrix, Sequence[str] | None], npt.NDArray[np.float64]]
_NARROWNESS, _RIDGE, _PRIOR, _WORDS = 3.0, 0.1, 20_000, 0.15
"""Of kernel, regression and metric, and the words' share of the likeness. Chosen on Banking77 and CLINC150 (docs/model.md):
2.5 to 4, 0.05 to 0.2, 6,000 to 50,000 and 0.1 to 0.25 do nearly as well."""
_EXPECTED = 5
"""So many examples that score like all others' each template is taken to have beside its own, when its level is judged."""
_WORD = re.compile(r"\w+")


class Index:
    """The examples of all templates, embedded by one model version, and what each says about a message matches it.

    Kernel ridge regression onto the templates: an example counts for its own template and against the others, and one
    that stands among another template's examples counts for little. Figures, beside those of the nearest example, are in
    docs/model.md.
    """

    def __init__(
        self,
        templates: Templates,
        embed: Embed,
        version: str,
        more: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> None:
        self.version = version
        self._templates = [(t.id, t.title) for t in templates]
        by_template = _examples(templates, more)
        texts = [text for some in by_template for text in some]
        owners = np.repeat(np.arange(len(by_template)), [len(some) for some in by_template])
        self._match = fit(embed(texts), owners, len(by_template), [clean(text) for text in texts])

    def nearest(self, embedding: npt.NDArray[np.float32], cleaned: str | None = None) -> list[TemplateMatch]:
        """All templates by falling similarity. `embedding`: (dim,), L2 norm 1; `cleaned` its text as the model read it."""
        similarities = self._match(embedding[None], None if cleaned is None else [cleaned])[0].tolist()
        found = [
            TemplateMatch(*template, s) for template, s in zip(self._templates, similarities, strict=True)
        ]
        return sorted(found, key=lambda match: -match.similarity)


def _examples(templates: Templates, more: Mapping[str, Sequence[str]]) -> list[tuple[str, ...]]:
    """What stands for each template; one without examples is stood for by its description."""
    return [(*t.examples, *more.get(t.id, ())) or (t.description or t.title,) for t in templates]


def kernel(some: Matrix, others: Matrix) -> npt.NDArray[np.float64]:
    """How alike two sets of embeddings are, (n, m): 1 for the same, 0 for what has nothing in common.

    The exponential of the cosine without its constant term: with it, many examples together would speak for a message
    that is like none of them.
    """
    cosine = some.astype(np.float64) @ others.T
    likeness: npt.NDArray[np.float64] = np.expm1(_NARROWNESS * cosine) / np.expm1(_NARROWNESS)
    return likeness


class Words:
    """What words messages share with the examples: the cosine of their tf-idf, over single words and pairs in sequence.

    How rare a word is, the examples tell (Spärck Jones 1972, with scikit-learn's smoothing); what none of them says is
    passed over.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        found = [_terms(text) for text in texts]
        seen = Counter(term for terms in found for term in terms)
        self._rarity = {term: 1 + math.log((1 + len(texts)) / (1 + n)) for term, n in seen.items()}
        self._count = len(texts)
        rows, values = defaultdict(list), defaultdict(list)
        for row, terms in enumerate(found):
            for term, value in self._weights(terms).items():
                rows[term].append(row)
                values[term].append(value)
        self._where = {term: (np.array(rows[term]), np.array(values[term])) for term in rows}

    def shared(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """(n, examples): 1 for the same words, 0 for none in common."""
        likeness = np.zeros((len(texts), self._count))
        for row, text in zip(likeness, texts, strict=True):
            for term, value in self._weights(_terms(text)).items():
                where, values = self._where[term]
                row[where] += value * values
        return likeness

    def _weights(self, terms: set[str]) -> dict[str, float]:
        """The rarity of each term that an example has, scaled to L2 norm 1."""
        weights = {term: self._rarity[term] for term in terms if term in self._rarity}
        length = math.hypot(*weights.values())
        return {term: weight / length for term, weight in weights.items()}


def _terms(text: str) -> set[str]:
    words = _WORD.findall(text.lower())
    return {*words, *(" ".join(pair) for pair in pairwise(words))}


def metric(examples: Matrix, owners: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """The matrix (dim, dim) under which directions in which examples of one template differ count for less.

    The inverse root of the covariance within templates, as in linear discriminant analysis, shrunk toward the identity:
    a few examples say next to nothing about it, ten of each of 77 templates give it a thirtieth of the weight.
    """
    dim = examples.shape[1]
    own = owners[:, None] == owners[None]
    within = examples - (own / own.sum(axis=1, keepdims=True)) @ examples.astype(np.float64)
    scatter = within.T @ within
    freedom = len(examples) - len(np.unique(owners))
    if (spread := np.trace(scatter)) < 1e-6:
        return np.eye(dim)
    learned = freedom / (freedom + _PRIOR)
    values, vectors = np.linalg.eigh(learned * dim / spread * scatter + (1 - learned) * np.eye(dim))
    root: npt.NDArray[np.float64] = (vectors / np.sqrt(values)) @ vectors.T
    return root


def fit(examples: Matrix, owners: npt.NDArray[np.int64], count: int, texts: Sequence[str]) -> Match:
    """Learn who owns which example, `owners` (n,) of `examples` (n, dim) and their `texts` (n): a function from embeddings
    (m, dim) and texts (m) to scores (m, count). Without texts, the meaning stands in for the words."""
    root = metric(examples, owners)
    words = Words(texts)

    def seen(embeddings: Matrix) -> npt.NDArray[np.float64]:
        turned = embeddings.astype(np.float64) @ root
        return np.asarray(turned / np.linalg.norm(turned, axis=1, keepdims=True))

    def likeness(embeddings: Matrix, said: Sequence[str] | None) -> npt.NDArray[np.float64]:
        meant = kernel(seen(embeddings), known)
        return meant if said is None else (1 - _WORDS) * meant + _WORDS * words.shared(said)

    known = seen(examples)
    inverse = np.linalg.inv(likeness(examples, texts) + _RIDGE * np.eye(len(known)))
    owned = np.eye(count)[owners]
    weights = inverse @ owned
    # What each example would score for its own template, were it not there: in closed form (Rasmussen and Williams 2006, 5.12).
    unaided = (owned - weights / np.diag(inverse)[:, None])[np.arange(len(owners)), owners]
    scale = 1 / np.sqrt(level(unaided, owners, count))

    def match(embeddings: Matrix, said: Sequence[str] | None) -> npt.NDArray[np.float64]:
        scores = likeness(embeddings, said) @ weights
        return np.asarray(scores * scale[scores.argmax(axis=1)][:, None])

    return match


def level(
    unaided: npt.NDArray[np.float64], owners: npt.NDArray[np.int64], count: int
) -> npt.NDArray[np.float64]:
    """How well what belongs to each template scores, (count,), over how well what belongs to any does.

    A score that is high for a template of loose examples is low for one whose examples are alike. `unaided` (n,) is what
    each example scores without itself. Few examples say little and a single one nothing: the level stays matches 1.
    """
    each = np.bincount(owners, minlength=count)
    judged = each[owners] > 1
    score = np.maximum(unaided, 0)[judged]
    if not score.sum() > 1e-6:
        return np.ones(count)
    number = np.where(each > 1, each, 0)
    total = np.bincount(owners[judged], score, minlength=count)
    return np.asarray((total / score.mean() + _EXPECTED) / (number + _EXPECTED))


class Router:
    """Finds templates for readings. Embeddings of two model versions do not compare, so each version has its index.

    The index before the last is kept: readings of the old model may still be under way while the new one serves.
    """

    def __init__(self, templates: Templates) -> None:
        self.templates = templates
        self._indexes: dict[str, Index] = {}
        self._more: Mapping[str, Sequence[str]] = {}

    def add_examples(self, more: Mapping[str, Sequence[str]]) -> None:
        """Examples beside those in the file, by template; they count from the next `prepare` on."""
        self._more = more

    def texts(self) -> list[str]:
        """What `prepare` has embedded, in its order."""
        return [text for some in _examples(self.templates, self._more) for text in some]

    def prepare(self, embed: Embed, version: str) -> None:
        """Embed all examples with a model version; blocking, and done before that version serves."""
        others = [(v, i) for v, i in self._indexes.items() if v != version]
        self._indexes = {**dict(others[-1:]), version: Index(self.templates, embed, version, self._more)}

    def nearest(
        self, embedding: npt.NDArray[np.float32], version: str, cleaned: str | None = None
    ) -> list[TemplateMatch]:
        """As Index.nearest, by the version that read the message; nothing if its index is gone."""
        index = self._indexes.get(version)
        return index.nearest(embedding, cleaned) if index else []
