"""Tests of ``evaluator.terminal``."""
