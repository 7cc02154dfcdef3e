"""What is known, and on whose authority.

    installed package ─▶ graphs/ (read, checked by hash, cleaned) ─▶ facts
    licences.toml ─▶ licences ─▶ may this be trained on? may it be released?

Nothing of the sources is copied into this package: they are read where pip put them.
"""
