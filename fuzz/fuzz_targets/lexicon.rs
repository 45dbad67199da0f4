//! Any bytes as a table of names, and as a compiled lexicon: no panic; what compiles can be loaded again.
#![no_main]

use libfuzzer_sys::fuzz_target;

// The sources alone: the crate they belong to compiles DataFusion, which no fuzzer needs to instrument.
#[allow(dead_code)]
#[path = "../../operators/src/abbreviations.rs"]
mod abbreviations;
#[allow(dead_code, unused_imports)]
#[path = "../../operators/src/lexicon/mod.rs"]
mod lexicon;

use lexicon::{Lexicon, LexiconBuilder, LexiconSource};

fuzz_target!(|bytes: &[u8]| {
    let _ = Lexicon::from_bytes(bytes);
    let Ok(folder) = tempfile::tempdir() else { return };
    let path = folder.path().join("names.tsv");
    if std::fs::write(&path, bytes).is_err() {
        return;
    }
    for source in [LexiconSource::Plain(path.clone()), LexiconSource::DrugBank(path.clone()), LexiconSource::Mesh(path)] {
        if let Ok(compiled) = LexiconBuilder::new().source(source).compile() {
            assert!(Lexicon::from_bytes(&compiled.bytes).is_ok());
        }
    }
});
