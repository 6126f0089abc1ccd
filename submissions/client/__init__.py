"""Sends images from a researcher's computer to a service, and follows them.

**Login**: a server's address with a token.

Order of reading: ``client``, ``connection``, ``address``, ``problems``, ``logins``,
``saved_image``, ``upload``, ``kept_uploads``, ``practice_cases``.
"""
