"""Enters a researcher's image and follows it: on a server, or on this machine.

**Place**: a server, or an installation of this machine.

Order of reading: ``place``, ``remote``, ``remote_entry``, ``local``,
``local_status``, ``benchmark_file``, ``checking``.
"""
