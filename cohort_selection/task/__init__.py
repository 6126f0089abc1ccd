"""What a benchmark asks of a model: its [task] table.

Words: the *kind* of a task says what a model gives for a case and how that is judged. An *output*
is a column of predictions.csv. A *target* is what the reference standard says of an output. The
*label* is what every kind has besides: positive or negative, by [cohort] label. Draws, small groups
and leaks are judged by the label alone.

Order of reading: ``declaration``, ``runs``, ``open_columns``.
"""
