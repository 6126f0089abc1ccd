"""Cores, GPUs and locks of one machine.

Order of reading: ``resources``, ``locks``, ``cores``, ``gpus``.
"""
