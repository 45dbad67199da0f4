"""fp32 graph -> the shipped one. Three forms, measured against each other by `compare` (see README).

dynamic      int8 MatMul, activation scale from the data: fastest without VNNI, but a sentence's result
             depends on its batch mates, so the extractor runs it one sentence at a time.
static       int8 MatMul with calibrated activation scales (QDQ): results do not depend on batch mates.
weight_only  int8 weights that are expanded to fp32 at load: fp32 speed and results, a quarter of the size.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_dynamic, quantize_static

from .data import Sentence
from .features import collate, featurise


def dynamic(source: Path, target: Path) -> None:
    """Per-channel, 7-bit weights (`reduce_range`: AVX2's 8-bit product would saturate)."""
    quantize_dynamic(str(source), str(target), weight_type=QuantType.QInt8, per_channel=True, reduce_range=True)


class _Reader(CalibrationDataReader):
    def __init__(self, sentences: list[Sentence], tokenizer):
        self.feeds = iter(
            {n: getattr(b, n).numpy() for n in ("input_ids", "attention_mask", "token_type_ids")}
            for b in (collate([featurise(s, tokenizer)]) for s in sentences)
        )

    def get_next(self):
        return next(self.feeds, None)


def static(source: Path, target: Path, sentences: list[Sentence], tokenizer) -> None:
    """Calibrated on `sentences` (min-max); only products with a constant weight are quantised."""
    graph = onnx.load(str(source)).graph
    constants = {t.name for t in graph.initializer}
    keep = [n.name for n in graph.node if n.op_type == "MatMul" and n.input[1] in constants]
    interim = target.with_suffix(".qdq.onnx")
    quantize_static(
        str(source), str(interim), _Reader(sentences, tokenizer), quant_format=QuantFormat.QDQ, op_types_to_quantize=["MatMul"],
        nodes_to_quantize=keep, per_channel=True, reduce_range=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod.MinMax,
    )
    weight_only(interim, target)
    interim.unlink()


def weight_only(source: Path, target: Path, smallest: int = 1 << 16) -> None:
    """Every fp32 matrix of `smallest` values or more becomes int8 with a scale per column (per row for
    the gathered word vectors) and a DequantizeLinear, which the runtime folds at load."""
    model = onnx.load(str(source))
    graph, added = model.graph, []
    gathered = {n.input[0] for n in graph.node if n.op_type == "Gather"}
    for tensor in list(graph.initializer):
        if tensor.data_type != TensorProto.FLOAT or int(np.prod(tensor.dims)) < smallest or len(tensor.dims) != 2:
            continue
        values = numpy_helper.to_array(tensor)
        axis = 0 if tensor.name in gathered else 1
        scale = np.maximum(np.abs(values).max(axis=1 - axis, keepdims=True), 1e-8) / 127.0
        codes = np.clip(np.rint(values / scale), -127, 127).astype(np.int8)
        name = tensor.name
        graph.initializer.remove(tensor)
        graph.initializer.extend([
            numpy_helper.from_array(codes, name + "_int8"),
            numpy_helper.from_array(scale.reshape(-1).astype(np.float32), name + "_scale"),
            numpy_helper.from_array(np.zeros(scale.size, np.int8), name + "_zero"),
        ])
        added.append(helper.make_node("DequantizeLinear", [name + "_int8", name + "_scale", name + "_zero"], [name], axis=axis, name=name + "_expand"))
    for node in reversed(added):
        graph.node.insert(0, node)
    onnx.checker.check_model(model)
    onnx.save(model, str(target))
