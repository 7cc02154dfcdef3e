"""From facts to a dataset that may be trained on.

    knowledge graphs ─▶ tasks/ (facts ─▶ cases) ─▶ families ─▶ split ─▶ deduplicate ─▶ wording ─▶ gate ─▶ Dataset
                                   └─ deleak: no finding shares a word with an option's name
    documents ─▶ deduplicate ─▶ groups ─▶ split; coverage        training rows ─▶ decontaminate ◀─ evaluation sets
    every step ─▶ lineage.jsonl (what went in, what came out, what was dropped and why)

`run.build_dataset` tells the story; `settings` holds what can be chosen; `lineage` walks back from a row.
"""
