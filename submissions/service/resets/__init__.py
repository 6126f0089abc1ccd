"""Links with which a person sets a new password: made by a steward, or sent by mail.

**Link**: an address with a secret that works once, for a day.

Order of reading: ``links``, ``asking``.
"""
