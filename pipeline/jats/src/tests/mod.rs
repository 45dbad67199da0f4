#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod archives;
mod differential;
mod faults;
mod metadata;
mod properties;
mod prose;
mod real_data;
mod tables;
mod tree;

use crate::{Article, ArticleFault, ArticleReader};

/// An article around `body`, with a PMC id.
fn article(body: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><!DOCTYPE article PUBLIC \"-//NLM//DTD JATS\" \"x.dtd\" [<!ENTITY e \"]>\">]>\
         <article article-type=\"research-article\"><front><article-meta><article-id pub-id-type=\"pmc\">77</article-id>\
         <title-group><article-title>On drugs</article-title></title-group></article-meta></front>{body}</article>"
    )
}

fn read(xml: &str) -> Result<Box<Article>, ArticleFault> {
    ArticleReader::default().read(xml.as_bytes(), "test.nxml")
}

/// Paths and texts of the sections of `body`.
fn sections(body: &str) -> Vec<(String, String)> {
    let article = read(&article(body)).unwrap();
    article.sections.into_iter().map(|section| (section.path, section.text)).collect()
}

/// The text of one paragraph.
fn paragraph(inside: &str) -> String {
    let found = sections(&format!("<body><p>{inside}</p></body>"));
    assert!(found.len() <= 1, "{found:?}");
    found.into_iter().next().map(|(_, text)| text).unwrap_or_default()
}
