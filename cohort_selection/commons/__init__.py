"""Makes a commons: imported pictures, a simulation.

**Commons**: a folder of DICOM studies with clinical tables.

Order of reading: ``simulation``, ``sites``, ``planted``, ``lesions``, ``radiography``,
``phantom``, ``radiograph``, ``tomography``, ``image_table``, ``conversion``.
"""
