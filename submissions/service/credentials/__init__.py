"""Secrets that people and programs sign in with: passwords, tokens, sessions.

Order of reading: ``passwords``, ``secrets_sent``.
"""
