"""Exports to ONNX and builds the image."""
