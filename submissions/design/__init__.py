"""The look that boards, reports and the pages of a team share."""
