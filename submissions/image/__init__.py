"""Archives and images: layout, layers, what is refused.

**Archive**: the file that `docker save` or another builder writes. **Lint**: the checks of an
image before it may run. **Layout**: the form of an archive.

Order of reading: ``lint``, ``archive``, ``layout``, ``archive_members``, ``layers``,
``unpacking``, ``tar_members``, ``loadable``.
"""
