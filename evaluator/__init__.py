"""Runs submissions on the sealed cohort, scores them, and releases what disclosure control allows.

Words: a *cohort* is sealed for one *benchmark*; a *submission* is a container image with a
threshold; an *evaluation* has every figure; a *release* has those that may leave. A *steward*
keeps the installation, a *team* submits, a *reviewer* reads.

Read `sandbox` (the container), `scoring` and `tasks` (the figures), `disclosure` (what may leave),
`queue` (the order of work), `leaderboard` (board and report), `commands` (the command line).
"""
