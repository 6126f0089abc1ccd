"""What a model's image holds.

**Bundle**: these modules and the weights, copied into the image.

Order of reading: ``answers``, ``predict``, ``images``, ``volumes``, ``ahead``, ``predict_torch``,
``tabular``, ``headers``, ``prevalence``.
"""
