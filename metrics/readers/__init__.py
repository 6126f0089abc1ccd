"""Studies of several readers: modalities compared, and a model against a panel of readers.

**Reader**: a person, or a model, that gives each case a score or a call. **Modality**: what the
readers read with, such as film and screen, or without and with a model's help. **Random readers**:
the readers stand for all readers like them, the cases for all cases like them; this is the finding.
**Fixed readers**, **fixed cases**: the finding holds for these readers, or these cases, alone.
**Unit**: what is left out at a time, a patient with all of the patient's cases.

Order of reading: ``tails``, ``reads``, ``mean_interval``, ``figures``, ``covariances``,
``each_reader``, ``obuchowski_rockette``, ``pseudovalues``, ``panel``.
"""
