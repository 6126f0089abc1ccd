"""The site in one piece: routers, guards of every request, how a problem is shown.

Order of reading: ``app``, ``guards``, ``showing``, ``one_process``.
"""
