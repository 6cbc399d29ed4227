"""The answers: load and validate `templates.yaml`, find the template nearest in meaning, render it in a tone.

Routing is few-shot: a message goes to the template whose examples, embedded by the encoder, speak for it; a template
without examples but with a description is matched zero-shot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bot.domain import Near, Tone
from bot.settings import SettingsError, read_yaml

Embed = Callable[[Sequence[str]], npt.NDArray[np.float32]]
Matrix = npt.NDArray[np.floating[Any]]
Match = Callable[[Matrix], npt.NDArray[np.float64]]
_NARROWNESS, _RIDGE, _PRIOR = 3.0, 0.1, 6000
"""Of kernel, regression and metric. Chosen on Banking77 (docs/model.md): 2 to 5, 0.03 to 0.3 and 3,000 to 9,000 do nearly
as well."""

LINES = ("holding", "handover", "clarify")
"""The lines that belong to no template: a person is coming · no answer here · did you mean."""


class Markup(str):
    """Text that is Slack markup already (a mention, a link) and is not escaped again."""


def escape(text: str) -> str:
    """Escape the three characters that Slack gives meaning to; that also defuses `<!channel>`."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@dataclass(frozen=True, slots=True)
class Template:
    id: str
    title: str
    examples: tuple[str, ...]
    description: str | None
    tones: Mapping[Tone, str]

    def text(self, tone: Tone) -> str:
        """The wording for a tone. Whoever is not happy never gets the cheerful one."""
        return self.tones.get(tone) or self.tones["neutral"]


class Templates:
    """All templates and lines of one file, checked: every wording has been rendered once with sample values."""

    def __init__(self, templates: Sequence[Template], lines: Mapping[str, str]) -> None:
        self._by_id = {t.id: t for t in templates}
        self._lines = dict(lines)
        self._jinja = ImmutableSandboxedEnvironment(
            undefined=StrictUndefined,
            autoescape=False,
            finalize=lambda value: value if isinstance(value, Markup) else escape(str(value)),
        )

    def __iter__(self) -> Any:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    def __getitem__(self, template: str) -> Template:
        return self._by_id[template]

    def __contains__(self, template: object) -> bool:
        return template in self._by_id

    def render(self, template: str, tone: Tone, values: Mapping[str, Any]) -> str:
        return self._render(self._by_id[template].text(tone), values)

    def line(self, name: str, values: Mapping[str, Any]) -> str:
        return self._render(self._lines[name], values)

    def _render(self, source: str, values: Mapping[str, Any]) -> str:
        return self._jinja.from_string(source).render(**values).strip()


def values_for(customer: str, product: str) -> dict[str, Any]:
    """What a wording may use: `{{ customer }}` (a mention) and `{{ product }}`."""
    return {"customer": Markup(f"<@{customer}>"), "product": product}


def load_templates(config: Path) -> Templates:
    """Read `config/templates.yaml`; raises SettingsError naming the template and what to do."""
    file = config / "templates.yaml"
    raw = read_yaml(file)
    for key in raw:
        if key not in ("templates", "lines"):
            raise SettingsError(f"{file}: unknown key '{key}' — known here: lines, templates")
    entries = raw.get("templates")
    if not isinstance(entries, list) or not entries:
        raise SettingsError(f"{file}: missing key 'templates' — list at least one template")
    templates = [_template(entry, i, file) for i, entry in enumerate(entries)]
    ids = [t.id for t in templates]
    for template in ids:
        if ids.count(template) > 1:
            raise SettingsError(f"{file}: template '{template}' stands twice — rename one")
    lines = raw.get("lines")
    if not isinstance(lines, dict) or any(not isinstance(lines.get(name), str) for name in LINES):
        raise SettingsError(f"{file}: 'lines' must have the texts {', '.join(LINES)} — add what is missing")
    for name in lines:
        if name not in LINES:
            raise SettingsError(f"{file}: unknown key 'lines.{name}' — known here: {', '.join(LINES)}")
    loaded = Templates(templates, lines)
    _try_every_wording(loaded, file)
    return loaded


_KEYS = {"id", "title", "examples", "description", "tones"}


def _template(entry: Any, index: int, file: Path) -> Template:
    if not isinstance(entry, dict) or not isinstance(entry.get("id"), str):
        raise SettingsError(f"{file}: template number {index + 1} has no id — give it one (text)")
    name = f"{file}: template '{entry['id']}'"
    for key in entry:
        if key not in _KEYS:
            raise SettingsError(f"{name} has an unknown key '{key}' — known here: {', '.join(sorted(_KEYS))}")
    examples, description = entry.get("examples") or [], entry.get("description")
    if not isinstance(examples, list) or any(not isinstance(e, str) or not e.strip() for e in examples):
        raise SettingsError(f"{name}: examples must be a list of texts")
    if description is not None and not isinstance(description, str):
        raise SettingsError(f"{name}: description must be a text")
    if not examples and not description:
        raise SettingsError(f"{name} has no examples — add at least one (or a description)")
    tones = entry.get("tones")
    if not isinstance(tones, dict) or not isinstance(tones.get("neutral"), str):
        raise SettingsError(f"{name} has no neutral tone — add tones.neutral")
    for tone, text in tones.items():
        if tone not in ("negative", "neutral", "positive") or not isinstance(text, str):
            raise SettingsError(
                f"{name}: tones.{tone} — tones are negative, neutral and positive, each a text"
            )
    return Template(entry["id"], str(entry.get("title") or entry["id"]), tuple(examples), description, tones)


def _try_every_wording(templates: Templates, file: Path) -> None:
    """Render everything once, so that a broken expression is found at the start and not before a customer."""
    sample = values_for("U0", "Product")
    wordings: list[tuple[str, str]] = [
        (f"template '{t.id}', tone {tone}", text) for t in templates for tone, text in t.tones.items()
    ]
    wordings += [(f"lines.{name}", templates._lines[name]) for name in LINES]
    for where, text in wordings:
        try:
            rendered = templates._render(text, sample)
        except TemplateSyntaxError as error:
            raise SettingsError(
                f"{file}: {where}: broken Jinja expression on its line {error.lineno} ({error.message}) — correct it"
            ) from None
        except (TemplateError, ArithmeticError, TypeError, ValueError) as error:
            raise SettingsError(
                f"{file}: {where}: broken Jinja expression ({error}) — use only customer and product"
            ) from None
        if not rendered or len(rendered) > 3000:
            raise SettingsError(
                f"{file}: {where}: renders to {len(rendered)} characters — keep it between 1 and 3,000"
            )


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
