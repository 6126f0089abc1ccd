"""Attacks run against the real engine."""

from tests.support.engine import base_image, engine

__all__ = ["base_image", "engine"]
