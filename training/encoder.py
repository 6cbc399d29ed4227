"""One encoder, two outputs: the sentiment and the sentence embedding."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModel
from transformers.utils import logging

from model.reading import LABELS

METHODS = ("lora", "full")


class Encoder(nn.Module):
    """A BERT with a small sentiment head on its first token; the mean of its tokens is the sentence embedding."""

    def __init__(self, base: Path, *, attention: str = "sdpa", dropout: float = 0.1) -> None:
        super().__init__()
        logging.set_verbosity_error()  # type: ignore[no-untyped-call]
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        self.bert: Any = AutoModel.from_pretrained(
            base, add_pooling_layer=False, attn_implementation=attention, local_files_only=True
        )
        self.dim: int = self.bert.config.hidden_size
        self.head = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(self.dim, self.dim),
            nn.Tanh(),
            nn.Dropout(dropout),
            nn.Linear(self.dim, len(LABELS)),
        )

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """`input_ids` and `attention_mask` (batch, tokens) int64 → logits (batch, 3), embeddings (batch, dim)."""
        hidden = self.bert(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
        pooled = (hidden * mask).sum(dim=1) / mask.sum(dim=1)
        return self.head(hidden[:, 0]), nn.functional.normalize(pooled, dim=-1)


def prepare(encoder: Encoder, method: str) -> None:
    """Select the trained weights. full: everything but the word embeddings (half the weights, which stay general);
    lora: adapters of rank 16 on every linear layer of the encoder, and the head."""
    if method == "lora":
        from peft import LoraConfig, get_peft_model  # two seconds that full training need not pay

        targets = ["query", "key", "value", "dense"]
        config = LoraConfig(r=16, lora_alpha=32, lora_dropout=0.05, target_modules=targets)
        encoder.bert = get_peft_model(encoder.bert, config)
    elif method == "full":
        encoder.bert.embeddings.word_embeddings.weight.requires_grad_(False)
    else:
        raise ValueError(f"method is {method!r}, expected one of {METHODS}")


def trained_weights(encoder: Encoder) -> dict[str, Tensor]:
    """A copy of the trained weights, by name."""
    return {n: p.detach().clone() for n, p in encoder.named_parameters() if p.requires_grad}


def load_trained(encoder: Encoder, weights: dict[str, Tensor]) -> None:
    """Load trained weights into an encoder prepared in the same way. Raises KeyError if they do not fit."""
    own = {name: parameter for name, parameter in encoder.named_parameters() if parameter.requires_grad}
    if own.keys() != weights.keys():
        raise KeyError(f"weights do not fit the encoder: {sorted(own.keys() ^ weights.keys())[:3]}")
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.copy_(weights[name])


def update_ema(average: dict[str, Tensor], encoder: Encoder, weight: float) -> None:
    """Update the EMA of the trained weights in place: average + weight · (encoder − average)."""
    trained = {name: p.detach() for name, p in encoder.named_parameters() if p.requires_grad}
    # One call: on a GPU a hundred small ones take as long as the step itself.
    torch._foreach_lerp_([average[name] for name in trained], list(trained.values()), weight)


def interpolate(some: Mapping[str, Tensor], others: Mapping[str, Tensor], weight: float) -> dict[str, Tensor]:
    """Linear interpolation: some + weight · (others − some)."""
    return {name: torch.lerp(weights, others[name], weight) for name, weights in some.items()}


def merge(encoder: Encoder) -> Encoder:
    """The plain encoder in eval mode, adapters folded into the layers they adapt."""
    if hasattr(encoder.bert, "merge_and_unload"):
        encoder.bert = encoder.bert.merge_and_unload()
    return encoder.eval()
