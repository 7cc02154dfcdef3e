"""What stands between a person and the model: red-flag triage, advice, disclaimers and labels.

    text -> normalise (two readings) -> terms -> scope (negated? past? someone else's? a question?) -> rules -> Triage

Deterministic, without a model, and done before any model is asked.
"""

from clinforge.safety.triage import Triage, triage

__all__ = ["Triage", "triage"]
