"""The same picture twice, shortcuts, burned-in text.

**Leak**: a patient or picture of the cohort in the open part. **Shortcut**: a header field that
predicts the label. **Fingerprint**: digests by which pictures are compared.

**Volume**: the slices of one CT series, compared as a whole.

Order of reading: ``duplicates``, ``repeated_pictures``, ``looked``, ``fingerprints``,
``perceptual_hash``, ``volume_look``, ``kept_fingerprints``, ``shortcuts``, ``burned_in_text``.
"""
