"""Everything ClinForge raises on purpose.

    ClinForgeError
    ├── UserError          the person can fix it; printed without a traceback, exit code 2
    │   ├── ConfigError    a recipe or setting is wrong; lists every fault with its path
    │   ├── InputError     a data file is wrong; names file, line and field
    │   ├── MissingError   a package, model or artifact is not there; names the command that gets it
    │   └── GateError      a check refused to let a stage go on; names the rows and the way out
    └── StageError         a stage failed for a reason of ours or of the model's; exit code 1

No message carries patient text: it names the record, the field and the position instead.
"""


class ClinForgeError(Exception):
    """Root of all errors raised on purpose."""


class UserError(ClinForgeError):
    """The person who started the program can fix this; `hint` is the next thing to type or change."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def __str__(self) -> str:
        message = super().__str__()
        return f"{message}\n{self.hint}" if self.hint else message


class ConfigError(UserError):
    """A recipe or setting is wrong."""


class InputError(UserError):
    """A data file is wrong."""


class MissingError(UserError):
    """Something needed is not installed or not yet made."""


class GateError(UserError):
    """A check refused to let the work go on."""


class StageError(ClinForgeError):
    """A stage could not finish: zero output, a non-finite loss, an engine that died."""
