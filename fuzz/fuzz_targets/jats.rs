//! Any bytes as a JATS article: no panic, a reason for every refusal, and text without markup's white space.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rexdrug_jats::{ArticleReader, ReaderOptions};

fuzz_target!(|bytes: &[u8]| {
    let reader = ArticleReader::new(ReaderOptions { max_article_bytes: 1 << 16, table_rows: true });
    match reader.read(bytes, "PMC1.xml") {
        Ok(article) => {
            assert!(article.pmcid.is_some());
            for section in &article.sections {
                assert!(!section.text.is_empty() && !section.text.ends_with(' ') && !section.text.contains("  "));
            }
        }
        Err(fault) => {
            assert!(!fault.code().is_empty() && !fault.to_string().is_empty());
            assert!(fault.offset().is_none_or(|offset| offset <= bytes.len() as u64));
        }
    }
});
