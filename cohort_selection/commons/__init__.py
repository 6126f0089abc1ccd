"""Makes a commons: imported pictures, a simulation.

**Commons**: a folder of DICOM studies with clinical tables.

Order of reading: ``simulation``, ``planted``, ``sites``, ``radiography``, ``phantom``,
``radiograph``, ``lesions``, ``tomography``, ``image_table``, ``conversion``.
"""
