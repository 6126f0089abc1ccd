"""The command line, a module for each role.

**Panel**: the commands of one role, as the help groups them.

Order of reading: ``main``, ``options``, ``option_values``, ``steward``, ``benchmark``, ``plan``, ``draw``,
``queue``, ``review``, ``researcher``, ``reviewer``, ``accounts``, ``audit``.
"""
