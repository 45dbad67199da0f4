"""fp32 graphs -> graphs whose weights have 4 and 8 bits.

Products are ONNX Runtime's `MatMulNBits`, told to compute in fp32: weights stay in four bits in memory too, activations are not
rounded, so a sentence's result does not depend on its batch mates, and speed is that of fp32. Weights that were trained in 4
bits (`lowbit`) come out as they were trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper

from .quantise import halve

MIDDLE = 8
# `accuracy_level` of MatMulNBits: what is multiplied; 4 would round activations to int8.
FP32 = 1


def codes_of(values: np.ndarray, group: int) -> tuple[np.ndarray, np.ndarray]:
    """Codes 1..15 and 16-bit scales of `values` [..., groups, group], as `lowbit.rounded` with four bits has them."""
    parts = values.reshape(*values.shape[:-1], -1, group)
    scale = np.maximum(np.abs(parts).max(-1, keepdims=True) / 7, 1e-7).astype(np.float16)
    codes = np.clip(np.rint(parts / scale.astype(np.float32)), -7, 7) + MIDDLE
    return codes.astype(np.uint8), scale


def packed(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Two codes a byte, the first of them in the low half."""
    return (first | (second << 4)).astype(np.uint8)


class _Writer:
    """Nodes and constants of an expansion, named after what they expand to."""

    def __init__(self, graph: GraphProto, name: str):
        self.graph, self.name, self.nodes = graph, name, []

    def constant(self, label: str, values: np.ndarray) -> str:
        full = f"{self.name}_{label}"
        self.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(values), full))
        return full

    def node(self, kind: str, inputs: list[str], label: str, **attributes) -> str:
        full = f"{self.name}_{label}"
        self.nodes.append(helper.make_node(kind, inputs, [full], name=full, **attributes))
        return full

    def halves(self, bytes_: str, axis: int) -> str:
        """fp32 numbers -7..7 of packed codes: those of the low halves, then those of the high ones, along `axis`."""
        value = self.node("Cast", [bytes_], "value", to=TensorProto.FLOAT)
        sixteenth = self.node("Mul", [value, self.constant("sixteenth", np.float32(1 / 16))], "sixteenths")
        high = self.node("Floor", [sixteenth], "high")
        lifted = self.node("Mul", [high, self.constant("sixteen", np.float32(16))], "lifted")
        low = self.node("Sub", [value, lifted], "low")
        both = self.node("Concat", [low, high], "both", axis=axis)
        return self.node("Sub", [both, self.constant("middle", np.float32(MIDDLE))], "codes")

    def scaled(self, codes: str, scale: str) -> str:
        return self.node("Mul", [codes, self.node("Cast", [scale], "scale_value", to=TensorProto.FLOAT)], "scaled")

    def end(self, source: str, shape: list[int], output: str) -> list[NodeProto]:
        """The nodes, the last of which gives `output` its shape."""
        self.nodes.append(helper.make_node("Reshape", [source, self.constant("shape", np.array(shape, np.int64))], [output], name=f"{self.name}_expand"))
        return self.nodes


def _product(graph: GraphProto, node: NodeProto, values: np.ndarray, group: int) -> list[NodeProto]:
    """A product with a constant factor [in, out], groups along `in`; two neighbours of a group share a byte."""
    codes, scale = codes_of(values.T, group)
    writer = _Writer(graph, node.input[1])
    bytes_ = writer.constant("nibbles", packed(codes[..., 0::2], codes[..., 1::2]))
    scales = writer.node("Cast", [writer.constant("scale", scale.reshape(-1))], "scale_value", to=TensorProto.FLOAT)
    writer.nodes.append(helper.make_node(
        "MatMulNBits", [node.input[0], bytes_, scales], list(node.output), name=node.name, domain="com.microsoft",
        K=values.shape[0], N=values.shape[1], bits=4, block_size=group, accuracy_level=FP32,
    ))
    return writer.nodes


def _words(graph: GraphProto, node: NodeProto, values: np.ndarray, group: int) -> list[NodeProto]:
    """Gathered rows: only those of the sentence are expanded, in the run."""
    width = values.shape[1]
    codes, scale = codes_of(values, group)
    codes = codes.reshape(values.shape)
    writer = _Writer(graph, node.input[0])
    table = writer.constant("nibbles", packed(codes[:, : width // 2], codes[:, width // 2 :]))
    rows = writer.node("Gather", [table, node.input[1]], "rows")
    grouped = writer.node("Reshape", [writer.halves(rows, 2), writer.constant("groups", np.array([0, 0, width // group, group], np.int64))], "grouped")
    scales = writer.node("Gather", [writer.constant("scale", scale), node.input[1]], "scale_rows")
    return writer.end(writer.scaled(grouped, scales), [0, 0, width], node.output[0])


def nibble(source: Path, target: Path, group: int = 64, smallest: int = 1 << 16) -> None:
    """Factors and word vectors of `smallest` values or more in 4 bits, other matrices in 16."""
    model = onnx.load(str(source))
    graph = model.graph
    tensors = {t.name: t for t in graph.initializer if t.data_type == TensorProto.FLOAT and len(t.dims) == 2}
    for node in list(graph.node):
        if node.op_type not in ("Gather", "MatMul"):
            continue
        name = node.input[0 if node.op_type == "Gather" else 1]
        if name not in tensors:
            continue
        values = numpy_helper.to_array(tensors[name])
        if node.op_type == "Gather" and values.size >= 16 * smallest:
            nodes = _words(graph, node, values, group)
        elif node.op_type == "MatMul" and values.size >= smallest and values.shape[0] % group == 0:
            nodes = _product(graph, node, values, group)
        else:
            continue
        place = list(graph.node).index(node)
        graph.node.remove(node)
        _replace(graph, tensors.pop(name), nodes, place)
    for tensor in tensors.values():
        if int(np.prod(tensor.dims)) >= 1 << 12 and 1 not in tensor.dims:
            halve(graph, tensor)
    model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    onnx.checker.check_model(model)
    onnx.save(model, str(target))


def bytewise(source: Path, target: Path, smallest: int = 1 << 16) -> None:
    """Factors of `smallest` values or more in 8 bits with a scale per column (the heads)."""
    model = onnx.load(str(source))
    graph = model.graph
    for tensor in [t for t in graph.initializer if t.data_type == TensorProto.FLOAT and len(t.dims) == 2 and int(np.prod(t.dims)) >= smallest]:
        values = numpy_helper.to_array(tensor)
        axis = 1 if any(n.op_type == "MatMul" and n.input[1] == tensor.name for n in graph.node) else 0
        scale = (np.maximum(np.abs(values).max(1 - axis, keepdims=True), 1e-8) / 127).astype(np.float32)
        writer = _Writer(graph, tensor.name)
        codes = writer.constant("codes", np.clip(np.rint(values / scale), -127, 127).astype(np.int8))
        value = writer.node("Cast", [codes], "value", to=TensorProto.FLOAT)
        writer.nodes.append(helper.make_node("Mul", [value, writer.constant("scale", scale)], [tensor.name], name=f"{tensor.name}_expand"))
        _replace(graph, tensor, writer.nodes, 0)
    onnx.checker.check_model(model)
    onnx.save(model, str(target))


def _replace(graph: GraphProto, tensor: TensorProto, nodes: list[NodeProto], place: int) -> None:
    graph.initializer.remove(tensor)
    for step, node in enumerate(nodes):
        graph.node.insert(place + step, node)
