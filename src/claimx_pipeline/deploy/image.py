"""The container image with both distributions."""

from __future__ import annotations

from claimx_pipeline.deploy.model import CONTAINER_PORT
from claimx_pipeline.deploy.templates import filled, template


def image_files() -> dict[str, str]:
    """Return every file by its relative path."""
    return {
        "Dockerfile": filled("image/Dockerfile", port=CONTAINER_PORT),
        ".dockerignore": template("image/dockerignore"),
    }
