"""The one reader of pixels, the container's too.

**Intensity**: a grey value after the rescale of its frame.

Order of reading: ``intensities``, ``decoders``, ``area``, ``scratch``, ``series``,
``volume``, ``picture``.
"""
