"""Exports a trained encoder as an ONNX graph for CPUs (int8) or GPUs (fp16); refuses a graph whose outputs differ."""

from __future__ import annotations

import logging
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from onnxruntime.quantization.shape_inference import quant_pre_process
from onnxruntime.transformers import optimizer
from tokenizers import Tokenizer

from model.errors import UserError
from model.session import create_session
from training.encoder import Encoder
from training.quantise import quantise
from training.train import pad

LARGEST_DIFFERENCE = 1e-3
MIN_AGREEMENT = 0.97
_COMPARED = 64


class ExportRefused(UserError):
    """The exported graph's outputs differ from the trained model's; it must not be published."""

    exit_code = 1


def export_cpu(
    encoder: Encoder,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    graph: Path,
    min_agreement: float = MIN_AGREEMENT,
) -> float:
    """Write the int8 graph; returns the fraction of `texts` (cleaned, of the dev split) with fp32's label.

    Raises ExportRefused.
    """
    tokens = [tokenizer.encode(text).ids for text in texts]
    with tempfile.TemporaryDirectory() as folder:
        plain, prepared = Path(folder) / "fp32.onnx", Path(folder) / "prepared.onnx"
        write_onnx(encoder, plain)
        check_parity(encoder, plain, tokens[:_COMPARED])
        # From the unfused graph: on a CPU the fused one is slower.
        logging.disable(logging.ERROR)  # they log advice, and errors that are raised anyway
        try:
            # Symbolic inference fails on the position table (Min(512, tokens)), and the quantiser does not need it.
            quant_pre_process(plain, prepared, skip_symbolic_shape=True)
            quantise(prepared, tokens, graph)
        finally:
            logging.disable(logging.NOTSET)
        agreement = float(np.mean(_run(plain, tokens).argmax(1) == _run(graph, tokens).argmax(1)))
    if agreement < min_agreement:
        raise ExportRefused(
            f"int8 gives the label of fp32 on {agreement:.1%} of the development split, needed {min_agreement:.0%} "
            "— train longer or with another seed"
        )
    return agreement


def export_gpu(encoder: Encoder, heads: int, tokens: Sequence[list[int]], graph: Path) -> None:
    """Write the fused fp16 graph. Raises ExportRefused if the fp32 graph it is made from differs from torch."""
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "fp32.onnx"
        write_onnx(encoder, plain)
        check_parity(encoder, plain, tokens[:_COMPARED])
        fused = optimizer.optimize_model(
            str(plain), model_type="bert", num_heads=heads, hidden_size=encoder.dim, opt_level=0, use_gpu=True
        )
        fused.convert_float_to_float16(keep_io_types=True)
        onnx.save_model(fused.model, graph)


def write_onnx(encoder: Encoder, graph: Path) -> None:
    """The fp32 graph: `input_ids`, `attention_mask` (batch, tokens) int64 → `logits`, `embedding`."""
    encoder.eval()
    # The GPU's optimizer recognises and fuses only eager attention exported this way.
    encoder.bert.set_attn_implementation("eager")
    ids, mask = pad([[101, 7592, 2088, 102], [101, 7592, 102]])
    axes = {0: "batch", 1: "tokens"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the older exporter warns about its age and constant shapes
        torch.onnx.export(
            encoder,
            (ids, mask),
            graph,
            dynamo=False,
            opset_version=17,
            input_names=["input_ids", "attention_mask"],
            output_names=["logits", "embedding"],
            dynamic_axes={
                "input_ids": axes,
                "attention_mask": axes,
                "logits": {0: "batch"},
                "embedding": {0: "batch"},
            },
        )


def check_parity(encoder: Encoder, graph: Path, tokens: Sequence[list[int]]) -> None:
    """Raises ExportRefused if the graph's logits differ from torch's."""
    with torch.no_grad():
        expected = torch.cat([encoder(*pad([row]))[0] for row in tokens]).float().numpy()
    difference = float(np.abs(_run(graph, tokens) - expected).max())
    if not difference <= LARGEST_DIFFERENCE:
        raise ExportRefused(
            f"ONNX and torch differ by {difference:.2g} in a logit, allowed {LARGEST_DIFFERENCE:g} "
            "— check the versions of torch and onnx against constraints.txt"
        )


def _run(graph: Path, tokens: Sequence[list[int]]) -> np.ndarray:
    """Logits (n, labels) of the graph on the CPU, one text at a time."""
    session, _ = create_session(graph, device="cpu", threads=torch.get_num_threads())
    logits = []
    for row in tokens:
        ids = np.array([row], dtype=np.int64)
        logits.append(session.run(["logits"], {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0])
    return np.concatenate(logits)
