"""Question-answer pairs from text, written by a language model that is not believed.

    documents ─▶ screen ─▶ passages ─▶ ask (threads, budget, journal) ─▶ read ─▶ check ─▶ judge ─▶ pairs.jsonl
                                        │ one line a reply, so that a killed run asks nothing twice
                                        └▶ journal.jsonl

`run.PairWriter` tells the story; `check` says what a pair must show; every reply, draft and passage that leads to no
pair is counted with its reason in `report.json`. `samples` turns pairs into rows of a dataset.
"""
