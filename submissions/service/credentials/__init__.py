"""Secrets that people and programs sign in with: passwords, tokens, sessions."""
