"""The base image, Debian packages, extras that are missing."""
