"""Asks every system the same questions and says, with its uncertainty, which one answers better.

    test samples ─┬─▶ tasks: base, tuned, control ─┐
    custom files ─┘                                ├─▶ Score rows ─▶ compare ─▶ Evaluation ─▶ report
    training ─▶ baselines, knowledge lookup ───────┘     (statistics)

`run.evaluate` is the story; `results` the nouns; `report` draws them on one page.
"""
