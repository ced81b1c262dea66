"""Runbooks as data: the document as read, what a step would do, and one run of it as a fold of facts."""
