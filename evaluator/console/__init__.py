"""The console of reviewers: held results, votes on them, the history of decisions.

A process of its own, and the only web process that opens the enclave, read-only. **Desk**: what a
reviewer may read and do, for the pages and for the command line. **Difference**: what changed since
the team's last release.

Order of reading: ``desk``, ``reviewers``, ``difference``, ``withholding``, ``pages``, ``shown``,
``application``, ``console_process``.
"""
