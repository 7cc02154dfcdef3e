"""One kind of question a file. A task's settings object is the task: called with a seed it returns its samples.

facts ─▶ cases (what is asked, without wording) ─▶ base.finish ─▶ samples
"""
