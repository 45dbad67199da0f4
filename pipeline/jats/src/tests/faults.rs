//! Damage: a reason and a byte, never a panic, never half an article.

use proptest::prelude::*;

use super::{article, read};
use crate::{ArticleReader, ReaderOptions};

#[test]
fn damage_has_a_reason_and_an_offset() {
    let good = article("<body><p>Text.</p></body>");
    let cases: [(String, &str, Option<u64>); 12] = [
        (String::new(), "empty_file", None),
        (" \n".to_owned(), "empty_file", None),
        ("hello".to_owned(), "not_xml", Some(0)),
        ("<html><p/></html>".to_owned(), "unexpected_root", Some(0)),
        ("\u{feff}<?xml version='1.0' encoding='latin1'?><article/>".to_owned(), "unsupported_encoding", None),
        ("<article/>".to_owned(), "missing_pmcid", None),
        (
            good.replace("</p></body>", "</q></body>"),
            "malformed_markup",
            Some(good.find("</p></body>").unwrap() as u64),
        ),
        (good.replace("Text.", "a &amp b"), "malformed_reference", Some(good.find("Text.").unwrap() as u64 + 2)),
        (good.replace("Text.", "&#0;"), "invalid_character_reference", Some(good.find("Text.").unwrap() as u64)),
        (good.replace("Text.", "\u{1}"), "invalid_character", Some(good.find("Text.").unwrap() as u64)),
        (format!("{good}<p/>"), "malformed_markup", None),
        (good.replace(">77<", ">seven<"), "invalid_id", None),
    ];
    for (xml, code, offset) in cases {
        let fault = read(&xml).unwrap_err();
        assert_eq!(fault.code(), code, "{xml}: {fault}");
        if offset.is_some() {
            assert_eq!(fault.offset(), offset, "{fault}");
        }
    }
    let mut bytes = good.clone().into_bytes();
    let at = good.find("Text.").unwrap();
    bytes[at] = 0xff;
    let fault = ArticleReader::default().read(&bytes, "").unwrap_err();
    assert_eq!((fault.code(), fault.offset()), ("invalid_utf8", Some(at as u64)));
    let wide: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(ArticleReader::default().read(&wide, "").unwrap_err().code(), "unsupported_encoding");
    let small = ArticleReader::new(ReaderOptions { max_article_bytes: 10, ..ReaderOptions::default() });
    assert_eq!(small.read(good.as_bytes(), "").unwrap_err().code(), "too_large");
}

#[test]
fn the_head_of_a_file_tells_an_article() {
    let good = article("");
    let head = &good.as_bytes()[..good.find("<front>").unwrap()];
    assert!(crate::is_article(head) && crate::is_article(b"<article>"));
    for other in ["<PubmedArticleSet>", "<articles>", "<article", "", "text", "<?xml version='1.0'?>"] {
        assert!(!crate::is_article(other.as_bytes()), "{other}");
    }
}

#[test]
fn every_truncation_is_refused() {
    let good = article(
        "<body><sec><title>T</title><p>Some <sup>2</sup> text &amp; <fig><label>F</label></fig></p></sec></body><back><ref-list><ref/></ref-list></back>",
    );
    assert!(read(&good).is_ok());
    for end in 0..good.len() {
        assert!(ArticleReader::default().read(&good.as_bytes()[..end], "PMC1.xml").is_err(), "{end}");
    }
}

#[test]
fn nesting_and_entities_cannot_exhaust_the_reader() {
    for tag in ["sec", "italic", "sup", "xref", "fig", "inline-formula", "alternatives", "abstract", "p", "fn"] {
        let deep = article(&format!(
            "<body>{}{}</body>",
            format!("<{tag}>").repeat(100_000),
            format!("</{tag}>").repeat(100_000)
        ));
        assert_eq!(read(&deep).unwrap_err().code(), "too_deep", "{tag}");
    }
    let bomb = "<!DOCTYPE article [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;\"><!ENTITY x SYSTEM \"file:///etc/passwd\">]>\
        <article><front><article-meta><article-id pub-id-type=\"pmc\">1</article-id></article-meta></front><body><p>&b;&x;</p></body></article>";
    assert_eq!(read(bomb).unwrap().sections[0].text, "&b;&x;");
}

#[test]
fn thousands_of_sections_pass() {
    let sections = "<sec><title>Results</title><p>Cisplatin.</p></sec><sec><title>Methods</title><p>Gemcitabine &amp; more.</p></sec>".repeat(20_000);
    let found = read(&article(&format!("<body>{sections}</body>"))).unwrap();
    assert_eq!(found.sections.len(), 40_000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn damaged_bytes_never_panic(position in 0_usize..2000, byte in any::<u8>(), cut in 0_usize..2000) {
        let mut bytes = article("<body><sec sec-type='x'><title>T</title><p>a<xref ref-type='bibr'><sup>1</sup></xref>b<fig><label>F</label><caption><p>c</p></caption></fig></p>\
            <table-wrap><table><tr><td>x</td></tr></table></table-wrap><disp-formula/></sec></body>").into_bytes();
        let length = bytes.len();
        bytes[position % length] = byte;
        bytes.remove(cut % length);
        if let Err(fault) = ArticleReader::default().read(&bytes, "PMC1.xml") {
            prop_assert!(fault.offset().is_none_or(|offset| offset <= length as u64), "{fault}");
            prop_assert!(!fault.code().is_empty() && !fault.to_string().is_empty());
        }
    }

    #[test]
    fn any_text_never_panics(text in "\\PC*") {
        let _ = read(&text);
        let _ = read(&article(&format!("<body><p>{text}</p></body>")));
    }
}
