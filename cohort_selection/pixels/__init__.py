"""The one reader of pixels, the container's too.

**Intensity**: a grey value after the rescale of its frame.

Order of reading: ``intensities``, ``stored``, ``decoders``, ``area``, ``scratch``, ``series``,
``volume``, ``whole_file``, ``picture``.
"""
