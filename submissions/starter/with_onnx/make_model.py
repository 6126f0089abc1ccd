"""Writes model.onnx, which stands in for your network: brightness of the picture, then a sigmoid.

Export your own with the same names: ``pictures`` [batch, 1, 64, 64] in, one column of
probabilities out.
"""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import TensorProto, helper


def network() -> onnx.ModelProto:
    """The graph: mean of the picture, times 6, less 3, sigmoid."""
    pictures = helper.make_tensor_value_info("pictures", TensorProto.FLOAT, ["batch", 1, 64, 64])
    scores = helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["batch", 1])
    numbers = [
        helper.make_tensor("slope", TensorProto.FLOAT, [1, 1], [6.0]),
        helper.make_tensor("offset", TensorProto.FLOAT, [1], [-3.0]),
    ]
    nodes = [
        helper.make_node("GlobalAveragePool", ["pictures"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("Gemm", ["flat", "slope", "offset"], ["logit"]),
        helper.make_node("Sigmoid", ["logit"], ["scores"]),
    ]
    graph = helper.make_graph(nodes, "brightness", [pictures], [scores], numbers)
    opset = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=opset, ir_version=10, producer_name="starter")


if __name__ == "__main__":
    onnx.save(network(), Path(__file__).resolve().parent / "model.onnx")
