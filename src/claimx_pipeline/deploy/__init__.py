"""What runs the workers in production: systemd units, Kubernetes manifests, compose, an image.

Each module returns files by their relative path, made from the workers that there are, so that a
worker of a plugin or of the settings is among them. ``templates/`` holds the texts.
"""
