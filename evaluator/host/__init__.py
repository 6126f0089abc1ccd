"""Cores, GPUs and locks of one machine."""
