"""ClinForge: from raw medical text to a served, audited medical assistant.

    raw text -> data -> Dataset -> train -> Checkpoint -> optimise -> Bundle -> serve -> people

`clinforge.pipeline` holds the order of the stages; `clinforge.recipe` the settings of one run.
"""

__version__ = "0.1.0"
