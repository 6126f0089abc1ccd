"""Trains on a processor or on GPUs, goes on after a kill, calibrates, tracks.

**Course**: how far a training has come; what a checkpoint holds.

**Operating point**: the threshold that the training recommends.

**Place**: the device of one process, and which of how many processes it is.

Order of reading: ``settings``, ``train``, ``loop``, ``losses``, ``validation``, ``devices``,
``checkpoint``, ``pretrained``, ``calibrate``, ``tracking``.
"""
