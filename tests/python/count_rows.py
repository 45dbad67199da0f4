"""Rows of each table of a warehouse as independent readers see them; prints JSON. "refused" where a reader says no."""

import json
import sys

import duckdb
import polars
from deltalake import DeltaTable, QueryBuilder
from deltalake.exceptions import DeltaProtocolError

TABLES = ["documents", "quarantine", "combinations", "runs"]


def count_by_duckdb(rows) -> int:
    connection = duckdb.connect()
    connection.register("delta_rows", rows)
    return connection.execute("SELECT count(*) FROM delta_rows").fetchall()[0][0]


def count_by_datafusion(table: DeltaTable) -> int:
    rows = QueryBuilder().register("delta_rows", table).execute("SELECT count(*) AS n FROM delta_rows").read_all()
    return rows.column("n")[0].as_py()


def main(warehouse: str) -> None:
    found = {"datafusion": {}, "deltalake": {}, "duckdb": {}, "polars": {}}
    for name in TABLES:
        uri = f"{warehouse.rstrip('/')}/{name}"
        table = DeltaTable(uri)
        found["datafusion"][name] = count_by_datafusion(table)
        try:
            rows = table.to_pyarrow_table()
            found["deltalake"][name] = rows.num_rows
            # DuckDB's own Delta extension is a download; it reads the table's Arrow form here.
            found["duckdb"][name] = count_by_duckdb(rows)
        except DeltaProtocolError:
            found["deltalake"][name] = found["duckdb"][name] = "refused"
        if not uri.startswith("s3://"):
            found["polars"][name] = polars.scan_delta(uri).select(polars.len()).collect().item()
    print(json.dumps(found))


main(sys.argv[1])
