"""Entering, showing and withdrawing submissions, for the JSON routes and the pages alike."""
