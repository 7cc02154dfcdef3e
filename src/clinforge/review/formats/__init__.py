"""Files in which the queue can be reviewed elsewhere. One file a format, each with `write` and `read`.

    rows (item, why, text, verdict) ──write──▶ file ──a doctor elsewhere──▶ file ──read──▶ answers ──▶ verdicts

`read` yields what was answered and notes in `faults` what it cannot read, as "FILE:LINE field 'NAME': what is wrong".
"""
