"""The model card beside the weights: description, data, figures, how to rebuild it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from model.artefact_folder import Manifest
from model.reading import LABELS
from training.figures import CURVE, RELIABILITY


def card(manifest: Manifest) -> str:
    """`card.md` for a version, from its manifest (the file hashes are not needed)."""
    settings = ", ".join(f"{name} {value}" for name, value in manifest.settings.items())
    graph = "int8, for CPUs" if manifest.device == "cpu" else "fp16, fused, for GPUs"
    return f"""# Softanswer model {manifest.version}

Reads support messages in English: how the customer feels ({", ".join(LABELS)}; see docs/model.md for what a label
means) and, in the same pass, a sentence embedding of {manifest.embedding_dim} numbers for choosing a template.

- **Base**: {manifest.base_model} (Apache-2.0), sha256 of model.safetensors `{manifest.base_sha256}`
- **Trained**: {manifest.created}, method {manifest.method}; {settings}
- **Data**: {_data(manifest)}; sha256 of the training rows `{manifest.data_hash}`
- **Parent**: {manifest.parent or "none"}
- **Graph**: {graph}; reads messages whole, in windows of {manifest.max_length} tokens
- **Calibration**: {_calibration(manifest)}

{_figures(manifest)}
## Limits

English only: other languages are not scored. Sarcasm without a marker, mild disappointment in technical talk, and trades
that its data do not know are where it errs most. It reads one message at a time and knows nothing of the
thread. Its data were written and labelled by few hands: it knows the ways they know of being angry. It must not be used to
judge people, neither customers nor agents.

## Rebuild

{_rebuild(manifest)}; the GPU's graph: `python -m training export --device gpu --model DIR --out DIR`.
"""


def _calibration(manifest: Manifest) -> str:
    if not any(manifest.bias):
        return f"logits divided by {manifest.temperature:.3f} before the softmax, fitted on dev after quantisation"
    moved = ", ".join(
        f"{label} {b:+.2f}" for label, b in zip(manifest.labels, manifest.bias, strict=True) if b
    )
    return (
        f"logits divided by {manifest.temperature:.3f}, then moved ({moved}) before the softmax, fitted after quantisation at the"
        " mix of a channel"
    )


def _retrained(manifest: Manifest) -> bool:
    """Whether the bot retrained it; a version that a person trained has neither setting."""
    return bool(manifest.settings.get("start") or manifest.settings.get("corrections"))


def _rebuild(manifest: Manifest) -> str:
    if _retrained(manifest):
        begun = manifest.settings.get("start") or "the base model"
        return (
            f"By the bot's retraining (`softanswer retrain`), from {begun}, the corpus and the team's corrections, which are in its"
            " database alone"
        )
    return f"`softanswer train {_arguments(manifest)}`"


def _data(manifest: Manifest) -> str:
    own = (
        "messages and whole conversations hand-written for Softanswer (`training/corpus`, Apache-2.0), and what a teacher made from"
        " all-mpnet-base-v2 (Apache-2.0) says of them and of texts made from them (`training/soft_labels`)"
    )
    if turns := manifest.settings.get("real_turns"):
        own += (
            f"; {turns:,} real turns of public help channels, labelled for Softanswer (`training/real_turns.tsv`; the texts are not"
            " in the project): irc-disentanglement (Kummerfeld et al. 2019; CC BY 4.0), MultiDoGO (Peskov et al. 2019;"
            " CDLA-Permissive-1.0), Taskmaster-4 (CC BY 4.0)"
        )
    named = manifest.settings.get("data")
    corrections = manifest.settings.get("corrections", 0)
    return (named or own) + (f" and {corrections} corrections by the team" if corrections else "")


def _arguments(manifest: Manifest) -> str:
    settings = manifest.settings
    options = {"method": manifest.method, "seed": settings.get("seed", 1), "data": settings.get("data")}
    options |= {"epochs": settings.get("planned_epochs"), "learning-rate": settings.get("learning_rate")}
    options |= {"branches": settings.get("branches")}
    options |= {"real": "FILE…" if settings.get("real_turns") else None}
    return " ".join(f"--{name} {value}" for name, value in options.items() if value is not None)


def _figures(manifest: Manifest) -> str:
    metrics = manifest.metrics
    parts = [part for part in _PARTS if metrics.get(part, {}).get("n")]
    detailed = next((part for part in ("holdout", "dev") if "slices" in metrics.get(part, {})), "")
    lines = ["## Figures", ""]
    if manifest.device == "gpu":
        lines += [f"Of the int8 graph of {manifest.parent}, made from the same weights.", ""]
    if any("ranking" in metrics[part] for part in parts):
        lines += _flags(parts, metrics)
    lines += [
        "| part | n | macro-F1 (95 %) | hard | accuracy | recall of negative | … at precision 0.90 | ECE |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for part in parts:
        f = metrics[part]
        hard = f.get("slices", {}).get("difficulty", {}).get("hard", {}).get("macro_f1")
        hard = hard if part in ("holdout", "challenge", "dev") else None
        at_precision = f.get("negative_recall", {}).get("recall")
        ece = f.get("ece")
        lines.append(
            f"| {part} | {f['n']} | {f['macro_f1']:.3f} {_interval(f.get('macro_f1_interval'))} "
            f"| {'–' if hard is None else f'{hard:.3f}'} | {f['accuracy']:.3f} "
            f"| {f['per_class']['negative']['recall']:.3f} | {'–' if at_precision is None else f'{at_precision:.3f}'} "
            f"| {'–' if ece is None else f'{ece:.3f}'} |"
        )
    lines += ["", *(f"*{part}*: {meaning}." for part, meaning in _PARTS.items() if part in parts)]
    lines += [
        "Intervals of macro-F1 by the bootstrap, of accuracy after Wilson. ECE: expected calibration error in 15 bins. By",
        "`softanswer evaluate --model DIR`.",
        "",
    ]
    if _retrained(manifest):
        lines += [
            "The release checks measured a part of the holdout and the team's own messages.",
            "",
        ]
    if int8 := metrics.get("int8"):
        lines += [
            f"int8 gives fp32's label on {int8['agreement']:.1%} of dev; macro-F1 there {int8['fp32']:.3f} in fp32, "
            f"{int8['int8']:.3f} in int8.",
            "",
        ]
    if detailed:
        lines += _details(detailed, metrics[detailed])
    if behaviour := metrics.get("behaviour"):  # if they were run, the pictures were drawn
        lines += [f"![Reliability]({RELIABILITY})", "", f"![Training]({CURVE})", ""]
        lines += ["## Behaviour", "", "By `softanswer evaluate --behaviour --model DIR`.", ""]
        lines += behaviour_table(behaviour)
    return "\n".join(lines)


_PARTS = {
    "real": "real turns drawn at random from public help channels; they chose settings and the calibration",
    "chosen": "real turns picked because a model found them suspicious; they chose settings",
    "talk": "turns of our own conversations, never trained on, at their own mix",
    "holdout": "a fifth of the corpus, never trained on",
    "challenge": "the held-out fifth of the parts that were written to be beyond the model",
    "extras": "one-liners and long mails, never trained on",
    "dev": "chose the epoch",
    "live": "the team's own messages that nothing learns from",
}
"""The parts in the order of the card: other people's messages first."""


