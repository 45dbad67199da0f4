//! The corpora of the fuzz targets, each file and many mutations of it, through what the targets call. Without a fuzzer it
//! searches nothing; it keeps targets and corpora from rotting.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rexdrug_operators::lexicon::{Lexicon, LexiconBuilder, LexiconSource};
use rexdrug_pubmed::{PubmedReader, ReaderOptions};
use rexdrug_scoring::answer::literal::{Grammar, parse};
use rexdrug_scoring::answer::{strict, tolerant};
use rexdrug_scoring::task::Task;
use tempfile::TempDir;

use crate::support::root;

/// Every file of a corpus, and `mutations` damaged copies of each.
fn cases(corpus: &str, mutations: usize) -> Vec<Vec<u8>> {
    let mut random = StdRng::seed_from_u64(5);
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(root().join("fuzz/corpus").join(corpus)).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        cases.push(bytes.clone());
        for _ in 0..mutations {
            let mut damaged = bytes.clone();
            for _ in 0..random.random_range(1..6) {
                let at = random.random_range(0..damaged.len().max(1));
                match random.random_range(0..3) {
                    0 if at < damaged.len() => damaged[at] = random.random(),
                    1 if at < damaged.len() => {
                        drop(damaged.drain(at..(at + 7).min(bytes.len()).min(damaged.len()).max(at)))
                    }
                    _ => damaged.extend_from_within(at.min(damaged.len())..),
                }
            }
            cases.push(damaged);
        }
    }
    assert!(cases.len() > 3);
    cases
}

#[test]
fn pubmed() {
    for bytes in cases("pubmed", 500) {
        let options = ReaderOptions { max_record_bytes: 1 << 16 };
        let events: Vec<bool> =
            PubmedReader::with_options(bytes.as_slice(), options).map(|event| event.is_err()).collect();
        assert!(!events.iter().rev().skip(1).any(|fault| *fault), "nothing follows a fault");
    }
}

#[test]
fn answer() {
    for bytes in cases("answer", 2000) {
        let text = String::from_utf8_lossy(&bytes);
        for task in [Task::DrugComb, Task::Ddi13] {
            let (strict, tolerant) = (strict::read(task, &text), tolerant::read(task, &text));
            assert!(strict.is_err() || tolerant.parsed, "strictly right, but not read tolerantly: {text}");
        }
        let _ = (parse(&text, Grammar::Json), parse(&text, Grammar::Python), tolerant::items_json(&text));
    }
}

#[test]
fn lexicon() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("names.tsv");
    for bytes in cases("lexicon", 40) {
        assert!(Lexicon::from_bytes(&bytes).is_err());
        std::fs::write(&path, bytes).unwrap();
        for source in [
            LexiconSource::Plain(path.clone()),
            LexiconSource::DrugBank(path.clone()),
            LexiconSource::Mesh(path.clone()),
        ] {
            match LexiconBuilder::new().source(source).compile() {
                Ok(compiled) => assert!(Lexicon::from_bytes(&compiled.bytes).is_ok()),
                Err(error) => assert!(error.to_string().len() > 10),
            }
        }
    }
}

#[test]
fn jats() {
    let reader =
        rexdrug_jats::ArticleReader::new(rexdrug_jats::ReaderOptions { max_article_bytes: 1 << 16, table_rows: true });
    for bytes in cases("jats", 1000) {
        match reader.read(&bytes, "PMC1.xml") {
            Ok(article) => assert!(article.sections.iter().all(|section| !section.text.contains("  "))),
            Err(fault) => assert!(fault.offset().is_none_or(|offset| offset <= bytes.len() as u64), "{fault}"),
        }
    }
}
