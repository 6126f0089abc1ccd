"""MLflow runs: a dozen headline metrics, and everything else as files that people can open.

Order of reading: ``process``, ``mlflow_runs``, ``headline``, ``artifacts``, ``keys``, ``page``.
"""
