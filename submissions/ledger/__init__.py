"""The store that only grows, and its audit chain."""
