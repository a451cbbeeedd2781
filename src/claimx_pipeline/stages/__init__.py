"""Stages: the steps that plugin workers are made of."""
