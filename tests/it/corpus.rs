//! MEDLINE files written for tests: few words, real structure.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest, Md5};

/// One article: a title, and an abstract with as many sentences about two drugs as wished.
pub fn article(pmid: u32, version: u32, combinations: usize) -> String {
    const PAIRS: [(&str, &str); 4] = [
        ("Cisplatin", "gemcitabine"),
        ("Aspirin", "warfarin"),
        ("Methotrexate", "prednisone"),
        ("Ibuprofen", "omeprazole"),
    ];
    let sentences: String = (0..combinations)
        .map(|nth| {
            let (left, right) = PAIRS[(pmid as usize + nth) % PAIRS.len()];
            format!("{left} was given with {right} in arm {nth} of edition {version}. ")
        })
        .collect();
    format!(
        "<PubmedArticle><MedlineCitation Status=\"MEDLINE\" Owner=\"NLM\"><PMID Version=\"{version}\">{pmid}</PMID>\
         <Article PubModel=\"Print\"><Journal><JournalIssue CitedMedium=\"Internet\"><PubDate><Year>2020</Year></PubDate>\
         </JournalIssue><Title>Journal of Fixtures</Title></Journal><ArticleTitle>Report {pmid}.</ArticleTitle>\
         <Abstract><AbstractText>Nothing of note came first. {sentences}</AbstractText></Abstract>\
         <Language>eng</Language></Article></MedlineCitation></PubmedArticle>\n"
    )
}

/// A file of articles and deletions.
pub fn set(articles: &[String], deleted: &[u32]) -> Vec<u8> {
    let deleted: String = deleted.iter().map(|pmid| format!("<PMID Version=\"1\">{pmid}</PMID>")).collect();
    let deletions = if deleted.is_empty() { deleted } else { format!("<DeleteCitation>{deleted}</DeleteCitation>\n") };
    let head = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<PubmedArticleSet>\n";
    format!("{head}{}{deletions}</PubmedArticleSet>\n", articles.concat()).into_bytes()
}

/// As delivered: gzip.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Hex md5.
pub fn md5_of(bytes: &[u8]) -> String {
    hex::encode(Md5::digest(bytes))
}
