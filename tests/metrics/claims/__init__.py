"""Tests of the claims of a study."""
