//! Fixtures are written here, in NLM's layout with invented content; real files are read only where the shared data
//! folder is present.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod faults;
mod fields;
mod files;
mod properties;
mod real_data;
mod rejects;

use super::*;

/// A file's items, split into events and the fault that ended it.
fn read(xml: impl AsRef<[u8]>) -> (Vec<PubmedEvent>, Option<FileFault>) {
    collect(PubmedReader::new(xml.as_ref()))
}

fn collect<R: std::io::Read>(reader: PubmedReader<R>) -> (Vec<PubmedEvent>, Option<FileFault>) {
    let (mut events, mut fault) = (Vec::new(), None);
    for item in reader {
        assert!(fault.is_none(), "nothing may follow a fault");
        match item {
            Ok(event) => events.push(event),
            Err(found) => fault = Some(found),
        }
    }
    (events, fault)
}

/// The events of a file that must have no fault.
fn events(xml: impl AsRef<[u8]>) -> Vec<PubmedEvent> {
    let (events, fault) = read(xml);
    assert_eq!(fault, None);
    events
}

/// The only article of a file.
fn only_article(xml: impl AsRef<[u8]>) -> PubmedRecord {
    match events(xml).as_slice() {
        [PubmedEvent::Article(article)] => (**article).clone(),
        other => panic!("expected one article, got {other:?}"),
    }
}

fn articles(events: &[PubmedEvent]) -> Vec<&PubmedRecord> {
    events
        .iter()
        .filter_map(|event| match event {
            PubmedEvent::Article(article) => Some(&**article),
            _ => None,
        })
        .collect()
}

fn rejected(events: &[PubmedEvent]) -> Vec<&RejectedRecord> {
    events
        .iter()
        .filter_map(|event| match event {
            PubmedEvent::Rejected(record) => Some(&**record),
            _ => None,
        })
        .collect()
}

fn reject_codes(events: &[PubmedEvent]) -> Vec<&'static str> {
    rejected(events).iter().map(|record| record.reason.code()).collect()
}

const HEAD: &str = concat!(
    "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n",
    "<!DOCTYPE PubmedArticleSet SYSTEM \"http://dtd.nlm.nih.gov/ncbi/pubmed/out/pubmed_250101.dtd\">\n",
    "<PubmedArticleSet>\n"
);
const TAIL: &str = "</PubmedArticleSet>\n";

fn set(records: &str) -> String {
    format!("{HEAD}{records}{TAIL}")
}

/// A small citation around the content of its `Article`.
fn citation(pmid: u64, article: &str) -> String {
    format!(
        "<PubmedArticle><MedlineCitation Status=\"MEDLINE\"><PMID Version=\"1\">{pmid}</PMID><Article>{article}\
         </Article></MedlineCitation><PubmedData><ArticleIdList><ArticleId IdType=\"pubmed\">{pmid}</ArticleId>\
         </ArticleIdList></PubmedData></PubmedArticle>\n"
    )
}

fn titled(pmid: u64, title: &str) -> String {
    citation(pmid, &format!("<ArticleTitle>{title}</ArticleTitle>"))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn read_gzip(bytes: &[u8]) -> (Vec<PubmedEvent>, Option<FileFault>) {
    collect(PubmedReader::new(PubmedInput::detect(bytes).unwrap()))
}
