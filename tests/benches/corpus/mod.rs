//! The corpus of the benchmarks: the MEDLINE file named by `REXDRUG_BENCH_FILE`, else the sample corpus repeated.

use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use rexdrug_pubmed::{PubmedEvent, PubmedInput, PubmedReader, PubmedRecord};

/// Times the sample file is repeated, to give some megabytes.
const REPEATS: usize = 30;

/// The repository's root.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The corpus as gzip and its XML.
///
/// # Panics
/// When the file cannot be read: there is nothing to measure then.
pub fn gzip_and_xml() -> (Vec<u8>, Vec<u8>) {
    match std::env::var_os("REXDRUG_BENCH_FILE") {
        Some(path) => {
            let gzip = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let mut xml = Vec::new();
            let mut input = PubmedInput::detect(Cursor::new(&gzip)).expect("gzip or plain XML");
            input.read_to_end(&mut xml).expect("an undamaged file");
            (gzip, xml)
        }
        None => {
            let path = root().join("data/sample/baseline/sample26n0002.xml");
            let sample = std::fs::read_to_string(&path).expect("the sample corpus");
            let first = sample.find("<PubmedArticle>").expect("a record");
            let last = sample.rfind("</PubmedArticleSet>").expect("the end of the set");
            let (head, records, tail) = (&sample[..first], &sample[first..last], &sample[last..]);
            let xml = [head, &records.repeat(REPEATS), tail].concat().into_bytes();
            let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
            gzip.write_all(&xml).expect("memory");
            (gzip.finish().expect("memory"), xml)
        }
    }
}

/// Its records.
///
/// # Panics
/// When the file is damaged.
pub fn records(xml: &[u8]) -> Vec<PubmedRecord> {
    PubmedReader::new(xml)
        .filter_map(|event| match event.expect("an undamaged file") {
            PubmedEvent::Article(record) => Some(*record),
            _ => None,
        })
        .collect()
}

/// Title and abstract of each record, as one text.
pub fn texts(xml: &[u8]) -> Vec<String> {
    let text = |record: PubmedRecord| {
        let sections = record.sections.into_iter().map(|section| section.text);
        std::iter::once(record.title).chain(sections).collect::<Vec<_>>().join(" ")
    };
    records(xml).into_iter().map(text).collect()
}
