"""The story of serving: find the bundle, mind the door, load the engine, answer until stopped."""

import ipaddress
import logging
import os
from pathlib import Path

from clinforge.errors import UserError
from clinforge.serve.engine import find_bundle, load_engine
from clinforge.serve.settings import ServeSettings

log = logging.getLogger("clinforge.serve")


def serve(run: Path, settings: ServeSettings) -> None:
    """Serve a run folder or a bundle until the process is stopped."""
    import uvicorn

    from clinforge.serve.api import create_app

    key = read_key(settings)
    bundle = find_bundle(run)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    engine = load_engine(bundle, settings)
    if not engine.ready:
        log.warning("The model did not load: only emergencies are answered. 模型未能加载：仅回答急症。")
    log.info("Serving %s on http://%s:%d (docs: /docs)", bundle, settings.host, settings.port)
    app = create_app(engine, settings, key)
    uvicorn.run(app, host=settings.host, port=settings.port, access_log=False, log_level="warning")


def read_key(settings: ServeSettings) -> str | None:
    """The key clients must send; UserError when the service would be open to other machines without one."""
    key = os.environ.get(settings.api_key_env, "").strip() or None
    if key is None and not is_loopback(settings.host):
        raise UserError(
            f"Refusing to listen on {settings.host} without a key: anyone on the network could ask. "
            f"拒绝在无密钥时监听 {settings.host}。",
            hint=f"Set one: export {settings.api_key_env}=$(openssl rand -hex 32), or leave host=127.0.0.1.",
        )
    return key


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
