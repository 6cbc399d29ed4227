"""Loads and checks `templates.yaml`, and renders a template in a tone. bot.pipeline.matching chooses the template."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bot.domain.message import Tone
from bot.settings import SettingsError, read_yaml

LINES = ("holding", "handover", "clarify")
"""The texts that belong to no template: for an unhappy customer · for a hand-off · for a clarify question."""


class Markup(str):
    """Text that is Slack markup already (a mention, a link) and is not escaped again."""


def escape(text: str) -> str:
    """Escape the three characters that are special in Slack's markup. `<!channel>` then has no effect."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


@dataclass(frozen=True, slots=True)
class Template:
    id: str
    title: str
    examples: tuple[str, ...]
    description: str | None
    tones: Mapping[Tone, str]

    def text(self, tone: Tone) -> str:
        """The wording for a tone; the neutral one if the template lacks that tone."""
        return self.tones.get(tone) or self.tones["neutral"]


class Templates:
    """All templates and lines of one file. `load_templates` has rendered each wording once with sample values."""

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

    @property
    def ids(self) -> Collection[str]:
        return self._by_id.keys()

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
    """The variables of a wording: `{{ customer }}` (a mention) and `{{ product }}`."""
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
            raise SettingsError(f"{file}: template '{template}' is there twice — rename one")
    lines = raw.get("lines")
    if not isinstance(lines, dict) or any(not isinstance(lines.get(name), str) for name in LINES):
        raise SettingsError(f"{file}: 'lines' must have the texts {', '.join(LINES)} — add the missing ones")
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
    """Render every wording once, so that a broken expression is found at the start."""
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
