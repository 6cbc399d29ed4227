"""The model card that lies beside the weights: what it is, what it was made of, how good it is, how to rebuild it."""

from __future__ import annotations

from typing import Any

from model.artefact_folder import Manifest
from model.reading import LABELS


def card(manifest: Manifest) -> str:
    """`card.md` for a version, from its manifest (the file hashes are not needed)."""
    settings = ", ".join(f"{name} {value}" for name, value in manifest.settings.items())
    return f"""# Softanswer model {manifest.version}

Reads support messages in English: how the customer feels ({
        ", ".join(LABELS)
    }; see docs/model.md for what a label
means) and, in the same pass, a sentence embedding of {
        manifest.embedding_dim
    } numbers for choosing a template.

- **Base**: {manifest.base_model} (Apache-2.0), sha256 of model.safetensors `{manifest.base_sha256}`
- **Trained**: {manifest.created}, method {manifest.method}; {settings}
- **Data**: support messages hand-written for Softanswer (`training/corpus`, Apache-2.0){
        _corrections(manifest)
    };
  sha256 of the training rows `{manifest.data_hash}`
- **Parent**: {manifest.parent or "none"}
- **Graph**: {"int8, for CPUs" if manifest.device == "cpu" else "fp16, fused, for GPUs"}; reads the first {
        manifest.max_length
    } tokens of a message
- **Calibration**: logits divided by {manifest.temperature:.3f} before the softmax

## Figures

{_figures(manifest.metrics)}

*dev* chose the epoch and the temperature; *holdout* was never trained on or chosen by.
Measured by `python -m training evaluate --model DIR`.

## Limits

English only. Sarcasm without a marker, feelings hidden in a long factual report, and trades that the corpus does not
know are where it errs most. It reads one message at a time and knows nothing of the thread.

## Rebuild

`python -m training train --method {manifest.method} --seed {
        manifest.settings.get("seed", 1)
    }`; the GPU's graph:
`python -m training export --device gpu --model DIR --out DIR`.
"""


def _corrections(manifest: Manifest) -> str:
    count = manifest.settings.get("corrections", 0)
    return f" and {count} corrections by the team" if count else ""


def _figures(metrics: Any) -> str:
    lines = [
        "| part | n | accuracy | macro-F1 | recall of negative | ECE (15 bins) |",
        "|---|---|---|---|---|---|",
    ]
    for part in ("dev", "holdout"):
        figures = metrics[part]
        lines.append(
            f"| {part} | {figures['n']} | {figures['accuracy']:.3f} | {figures['macro_f1']:.3f} "
            f"| {figures['per_class']['negative']['recall']:.3f} | {figures['ece']:.3f} |"
        )
    return "\n".join(lines)
