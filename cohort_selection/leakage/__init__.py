"""The same picture twice, shortcuts, burned-in text.

**Leak**: a patient or picture of the cohort in the open part. **Shortcut**: a header field that
predicts the label. **Fingerprint**: digests by which pictures are compared.

Order of reading: ``duplicates``, ``repeated_pictures``, ``fingerprints``, ``perceptual_hash``,
``kept_fingerprints``, ``shortcuts``, ``burned_in_text``.
"""
