"""All workers with Kafka, a store, Prometheus and Grafana on one machine, by compose."""

from __future__ import annotations

from claimx_pipeline.deploy.model import CONTAINER_PORT, Deployment
from claimx_pipeline.deploy.templates import filled, template, variable_lines

KAFKA, AZURITE = "4.1.1", "3.35.0"


def compose_files(deployment: Deployment) -> dict[str, str]:
    """Return every file by its relative path."""
    workers = deployment.workers
    services = [
        filled(
            "compose/worker.yaml",
            name=each.name,
            service=each.service,
            summary=each.summary,
            stop_seconds=each.stop_seconds,
        )
        for each in workers
    ]
    targets = [
        filled("compose/target.yaml", service=each.service, name=each.name, port=CONTAINER_PORT)
        for each in workers
    ]
    return {
        "compose.yaml": filled(
            "compose/compose.yaml",
            version=deployment.version,
            kafka=KAFKA,
            azurite=AZURITE,
            workers="\n".join(services),
        ),
        "claimx.yaml": filled("compose/claimx.yaml", port=CONTAINER_PORT),
        ".env.example": filled(
            "compose/env.example",
            version=deployment.version,
            variables=variable_lines(deployment.variables),
        ),
        "create_container.py": template("compose/create_container.txt"),
        "grafana/datasources.yaml": template("compose/grafana-datasources.yaml"),
        "grafana/dashboards.yaml": template("compose/grafana-dashboards.yaml"),
        "prometheus.yaml": template("compose/prometheus.yaml") + "".join(targets),
    }
