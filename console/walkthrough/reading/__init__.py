"""Markdown runbooks read: any file that people write becomes steps, with nothing of it run or changed."""
