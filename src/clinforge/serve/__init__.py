"""Answer people over HTTP.

    request -> edge (size, key, log) -> schemas -> guardrails: triage -> engine -> disclaimer and label -> answer

An emergency is answered before the engine is asked, so also when there is no engine. `run.py` is the story.
"""
