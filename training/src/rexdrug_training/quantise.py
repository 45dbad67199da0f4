"""fp32 graph -> the shipped one. Four forms, measured against each other by `compare` (see README); a fifth is in `nibbles`.

half         16-bit weights that ONNX Runtime expands once, when it loads the graph: fp32 speed and results
             (no dependence on batch mates), half the size, word vectors a quarter.
dynamic      int8 MatMul, activation scale from the data: fastest without VNNI, but a sentence's result
             depends on its batch mates, so the extractor runs it one sentence at a time.
static       int8 MatMul with calibrated activation scales (QDQ): results do not depend on batch mates.
weight_only  int8 weights that are expanded to fp32 in the run: fp32 results, a quarter of the size.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_dynamic, quantize_static

from .data import Sentence
from .features import collate, featurise


def word_rows(source: Path, target: Path, smallest: int = 1 << 20) -> None:
    """The gathered word-vector table as int8 with one scale per word; only the rows of the sentence are
    expanded. (The stock quantiser has one scale for the whole table, which costs accuracy.)"""
    model = onnx.load(str(source))
    graph = model.graph
    tables = {t.name: t for t in graph.initializer if t.data_type == TensorProto.FLOAT and int(np.prod(t.dims)) >= smallest}
    for node in [n for n in graph.node if n.op_type == "Gather" and n.input[0] in tables]:
        tensor = tables[node.input[0]]
        values = numpy_helper.to_array(tensor)
        scale = np.maximum(np.abs(values).max(1, keepdims=True), 1e-8) / 127.0
        codes = np.clip(np.rint(values / scale), -127, 127).astype(np.int8)
        name, ids, out = tensor.name, node.input[1], node.output[0]
        graph.initializer.remove(tensor)
        graph.initializer.extend([numpy_helper.from_array(codes, name + "_int8"), numpy_helper.from_array(scale.astype(np.float32), name + "_scale")])
        place = list(graph.node).index(node)
        graph.node.remove(node)
        for step, new in enumerate((
            helper.make_node("Gather", [name + "_int8", ids], [out + "_codes"], name=name + "_codes"),
            helper.make_node("Cast", [out + "_codes"], [out + "_float"], to=TensorProto.FLOAT, name=name + "_cast"),
            helper.make_node("Gather", [name + "_scale", ids], [out + "_scale"], name=name + "_scales"),
            helper.make_node("Mul", [out + "_float", out + "_scale"], [out], name=name + "_expand"),
        )):
            graph.node.insert(place + step, new)
    onnx.checker.check_model(model)
    onnx.save(model, str(target))


def halve(graph: onnx.GraphProto, tensor: TensorProto) -> None:
    """Stores an fp32 constant in 16 bits behind a Cast, which is folded into it when the graph is loaded."""
    values, name = numpy_helper.to_array(tensor), tensor.name
    if np.abs(values).max() > 6e4:
        raise ValueError(f"{name} holds {np.abs(values).max():.0f}, more than 16 bits can; use another form")
    graph.initializer.remove(tensor)
    graph.initializer.append(numpy_helper.from_array(values.astype(np.float16), name + "_half"))
    graph.node.insert(0, helper.make_node("Cast", [name + "_half"], [name], to=TensorProto.FLOAT, name=name + "_cast"))


def half(source: Path, target: Path, smallest: int = 1 << 12) -> None:
    """Word vectors as in `word_rows`; every other fp32 matrix of `smallest` values or more is stored in 16 bits
    behind a Cast, which is folded into the constant when the graph is loaded."""
    rows = target.with_suffix(".rows.onnx")
    word_rows(source, rows)
    model = onnx.load(str(rows))
    rows.unlink()
    for tensor in list(model.graph.initializer):
        if tensor.data_type != TensorProto.FLOAT or len(tensor.dims) != 2 or int(np.prod(tensor.dims)) < smallest or 1 in tensor.dims:
            continue
        halve(model.graph, tensor)
    onnx.checker.check_model(model)
    onnx.save(model, str(target))


def dynamic(source: Path, target: Path) -> None:
    """Per-channel, 7-bit weights (`reduce_range`: AVX2's 8-bit product would saturate)."""
    rows = target.with_suffix(".rows.onnx")
    word_rows(source, rows)
    quantize_dynamic(str(rows), str(target), op_types_to_quantize=["MatMul"], weight_type=QuantType.QInt8, per_channel=True, reduce_range=True)
    rows.unlink()


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
    """Word vectors as in `word_rows`; every other fp32 matrix of `smallest` values or more becomes int8
    with a scale per column and a DequantizeLinear."""
    rows = target.with_suffix(".rows.onnx")
    word_rows(source, rows)
    model = onnx.load(str(rows))
    rows.unlink()
    graph = model.graph
    for tensor in list(graph.initializer):
        if tensor.data_type != TensorProto.FLOAT or int(np.prod(tensor.dims)) < smallest or len(tensor.dims) != 2:
            continue
        values, name = numpy_helper.to_array(tensor), tensor.name
        scale = np.maximum(np.abs(values).max(0), 1e-8) / 127.0
        codes = np.clip(np.rint(values / scale), -127, 127).astype(np.int8)
        graph.initializer.remove(tensor)
        graph.initializer.extend([
            numpy_helper.from_array(codes, name + "_int8"),
            numpy_helper.from_array(scale.astype(np.float32), name + "_scale"),
            numpy_helper.from_array(np.zeros(scale.size, np.int8), name + "_zero"),
        ])
        graph.node.insert(0, helper.make_node("DequantizeLinear", [name + "_int8", name + "_scale", name + "_zero"], [name], axis=1, name=name + "_expand"))
    onnx.checker.check_model(model)
    onnx.save(model, str(target))
