"""AUROC, average precision, partial areas, DeLong, several classes."""
