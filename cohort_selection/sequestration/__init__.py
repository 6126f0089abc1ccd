"""Open and sequestered patients, the open part."""
