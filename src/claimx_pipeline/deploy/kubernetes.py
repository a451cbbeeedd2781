"""Manifests for Kubernetes, put together by kustomize: a base, components, and an overlay."""

from __future__ import annotations

from collections.abc import Mapping

from claimx_pipeline.deploy.model import CONTAINER_PORT, DeployedWorker, Deployment
from claimx_pipeline.deploy.templates import filled, joined, template, variable_lines

OWN = "overlays/"
"""Below it are the files that a user changes."""

_TOPICS_OF_TRIGGERS = 3
"""A worker that reads more topics is scaled by the lag of its whole group."""


def kubernetes_files(deployment: Deployment) -> dict[str, str]:
    """Return every file by its relative path."""
    return {**_base(deployment), **_components(deployment), **_overlay(deployment)}


def _base(deployment: Deployment) -> dict[str, str]:
    workers = deployment.workers
    manifests = {f"base/workers/{each.service}.yaml": _worker(each) for each in workers}
    listed = "\n".join(f"  - {path.removeprefix('base/')}" for path in manifests)
    return {
        "base/kustomization.yaml": filled("kubernetes/base/kustomization.yaml", workers=listed),
        "base/account.yaml": template("kubernetes/base/account.yaml"),
        "base/create.yaml": template("kubernetes/base/create.yaml"),
        "base/metrics-service.yaml": filled(
            "kubernetes/base/metrics-service.yaml", port=CONTAINER_PORT
        ),
        "base/network-policy.yaml": template("kubernetes/base/network-policy.yaml"),
        **manifests,
    }


def _worker(worker: DeployedWorker) -> str:
    values = _values(worker)
    return joined(
        filled(f"kubernetes/worker/{kind}.yaml", **values)
        for kind in ("deployment", "disruption-budget")
    )


def _values(worker: DeployedWorker) -> Mapping[str, object]:
    return {
        "name": worker.name,
        "service": worker.service,
        "summary": worker.summary,
        "replicas": _least(worker),
        "members": worker.members,
        # Where only one can work, a second one is not started before the first has ended.
        "surge": min(1, worker.members - 1),
        "stop_seconds": worker.stop_seconds,
        "port": CONTAINER_PORT,
    }


def _least(worker: DeployedWorker) -> int:
    """Return how many members it has at least: two, so that one may be lost."""
    return 1 if worker.waits else min(2, worker.members)


def _components(deployment: Deployment) -> dict[str, str]:
    scaled = [each for each in deployment.workers if not each.waits and each.members > 1]
    names = "|".join(each.service for each in scaled)
    keda, cpu = "components/keda", "components/cpu"
    operator = "components/prometheus-operator"
    return {
        f"{keda}/kustomization.yaml": filled("kubernetes/keda/kustomization.yaml", scaled=names),
        f"{keda}/authentication.yaml": template("kubernetes/keda/authentication.yaml"),
        f"{keda}/scaled-objects.yaml": joined(_scaled(each) for each in scaled),
        f"{cpu}/kustomization.yaml": filled("kubernetes/cpu/kustomization.yaml", scaled=names),
        f"{cpu}/autoscalers.yaml": joined(
            filled("kubernetes/cpu/autoscaler.yaml", **_values(each)) for each in scaled
        ),
        f"{operator}/kustomization.yaml": template("kubernetes/prometheus/kustomization.yaml"),
        f"{operator}/service-monitor.yaml": template("kubernetes/prometheus/service-monitor.yaml"),
    }


def _scaled(worker: DeployedWorker) -> str:
    topics = worker.topics if len(worker.topics) <= _TOPICS_OF_TRIGGERS else ()
    triggers = [
        filled("kubernetes/keda/trigger.yaml", group=worker.group, topic=topic) for topic in topics
    ]
    if not triggers:
        whole = filled("kubernetes/keda/trigger.yaml", group=worker.group, topic="")
        triggers = [line for line in [whole.replace("        topic: \n", "")] if line]
    return filled(
        "kubernetes/keda/scaled-object.yaml",
        **_values(worker),
        triggers="".join(triggers).rstrip("\n"),
    )


def _overlay(deployment: Deployment) -> dict[str, str]:
    folder = f"{OWN}production"
    return {
        f"{folder}/kustomization.yaml": filled(
            "kubernetes/production/kustomization.yaml", version=deployment.version
        ),
        f"{folder}/namespace.yaml": template("kubernetes/production/namespace.yaml"),
        f"{folder}/claimx.yaml": filled("kubernetes/production/claimx.yaml", port=CONTAINER_PORT),
        f"{folder}/secrets.env.example": filled(
            "kubernetes/production/secrets.env.example",
            variables=variable_lines(deployment.variables),
        ),
        f"{folder}/keda.env.example": template("kubernetes/production/keda.env.example"),
    }
