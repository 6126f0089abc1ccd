"""Where lesions lie: read from the annotations of a commons, kept with the cases.

Words: a *grid* says how the pixels of a picture lie: rows, columns, their distances, and their
place in the patient. A *stack* is one picture, or parallel ones in the order of their places. A
*region* is what a lesion has of one frame. Annotations are DICOM segmentations, structured reports
by TID 1500, and tables. Everything is matched to its picture by SOPInstanceUID, or by place; the
order in which frames are stored says nothing.

Order of reading: ``grids``, ``stacks``, ``segmentation_objects``, ``structured_reports``,
``region_table``, ``annotated``.
"""
