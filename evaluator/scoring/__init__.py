"""The [analysis] table, scores, results, the code's version."""
