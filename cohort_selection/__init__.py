"""Selects test cohorts: reads a commons, splits its patients, draws and seals a matched cohort.

Words: a *commons* is DICOM files with clinical tables; the *catalog* is the table of its studies;
patients are *open* or *sequestered*; the *pool* is what a benchmark may draw from; a *cohort* is
drawn from the pool to a *target population* and sealed.

Read `dicom` and `clinical` (what is read), `catalog` (what is joined), `eligibility` (inclusion),
`sequestration` (the split), `matching` (the draw), `leakage` and `sealing`.
"""
