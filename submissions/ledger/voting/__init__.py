"""Votes of reviewers on held results.

**Round**: the votes on one document until enough are there. **Decision**: what a round comes to.

Order of reading: ``votes``.
"""
