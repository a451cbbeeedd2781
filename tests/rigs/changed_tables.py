"""What others do to a table, as another engine would write it into the log."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path
from typing import Any

FEATURES = {"minReaderVersion": 1, "minWriterVersion": 7}


def commit_raw(store: Any, name: str, *actions: dict[str, Any]) -> None:
    """Commit *actions* to a table, past deltalake, which cannot make all of them."""
    log = Path(store.location(name).uri) / "_delta_log"
    version = store.open(name).version() + 1
    info = {"commitInfo": {"timestamp": 1, "operation": "CHANGED", "operationParameters": {}}}
    lines = [json.dumps(action) for action in (info, *actions)]
    (log / f"{version:020}.json").write_text("\n".join(lines) + "\n", encoding="utf-8")


def switch_on(store: Any, name: str, *features: str, reader: bool = False) -> None:
    """Switch writer *features* on, and nothing else; with none all are off again."""
    protocol: dict[str, Any] = {**FEATURES, "writerFeatures": ["appendOnly", *features]}
    if reader:
        protocol |= {"minReaderVersion": 3, "readerFeatures": list(features)}
    commit_raw(store, name, {"protocol": protocol})


def change_column(store: Any, name: str, column: str, **changes: Any) -> None:
    """Change a column's entry in the schema, or add one: ``type``, ``nullable``, ``metadata``."""
    metadata = stored_metadata(store, name)
    schema = json.loads(metadata["schemaString"])
    found = [field for field in schema["fields"] if field["name"] == column]
    if not found:
        found = [{"name": column, "type": "string", "nullable": True, "metadata": {}}]
        schema["fields"] += found
    found[0].update(changes)
    commit_raw(store, name, {"metaData": {**metadata, "schemaString": json.dumps(schema)}})


def constrain(store: Any, name: str, **constraints: str) -> None:
    """Set CHECK constraints; what is stored already is not looked at."""
    metadata = stored_metadata(store, name)
    rules = {f"delta.constraints.{key}": sql for key, sql in constraints.items()}
    configuration = {**metadata["configuration"], **rules}
    commit_raw(store, name, {"metaData": {**metadata, "configuration": configuration}})


def stored_metadata(store: Any, name: str) -> dict[str, Any]:
    """Return the latest ``metaData`` action in the log's commits."""
    log = Path(store.location(name).uri) / "_delta_log"
    for path in sorted(log.glob("*.json"), reverse=True):
        for line in reversed(path.read_text(encoding="utf-8").splitlines()):
            action = json.loads(line)
            if "metaData" in action:
                found: dict[str, Any] = action["metaData"]
                return found
    raise AssertionError(f"no metadata in {log}")


_DIGITS = b"0123456789"
_SMALL, _LARGE = b"abcdefghijklmnopqrstuvwxyz", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_RFC1924 = _DIGITS + _LARGE + _SMALL + b"!#$%&()*+-;<=>?@^_`{|}~"
_Z85 = _DIGITS + _SMALL + _LARGE + b".-:+=^!/*?&<>()[]{}@%$#"


def mark_first_row_deleted(store: Any, table: str, name: str) -> None:
    """Delete the first row of the file *name* by a vector within the log, as other engines do."""
    adds = [
        json.loads(line)["add"]
        for log in Path(store.location(table).uri, "_delta_log").glob("*.json")
        for line in log.read_text().splitlines()
        if '"add"' in line
    ]
    (add,) = (each for each in adds if each["path"].endswith(name))
    # A bitmap of the number 0: magic, count of parts, and one part of one container.
    bitmap = struct.pack("<IQIIIHHIH", 1681511377, 1, 0, 12346, 1, 0, 0, 16, 0)
    text = base64.b85encode(bitmap + bytes(-len(bitmap) % 4)).translate(
        bytes.maketrans(_RFC1924, _Z85)
    )
    vector = {
        "storageType": "i",
        "pathOrInlineDv": text.decode(),
        "sizeInBytes": len(bitmap),
        "cardinality": 1,
    }
    remove = {key: add[key] for key in ("path", "partitionValues", "size")}
    commit_raw(
        store,
        table,
        {"remove": {**remove, "dataChange": True, "deletionTimestamp": 1}},
        {"add": {**add, "deletionVector": vector}},
    )
