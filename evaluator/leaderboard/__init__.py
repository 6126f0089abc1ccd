"""Board, report, pages; ``drawing`` has the plots."""
