"""What the tests are made of; ``rigs``, ``fakes``, ``faults`` and ``pages`` say what each is for."""
