"""Encrypts a cohort and opens it."""
