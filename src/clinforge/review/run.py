"""The story of a review: open the round, sit one reviewer at the desk, serve the page until stopped."""

import logging
import socket
from pathlib import Path

from clinforge.errors import UserError
from clinforge.review.desk import Desk, open_round
from clinforge.review.settings import DeskSettings

log = logging.getLogger("clinforge.review")


def serve(target: Path, settings: DeskSettings) -> None:
    """Serve the page for one reviewer until the process is stopped."""
    import uvicorn

    from clinforge.review.api import create_app

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    work = open_round(target, settings)
    for fault in work.faults:
        log.warning("set aside: %s", fault)
    with Desk(work, settings, simulated=settings.simulated) as desk, listen(settings) as listener:
        if strangers := sorted(work.journals().keys() - set(settings.roster)):
            log.warning(
                "Others have begun too: share the work with reviewers=%s", ",".join([*strangers, desk.reviewer])
            )
        hosts = hosts_of(listener)
        log.info("%d items for %s: http://%s (stop with Ctrl+C)", len(desk.entries), desk.reviewer, hosts[0])
        log.info("Verdicts go to %s", work.folder)
        config = uvicorn.Config(create_app(desk, hosts), access_log=False, log_level="warning", ws="none")
        uvicorn.Server(config).run(sockets=[listener])


def listen(settings: DeskSettings) -> socket.socket:
    """A socket on this machine's own address; UserError when the port is taken."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family)
    except OSError as error:
        raise UserError(f"Cannot listen on port {settings.port}: {error.strerror}.", hint="Add port=0.") from None


def hosts_of(listener: socket.socket) -> tuple[str, ...]:
    """Names with port under which the page is asked for."""
    address, port = listener.getsockname()[:2]
    shown = f"[{address}]" if ":" in address else address
    return (f"{shown}:{port}", f"localhost:{port}")