def _flags(parts: Sequence[str], metrics: Mapping[str, Any]) -> list[str]:
    """The figures of the flags, by part."""
    lines = [
        "| part | n | unhappy | AUROC (95 %) | precision where 60 % are found | flagged from 0.50 on | … rightly | … unhappy found |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for part in parts:
        f = metrics[part]
        if not (ranking := f.get("ranking")) or ranking["auroc"] is None:
            continue
        flags = f["flags"]["0.50"]
        right = "–" if flags["precision"] is None else f"{flags['precision']:.2f}"
        lines.append(
            f"| {part} | {f['n']} | {f['prevalence']:.1%} | {ranking['auroc']:.3f} {_interval(ranking['auroc_interval'])} "
            f"| {ranking['precision']:.2f} {_interval(ranking['precision_interval'])} "
            f"| {flags['flagged']:.1%} | {right} | {flags['recall']:.2f} |"
        )
    return [*lines, ""]


def _details(part: str, figures: Mapping[str, Any]) -> list[str]:
    lines = [f"### Confusion on {part}", "", f"| written \\ read | {' | '.join(LABELS)} | not scored |"]
    lines.append("|---|" + "---|" * (len(LABELS) + 1))
    lines += [
        f"| {label} | {' | '.join(map(str, row))} |"
        for label, row in zip(LABELS, figures["confusion"], strict=True)
    ]
    lines.append("")
    for view, groups in figures["slices"].items():
        if not groups:
            continue
        lines += [f"### By {view}", "", "| | n | accuracy (95 %) | macro-F1 (95 %) |", "|---|---|---|---|"]
        for name, f in groups.items():
            macro = f"{f['macro_f1']:.3f} {_interval(f['macro_f1_interval'])}" if "macro_f1" in f else "–"
            lines.append(
                f"| {_cell(name)} | {f['n']} | {f['accuracy']:.3f} {_interval(f['accuracy_interval'])} | {macro} |"
            )
        lines.append("")
    return lines


def behaviour_table(behaviour: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Markdown rows of the results of training.behaviour.run."""
    lines = ["| test | capability | n | passed |", "|---|---|---|---|"]
    for test, capabilities in behaviour.items():
        for capability, f in capabilities.items():
            if f["n"]:
                lines.append(f"| {test} | {capability} | {f['n']} | {f['passed'] / f['n']:.1%} |")
    return [*lines, ""]


def _interval(bounds: Any) -> str:
    return f"({bounds[0]:.3f}–{bounds[1]:.3f})" if bounds else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
