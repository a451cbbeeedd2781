"""Units for systemd, one per worker, and what they need beside them."""

from __future__ import annotations

from attrs import frozen

from claimx_pipeline.deploy.model import Deployment
from claimx_pipeline.deploy.templates import filled, template, variable_lines


@frozen(kw_only=True)
class MachinePaths:
    """Where things are on the machine; the defaults are those of the how-to page."""

    program: str = "/opt/claimx/bin/claimx-run"
    settings: str = "/etc/claimx"
    """Folder of ``claimx.yaml`` and ``claimx.env``."""
    state: str = "/var/lib/claimx"
    """Folder that the workers run in; tables and files are below it unless the settings differ."""
    logs: str = "/var/log/claimx"


def systemd_files(deployment: Deployment, paths: MachinePaths) -> dict[str, str]:
    """Return every file by its relative path."""
    values = {
        "program": paths.program,
        "settings": paths.settings,
        "state": paths.state,
        "logs": paths.logs,
    }
    workers = deployment.workers
    units = [f"{worker.service}.service" for worker in workers]
    targets = "".join(
        f"- targets: [localhost:{worker.port}]\n  labels: {{worker: {worker.name}}}\n"
        for worker in workers
    )
    files = {
        f"{worker.service}.service": filled(
            "systemd/worker.service",
            **values,
            name=worker.name,
            summary=worker.summary.rstrip("."),
            port=worker.port,
            stop_seconds=worker.stop_seconds,
        )
        for worker in workers
    }
    return {
        **files,
        "claimx-create.service": filled("systemd/claimx-create.service", **values),
        "claimx.target": filled("systemd/claimx.target", units=" ".join(units)),
        "claimx.sysusers.conf": filled("systemd/claimx.sysusers.conf", **values),
        "claimx.logrotate": filled("systemd/claimx.logrotate", **values),
        "log-file.conf": filled("systemd/log-file.conf", **values),
        "claimx.yaml": filled("systemd/claimx.yaml", **values),
        "claimx.env.example": filled(
            "systemd/claimx.env.example",
            variables=variable_lines(deployment.variables),
        ),
        "prometheus-targets.yaml": template("systemd/prometheus-targets.yaml") + targets,
    }
