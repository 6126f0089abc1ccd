"""MLflow runs.

Order of reading: ``process``, ``mlflow_runs``, ``keys``.
"""
