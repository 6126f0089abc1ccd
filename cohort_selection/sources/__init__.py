"""Where a commons comes from when it is no plain folder of DICOM files.

Each source ends in a folder of DICOM files and sentences for the steward: the index reads both as
it reads any folder. A DICOMweb server is copied into a store, a Gen3 download is checked against
its manifest, and an archive's storage folder is named for what it is.

Order of reading: ``source``, ``credentials``, ``server``, ``listed_studies``, ``listing``,
``store``, ``retrieval``, ``gen3``, ``linked_folder``, ``medium``, ``archives``.
"""
