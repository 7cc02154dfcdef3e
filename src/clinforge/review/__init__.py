"""Doctors review the data: a queue with reasons, verdicts in journals, agreement between reviewers.

dataset ─▶ queue ─▶ desk (page or files) ─▶ journals ─▶ report; the next build of the dataset acts on the journals
"""
