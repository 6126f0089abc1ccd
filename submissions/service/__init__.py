"""The service: teams sign up, send images and follow their submissions over HTTP."""
