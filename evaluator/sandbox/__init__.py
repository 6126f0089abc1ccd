"""The one place that starts a container.

**Engine**: Docker or Podman. **Staged**: laid out for one run.

Order of reading: ``engine``, ``connection``, ``pictures``, ``images``, ``image_ids``,
``account_files``, ``staging``, ``limits``, ``runs``, ``containers``, ``exit_cause``,
``probe_image``.
"""
