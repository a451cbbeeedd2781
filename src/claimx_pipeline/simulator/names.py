"""Invented people, addresses and losses."""

from __future__ import annotations

FIRST_NAMES = (
    "Avery",
    "Blake",
    "Casey",
    "Devon",
    "Emery",
    "Finley",
    "Harper",
    "Jordan",
    "Kendall",
    "Logan",
    "Morgan",
    "Noël",
    "Parker",
    "Quinn",
    "Rowan",
    "Sage",
)
LAST_NAMES = (
    "Alder",
    "Birch",
    "Cedarholm",
    "Dogwood",
    "Elmstead",
    "Firth",
    "Groves",
    "Hazelton",
    "Ironwood",
    "Juniper",
    "Larchfield",
    "Maplewood",
    "O'Oakley",
    "Pineda-Test",
    "Rowanson",
    "Willowby",
)
STREETS = ("Sample St", "Test Ave", "Invented Ln", "Example Blvd", "Fictional Ct")
TOWNS = (
    ("Testville", "TX", "75001", "Test County"),
    ("Sampleton", "CO", "80101", "Example County"),
    ("Fixture Falls", "OH", "43004", "Fixture County"),
    ("Mockingham", "GA", "30002", None),
)
LOSSES = (
    ("WATER", "Pipe"),
    ("WATER", "Appliance"),
    ("FIRE", "Cooking"),
    ("WIND", "Storm"),
    ("HAIL", None),
)
ROOMS = ("kitchen", "pantry", "sink", "island", "ceiling", "hallway", "range wall", "laundry")
COMPANIES = ("Test Carrier Mutual", "Sample Insurance Group")
REPRESENTATIVES = ("rep.one@carrier.test", "rep.two@carrier.test", "Rep.Three@carrier.test")
