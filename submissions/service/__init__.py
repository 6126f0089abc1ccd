"""The service: teams sign up, send images and follow their submissions over HTTP.

**Person**, **team**: accounts that a steward has approved. **Principal**: the person behind a
request. **Look**: a charged run on sequestered cases. **Problem**: a refusal in one sentence
(RFC 9457).

Order of reading: ``settings``, ``offered``, ``store``, ``tables``, ``database``, ``people``,
``requests``, ``agreements``, ``signing_in``, ``sign_ins``, ``sessions``, ``principal``,
``entitled``, ``rates``, ``problems``, ``texts``, ``practice_archives``, ``upload_tables``.
"""
