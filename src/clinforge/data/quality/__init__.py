"""Which documents are good enough to train on, and a page that shows what was dropped and why.

documents ─▶ judge(rules) ─▶ Judgement(kept, dropped, counts) ─▶ write_page
"""

from clinforge.data.quality.judge import Dropped, Judgement, judge
from clinforge.data.quality.rules import ALL_RULES, QualityRule, Rule

__all__ = ["ALL_RULES", "Dropped", "Judgement", "QualityRule", "Rule", "judge"]
