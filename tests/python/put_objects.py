"""Copies the files below a folder into a bucket, their paths as keys: put_objects.py FOLDER BUCKET."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3

folder, bucket = Path(sys.argv[1]), sys.argv[2]
client = boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
files = [path for path in sorted(folder.rglob("*")) if path.is_file()]


def put(path: Path) -> None:
    client.put_object(Bucket=bucket, Key=path.relative_to(folder).as_posix(), Body=path.read_bytes())


with ThreadPoolExecutor(8) as pool:
    list(pool.map(put, files))
