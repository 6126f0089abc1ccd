"""Exports to ONNX and builds the image.

**Model directory**: weights, card and preprocessing of one training.

Order of reading: ``onnx``, ``modules``, ``bill``, ``image``.
"""
