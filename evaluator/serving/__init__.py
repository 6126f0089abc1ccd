"""The web process of an installation: its address, its application, its server.

Order of reading: ``web_process``, ``beside``, ``offering``, ``listening``, ``server``.
"""
