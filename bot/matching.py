"""Which template a message means: the examples of all templates, embedded, and what each says about a message near it.

Routing is few-shot: a message goes to the template whose examples, embedded by the encoder, speak for it; a template
without examples but with a description is matched zero-shot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from bot.domain import Near
from bot.templates import Templates

Embed = Callable[[Sequence[str]], npt.NDArray[np.float32]]
Matrix = npt.NDArray[np.floating[Any]]
Match = Callable[[Matrix], npt.NDArray[np.float64]]
_NARROWNESS, _RIDGE, _PRIOR = 3.0, 0.1, 6000
"""Of kernel, regression and metric. Chosen on Banking77 (docs/model.md): 2 to 5, 0.03 to 0.3 and 3,000 to 9,000 do nearly
as well."""


class Index:
    """The examples of all templates, embedded by one model version, and what each says about a message near it.

    Kernel ridge regression onto the templates: an example counts for its own template and against the others, and one
    that stands among another template's examples counts for little. Ten examples of each of 77 intents known, it finds
    the right one for 84 in 100 questions, where the nearest example finds 80 (docs/model.md).
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
        texts = [(*t.examples, *more.get(t.id, ())) or (t.description or t.title,) for t in templates]
        examples = embed([text for some in texts for text in some])
        owners = np.repeat(np.arange(len(texts)), [len(some) for some in texts])
        self._match = fit(examples, owners, len(texts))

    def nearest(self, embedding: npt.NDArray[np.float32]) -> list[Near]:
        """All templates by falling similarity. `embedding`: (dim,), L2 norm 1."""
        similarities = self._match(embedding[None])[0].tolist()
        found = [Near(*template, s) for template, s in zip(self._templates, similarities, strict=True)]
        return sorted(found, key=lambda near: -near.similarity)


def kernel(some: Matrix, others: Matrix) -> npt.NDArray[np.float64]:
    """How alike two sets of embeddings are, (n, m): 1 for the same, 0 for what has nothing in common.

    The exponential of the cosine without its constant term: with it, many examples together would speak for a message
    that is like none of them.
    """
    cosine = some.astype(np.float64) @ others.T
    likeness: npt.NDArray[np.float64] = np.expm1(_NARROWNESS * cosine) / np.expm1(_NARROWNESS)
    return likeness


def metric(examples: Matrix, owners: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """The matrix (dim, dim) under which directions in which examples of one template differ count for less.

    The inverse root of the covariance within templates, as in linear discriminant analysis, shrunk toward the identity:
    a few examples say next to nothing about it, ten of each of 77 templates give it a tenth of the weight.
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


def fit(examples: Matrix, owners: npt.NDArray[np.int64], count: int) -> Match:
    """Learn who owns which example, `owners` (n,) of `examples` (n, dim): a function from embeddings (m, dim) to (m, count)."""
    root = metric(examples, owners)

    def seen(embeddings: Matrix) -> npt.NDArray[np.float64]:
        turned = embeddings.astype(np.float64) @ root
        return np.asarray(turned / np.linalg.norm(turned, axis=1, keepdims=True))

    known = seen(examples)
    weights = np.linalg.solve(kernel(known, known) + _RIDGE * np.eye(len(known)), np.eye(count)[owners])
    return lambda embeddings: kernel(seen(embeddings), known) @ weights


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

    def prepare(self, embed: Embed, version: str) -> None:
        """Embed all examples with a model version; blocking, and done before that version serves."""
        others = [(v, i) for v, i in self._indexes.items() if v != version]
        self._indexes = {**dict(others[-1:]), version: Index(self.templates, embed, version, self._more)}

    def nearest(self, embedding: npt.NDArray[np.float32], version: str) -> list[Near]:
        index = self._indexes.get(version)
        return index.nearest(embedding) if index else []
