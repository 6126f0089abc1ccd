"""Sets up the environment and a container engine.

Order of reading: ``environment``, ``engine``.
"""
