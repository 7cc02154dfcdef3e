"""Settings of the service."""

from pydantic import Field

from clinforge.config import Settings


class ServeSettings(Settings):
    """How the service listens, and how much of the machine one request may have."""

    host: str = "127.0.0.1"
    """Address to listen on; any other than this machine's own needs a key."""
    port: int = Field(default=8321, ge=0, le=65535)
    """Port to listen on; 0 takes a free one."""
    api_key_env: str = "CLINFORGE_API_KEY"
    """Environment variable that holds the key clients send as `Authorization: Bearer KEY`; unset or empty: no key."""
    max_new_tokens: int = Field(default=256, ge=1, le=8192)
    """Longest answer; a request for more is cut down to it."""
    context: int = Field(default=2048, ge=64)
    """Tokens of conversation and answer together."""
    slots: int = Field(default=2, ge=1, le=64)
    """Requests answered at the same time."""
    queue: int = Field(default=16, ge=0)
    """Requests that may wait for a slot; the next one gets 503."""
    threads: int = Field(default=0, ge=0)
    """Processor threads; 0 leaves the choice to the engine."""
    timeout_s: float = Field(default=120.0, gt=0)
    """Longest wait for the next piece of an answer."""
    max_body_bytes: int = Field(default=1_000_000, ge=1000)
    """Largest request body."""
    max_text_chars: int = Field(default=20_000, ge=100)
    """Longest single text; triage reads all of it."""
    max_messages: int = Field(default=100, ge=1)
    """Most messages in a conversation."""
    suggestions: int = Field(default=3, ge=1, le=10)
    """Diagnoses that /diagnose names."""
