"""Rows of each table of a warehouse as three independent readers see them; prints JSON."""

import json
import sys

import duckdb
import polars
from deltalake import DeltaTable

TABLES = ["documents", "quarantine", "combinations", "runs"]


def count_by_duckdb(rows) -> int:
    connection = duckdb.connect()
    connection.register("delta_rows", rows)
    return connection.execute("SELECT count(*) FROM delta_rows").fetchall()[0][0]


def main(warehouse: str) -> None:
    found = {"deltalake": {}, "duckdb": {}, "polars": {}}
    for name in TABLES:
        uri = f"{warehouse.rstrip('/')}/{name}"
        rows = DeltaTable(uri).to_pyarrow_table()
        found["deltalake"][name] = rows.num_rows
        # DuckDB's own Delta extension is a download; it reads the table's Arrow form here.
        found["duckdb"][name] = count_by_duckdb(rows)
        if not uri.startswith("s3://"):
            found["polars"][name] = polars.scan_delta(uri).select(polars.len()).collect().item()
    print(json.dumps(found))


main(sys.argv[1])
