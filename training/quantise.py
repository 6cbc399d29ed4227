"""Static int8 quantisation: the other messages of a batch never change a reading.

ONNX Runtime's dynamic quantisation takes the scale of an activation from the whole batch, so the label of a message near a
threshold depends on its batch. Here every scale is measured once, on development messages, and written into the graph. Weights
stay int8 per channel. No slower than the dynamic graph (docs/model.md).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

QUANTILES = (0.9999, 0.99999, 1.0)
"""Quantiles of an activation's values that its scale may span; the rest is clipped. All are tried, the best is used."""
CALIBRATED_ON = 400
"""Messages from which the ranges are measured."""
_AT_ONCE = 6
"""Activations held in memory together."""

Range = tuple[float, float]
Tokens = Sequence[list[int]]


def quantise(prepared: Path, tokens: Tokens, graph: Path) -> float:
    """Write the int8 graph of the pre-processed fp32 graph `prepared`; returns the quantile whose scales were used: the
    logits of `tokens` (token ids of development messages) differ least from fp32's."""
    some = tokens[:: max(1, len(tokens) // CALIBRATED_ON)][:CALIBRATED_ON]
    with tempfile.TemporaryDirectory() as folder:
        dynamic_file = Path(folder) / "dynamic.onnx"
        # Weights in seven bits: with eight, a CPU without VNNI overflows silently and its readings are worse.
        quantize_dynamic(
            prepared, dynamic_file, per_channel=True, weight_type=QuantType.QInt8, reduce_range=True
        )
        dynamic = onnx.load(dynamic_file)
    wanted = [node.input[0] for node in dynamic.graph.node if node.op_type == "DynamicQuantizeLinear"]
    ranges = _ranges(onnx.load(prepared), wanted, some)
    expected = _logits(onnx.load(prepared), some)
    graphs = {quantile: static(dynamic, ranges[quantile]) for quantile in QUANTILES}
    errors = {
        quantile: float(np.abs(_logits(model, some) - expected).mean()) for quantile, model in graphs.items()
    }
    best = min(errors, key=errors.__getitem__)
    onnx.save(graphs[best], graph)
    return best


def static(dynamic: onnx.ModelProto, ranges: Mapping[str, Range]) -> onnx.ModelProto:
    """The dynamically quantised graph with each activation's scale and zero point as constants, from its range."""
    model = onnx.ModelProto()
    model.CopyFrom(dynamic)
    nodes = list(model.graph.node)
    constants = {constant.name for constant in model.graph.initializer}
    maker = {name: node for node in nodes for name in node.output}
    users: dict[str, list[Any]] = {}
    for node in nodes:
        for name in node.input:
            users.setdefault(name, []).append(node)
    replaced: dict[str, Any] = {}
    gone: set[str] = set()
    for node in nodes:
        if node.op_type == "DynamicQuantizeLinear":
            model.graph.initializer.extend(_scale(node, ranges[node.input[0]]))
            replaced[node.output[0]] = helper.make_node(
                "QuantizeLinear", [node.input[0], node.output[1], node.output[2]], [node.output[0]]
            )
        elif node.op_type == "MatMulInteger":
            product, parts = _product(node, users, maker, constants)
            replaced[parts[-1].output[0]] = product
            gone |= {part.output[0] for part in parts[:-1]}
    kept = [replaced.get(node.output[0], node) for node in nodes if node.output[0] not in gone]
    del model.graph.node[:]
    model.graph.node.extend(kept)
    if not any(opset.domain == "com.microsoft" for opset in model.opset_import):
        model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return model


def _scale(node: Any, span: Range) -> list[onnx.TensorProto]:
    """Scale and zero point of a range, under the dynamic node's names."""
    low, high = min(0.0, span[0]), max(0.0, span[1])
    scale = max(high - low, 1e-8) / 255
    zero = np.array(round(-low / scale), np.uint8)
    return [
        numpy_helper.from_array(np.array(scale, np.float32), node.output[1]),
        numpy_helper.from_array(zero, node.output[2]),
    ]


def _product(
    node: Any, users: Mapping[str, list[Any]], maker: Mapping[str, Any], constants: set[str]
) -> tuple[Any, list[Any]]:
    """One node that replaces an integer product, its cast, scales and bias; and the replaced nodes in order."""
    (cast,) = users[node.output[0]]
    (scaled,) = users[cast.output[0]]
    scales = maker[next(name for name in scaled.input if name != cast.output[0])]
    parts, bias = [node, cast, scales, scaled], []
    after = users[scaled.output[0]]
    if len(after) == 1 and after[0].op_type == "Add":
        added = [name for name in after[0].input if name in constants]
        if added:
            parts, bias = [*parts, after[0]], added
    inputs = [node.input[0], node.input[1], *scales.input, node.input[2], node.input[3], *bias]
    product = helper.make_node("MatMulIntegerToFloat", inputs, [parts[-1].output[0]], domain="com.microsoft")
    return product, parts


def _ranges(
    prepared: onnx.ModelProto, wanted: Sequence[str], tokens: Tokens
) -> dict[float, dict[str, Range]]:
    """By quantile, the range of each activation over all tokens."""
    found: dict[float, dict[str, Range]] = {quantile: {} for quantile in QUANTILES}
    for start in range(0, len(wanted), _AT_ONCE):
        names = list(wanted[start : start + _AT_ONCE])
        shown = onnx.ModelProto()
        shown.CopyFrom(prepared)
        shown.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
        values = list(zip(*_runs(shown, names, tokens), strict=True))
        for name, of_texts in zip(names, values, strict=True):
            flat = np.sort(np.concatenate([value.ravel() for value in of_texts]))
            for quantile in QUANTILES:
                cut = round((1 - quantile) * (len(flat) - 1))
                found[quantile][name] = (float(flat[cut]), float(flat[-1 - cut]))
    return found


def _logits(model: onnx.ModelProto, tokens: Tokens) -> npt.NDArray[np.float32]:
    return np.concatenate([logits for (logits,) in _runs(model, ["logits"], tokens)])


def _runs(model: onnx.ModelProto, outputs: list[str], tokens: Tokens) -> Iterator[list[Any]]:
    """The outputs of the graph, one text at a time."""
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    for row in tokens:
        ids = np.array([row], dtype=np.int64)
        yield session.run(outputs, {"input_ids": ids, "attention_mask": np.ones_like(ids)})
