"""``claimx_pipeline.operations``: what is public there, and what importing it costs."""

import subprocess
import sys

import pytest

from claimx_pipeline import operations


def test_importing_it_loads_neither_tables_nor_the_client_of_a_broker():
    code = (
        "import sys\n"
        "from claimx_pipeline import operations\n"
        "heavy = {'deltalake', 'pyarrow', 'aiokafka', 'httpx', 'aiohttp'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
        "operations.query\n"
        "print('deltalake' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "True"]


def test_publishing_needs_no_tables():
    code = (
        "import sys\n"
        "from claimx_pipeline.operations import publish, read_topic, list_topics\n"
        "print(sorted({'deltalake', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("name", operations.__all__)
def test_every_name_can_be_imported_and_says_what_it_is(name):
    assert getattr(operations, name).__doc__
