"""Routing: which template answers a message.

Routing is few-shot. A message is compared with the examples of all templates, by meaning (the encoder's embedding) and,
with a smaller weight, by words. A template without examples is matched zero-shot by its description.
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
"""Parameters of the kernel, the regression and the metric, and the weight of words in the similarity. Chosen on Banking77
and CLINC150 (docs/model.md). Nearly as good: 2.5 to 4, 0.05 to 0.2, 6,000 to 50,000 and 0.1 to 0.25."""
_PSEUDO_EXAMPLES = 5
"""Number of average-scoring examples added to each template when its level is estimated (shrinkage)."""
_WORD = re.compile(r"\w+")


class Index:
    """The examples of all templates, embedded by one model version.

    Scores come from kernel ridge regression onto the templates: an example counts for its own template and against the
    others. An example that lies among another template's examples counts for little. docs/model.md compares this with
    nearest-example matching.
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
        """All templates, most similar first. `embedding`: (dim,), L2 norm 1; `cleaned`: the text as the model read it."""
        similarities = self._match(embedding[None], None if cleaned is None else [cleaned])[0].tolist()
        found = [
            TemplateMatch(*template, s) for template, s in zip(self._templates, similarities, strict=True)
        ]
        return sorted(found, key=lambda match: -match.similarity)


def _examples(templates: Templates, more: Mapping[str, Sequence[str]]) -> list[tuple[str, ...]]:
    """The texts of each template: its examples, or its description if it has none."""
    return [(*t.examples, *more.get(t.id, ())) or (t.description or t.title,) for t in templates]


def kernel(some: Matrix, others: Matrix) -> npt.NDArray[np.float64]:
    """The similarity of two sets of embeddings, (n, m): 1 for equal, 0 for orthogonal ones.

    It is the exponential of the cosine minus its constant term. With the constant term, many examples together would
    match a message that resembles none of them.
    """
    cosine = some.astype(np.float64) @ others.T
    similarity: npt.NDArray[np.float64] = np.expm1(_NARROWNESS * cosine) / np.expm1(_NARROWNESS)
    return similarity


class Words:
    """The words that messages share with the examples: the cosine of their tf-idf vectors over words and word pairs.

    Document frequencies come from the examples (Spärck Jones 1972, with scikit-learn's smoothing). Words that no example
    has are ignored.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        found = [_terms(text) for text in texts]
        frequency = Counter(term for terms in found for term in terms)
        self._idf = {term: 1 + math.log((1 + len(texts)) / (1 + n)) for term, n in frequency.items()}
        self._count = len(texts)
        rows, values = defaultdict(list), defaultdict(list)
        for row, terms in enumerate(found):
            for term, value in self._weights(terms).items():
                rows[term].append(row)
                values[term].append(value)
        self._where = {term: (np.array(rows[term]), np.array(values[term])) for term in rows}

    def shared(self, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """(n, examples): 1 for the same words, 0 for none in common."""
        similarity = np.zeros((len(texts), self._count))
        for row, text in zip(similarity, texts, strict=True):
            for term, value in self._weights(_terms(text)).items():
                where, values = self._where[term]
                row[where] += value * values
        return similarity

    def _weights(self, terms: set[str]) -> dict[str, float]:
        """The idf of each known term, scaled to L2 norm 1."""
        weights = {term: self._idf[term] for term in terms if term in self._idf}
        length = math.hypot(*weights.values())
        return {term: weight / length for term, weight in weights.items()}


def _terms(text: str) -> set[str]:
    words = _WORD.findall(text.lower())
    return {*words, *(" ".join(pair) for pair in pairwise(words))}


def metric(examples: Matrix, owners: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """The matrix (dim, dim) that reduces the weight of directions in which examples of one template differ.

    It is the inverse square root of the within-template covariance, as in linear discriminant analysis, shrunk toward the
    identity. With few examples it is close to the identity; ten examples of each of 77 templates give it a weight of 1/30.
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
    """Fit the regression from `examples` (n, dim) with their `texts` (n) to their templates, `owners` (n,).

    Returns a function from embeddings (m, dim) and texts (m) to scores (m, count). Without texts it uses the embeddings
    alone.
    """
    root = metric(examples, owners)
    words = Words(texts)

    def transform(embeddings: Matrix) -> npt.NDArray[np.float64]:
        projected = embeddings.astype(np.float64) @ root
        return np.asarray(projected / np.linalg.norm(projected, axis=1, keepdims=True))

    def similarity(embeddings: Matrix, cleaned: Sequence[str] | None) -> npt.NDArray[np.float64]:
        by_meaning = kernel(transform(embeddings), known)
        return by_meaning if cleaned is None else (1 - _WORDS) * by_meaning + _WORDS * words.shared(cleaned)

    known = transform(examples)
    inverse = np.linalg.inv(similarity(examples, texts) + _RIDGE * np.eye(len(known)))
    targets = np.eye(count)[owners]
    weights = inverse @ targets
    # The leave-one-out score of each example for its own template, in closed form (Rasmussen and Williams 2006, 5.12).
    left_out = (targets - weights / np.diag(inverse)[:, None])[np.arange(len(owners)), owners]
    scale = 1 / np.sqrt(level(left_out, owners, count))

    def match(embeddings: Matrix, cleaned: Sequence[str] | None) -> npt.NDArray[np.float64]:
        scores = similarity(embeddings, cleaned) @ weights
        return np.asarray(scores * scale[scores.argmax(axis=1)][:, None])

    return match


def level(
    left_out: npt.NDArray[np.float64], owners: npt.NDArray[np.int64], count: int
) -> npt.NDArray[np.float64]:
    """The mean score of each template's own examples, (count,), relative to the mean of all examples.

    A score that is high for a template with diverse examples is low for one whose examples are alike. `left_out` (n,) are
    the leave-one-out scores. With few examples the level stays near 1; a single example is not counted.
    """
    each = np.bincount(owners, minlength=count)
    counted = each[owners] > 1
    score = np.maximum(left_out, 0)[counted]
    if not score.sum() > 1e-6:
        return np.ones(count)
    number = np.where(each > 1, each, 0)
    total = np.bincount(owners[counted], score, minlength=count)
    return np.asarray((total / score.mean() + _PSEUDO_EXAMPLES) / (number + _PSEUDO_EXAMPLES))


class Router:
    """Finds templates for readings. Embeddings of different model versions cannot be compared, so each version has an index.

    The previous index is kept: some messages may have been read by the old version just before the swap.
    """

    def __init__(self, templates: Templates) -> None:
        self.templates = templates
        self._indexes: dict[str, Index] = {}
        self._more: Mapping[str, Sequence[str]] = {}

    def add_examples(self, more: Mapping[str, Sequence[str]]) -> None:
        """Examples in addition to those in the file, by template. They count from the next `prepare` on."""
        self._more = more

    def texts(self) -> list[str]:
        """All texts that `prepare` embeds, in the same order."""
        return [text for some in _examples(self.templates, self._more) for text in some]

    def prepare(self, embed: Embed, version: str) -> None:
        """Embed all examples with a model version. Blocking; call it before that version serves."""
        others = [(v, i) for v, i in self._indexes.items() if v != version]
        self._indexes = {**dict(others[-1:]), version: Index(self.templates, embed, version, self._more)}

    def nearest(
        self, embedding: npt.NDArray[np.float32], version: str, cleaned: str | None = None
    ) -> list[TemplateMatch]:
        """As Index.nearest, with the index of the version that read the message; empty if that index is gone."""
        index = self._indexes.get(version)
        return index.nearest(embedding, cleaned) if index else []
