"""The base image, Debian packages, extras that are missing.

**Base image**: Python on Debian, built here since no image is pulled.

Order of reading: ``base_image``, ``linux_packages``, ``extras``.
"""
