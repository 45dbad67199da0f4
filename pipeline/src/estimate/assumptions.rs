//! What is assumed where this warehouse has measured nothing yet, each with where it comes from.

use std::fmt::Write as _;

use super::basis::{Basis, Figure};
use super::work::SourceKind;

/// One assumption.
pub(super) struct Assumption {
    name: &'static str,
    pub(super) value: f64,
    unit: &'static str,
    from: &'static str,
}

impl Assumption {
    /// As a rate with its reason.
    pub(super) fn figure(&self) -> Figure {
        Figure::new(self.value, Basis::Assumed, format!("{}: {} {} ({})", self.name, self.value, self.unit, self.from))
    }
}

const MEDLINE: &str = "MEDLINE 2026 as published: 1,334 files, 51 GB, 40.9 million citations";
const GUESS: &str = "a guess, not measured";

pub(super) static RECORD_BYTES_GZIP: Assumption =
    Assumption { name: "PubMed record, gzip", value: 1250.0, unit: "bytes", from: MEDLINE };
pub(super) static RECORD_BYTES_PLAIN: Assumption = Assumption {
    name: "PubMed record, plain",
    value: 8600.0,
    unit: "bytes",
    from: "MEDLINE 2026, about 350 GB of XML for 40.9 million citations",
};
pub(super) static RECORD_BYTES_PACKAGE: Assumption =
    Assumption { name: "article in a package", value: 25_000.0, unit: "bytes", from: GUESS };
pub(super) static SENTENCES_CITATION: Assumption = Assumption {
    name: "sentences of a citation",
    value: 6.1,
    unit: "sentences",
    from: "MEDLINE 2026, about 250 million sentences",
};
pub(super) static SENTENCES_ARTICLE: Assumption =
    Assumption { name: "sentences of an article", value: 200.0, unit: "sentences", from: GUESS };
pub(super) static CANDIDATE_SHARE: Assumption = Assumption {
    name: "sentences with two or more drugs",
    value: 0.03,
    unit: "of all",
    from: "the middle of 2 to 4 % that MEDLINE is thought to have",
};
pub(super) static READ_SECONDS_CITATION: Assumption = Assumption {
    name: "reading a citation, one core",
    value: 0.000_043,
    unit: "seconds",
    from: "8,600 bytes of XML at the 200 MB/s of docs/benchmarks.md",
};
pub(super) static READ_SECONDS_ARTICLE: Assumption = Assumption {
    name: "reading an article, one core",
    value: 0.000_44,
    unit: "seconds",
    from: "2,289 articles a second, docs/pmc.md",
};
pub(super) static MATCH_SECONDS: Assumption = Assumption {
    name: "segmenting a sentence and finding its drugs, one core",
    value: 0.000_001_3,
    unit: "seconds",
    from: "108 bytes of text at 82 MiB/s, docs/benchmarks.md",
};
pub(super) static CLASSIFIER_CPU: Assumption = Assumption {
    name: "classifier on one core",
    value: 15.0,
    unit: "sentences a second",
    from: "rexdrug-base, 30 on two cores, docs/models/rexdrug-base.md; rexdrug-mini does 105",
};
pub(super) static CLASSIFIER_CUDA: Assumption =
    Assumption { name: "classifier on a GPU", value: 2000.0, unit: "sentences a second", from: GUESS };
pub(super) static GENERATOR_CPU: Assumption =
    Assumption { name: "generator on one core", value: 0.05, unit: "sentences a second", from: GUESS };
pub(super) static GENERATOR_CUDA: Assumption = Assumption {
    name: "generator or language model server",
    value: 40.0,
    unit: "sentences a second",
    from: "an 8B model on one H200, reckoned from published token rates, not measured",
};
pub(super) static SCRIPTED: Assumption = Assumption {
    name: "scripted backend",
    value: 1_000_000.0,
    unit: "sentences a second",
    from: "it computes nothing",
};
pub(super) static COMMIT_SECONDS: Assumption =
    Assumption { name: "commit of a source file", value: 2.0, unit: "seconds", from: GUESS };
pub(super) static REQUESTS_FILE: Assumption = Assumption {
    name: "requests of a source file's commit",
    value: 44.0,
    unit: "requests",
    from: "6 of them writes; counted over 120 files by tests/requests.sh",
};
pub(super) static REQUESTS_ARTICLE: Assumption = Assumption {
    name: "requests of an article in an object store",
    value: 1.0,
    unit: "requests",
    from: "one GET each, docs/pmc.md",
};
pub(super) static CASCADE_SHARE: Assumption =
    Assumption { name: "candidate sentences that a cascade sends on", value: 0.3, unit: "of all", from: GUESS };
pub(super) static TOKEN_CHARS: Assumption = Assumption {
    name: "a token of English",
    value: 4.0,
    unit: "characters",
    from: "a rule of thumb of byte-pair vocabularies",
};
pub(super) static CITATION_CHARS: Assumption =
    Assumption { name: "text of a citation with an abstract", value: 1500.0, unit: "characters", from: GUESS };
pub(super) static ANSWER_TOKENS: Assumption = Assumption {
    name: "an answer with its reasoning",
    value: 300.0,
    unit: "tokens",
    from: "the length of RexDrug's traces, a guess for other models",
};

/// All of them, in the order of the page.
static ALL: [&Assumption; 21] = [
    &RECORD_BYTES_GZIP,
    &RECORD_BYTES_PLAIN,
    &RECORD_BYTES_PACKAGE,
    &SENTENCES_CITATION,
    &SENTENCES_ARTICLE,
    &CANDIDATE_SHARE,
    &READ_SECONDS_CITATION,
    &READ_SECONDS_ARTICLE,
    &MATCH_SECONDS,
    &CLASSIFIER_CPU,
    &CLASSIFIER_CUDA,
    &GENERATOR_CPU,
    &GENERATOR_CUDA,
    &SCRIPTED,
    &COMMIT_SECONDS,
    &REQUESTS_FILE,
    &REQUESTS_ARTICLE,
    &CASCADE_SHARE,
    &TOKEN_CHARS,
    &CITATION_CHARS,
    &ANSWER_TOKENS,
];

/// Records of a byte; none for kinds whose records are counted.
pub(super) fn records_per_byte(kind: SourceKind) -> Figure {
    let bytes = match kind {
        SourceKind::PubmedGzip => &RECORD_BYTES_GZIP,
        SourceKind::PubmedPlain => &RECORD_BYTES_PLAIN,
        SourceKind::Package | SourceKind::Pack => &RECORD_BYTES_PACKAGE,
    };
    Figure { value: 1.0 / bytes.value, ..bytes.figure() }
}

/// Sentences of a record.
pub(super) fn sentences_per_record(kind: SourceKind) -> Figure {
    let assumption = if kind.is_full_text() { &SENTENCES_ARTICLE } else { &SENTENCES_CITATION };
    assumption.figure()
}

/// Seconds of one core to read a record.
pub(super) fn read_seconds(kind: SourceKind) -> Figure {
    let assumption = if kind.is_full_text() { &READ_SECONDS_ARTICLE } else { &READ_SECONDS_CITATION };
    assumption.figure()
}

/// Markdown of `docs/reference/estimates.md`.
pub fn assumptions_markdown() -> String {
    let mut page = String::from(
        "# What `rexdrug plan` assumes\n\nGenerated from `pipeline/src/estimate/assumptions.rs` by `make generate`; do not \
         edit.\n\nThese stand in for rates that the warehouse's `runs` table does not have yet. The first files of a run give \
         better ones.\n\n| what | assumed | from |\n|---|---|---|\n",
    );
    for one in ALL {
        let _ = writeln!(page, "| {} | {} {} | {} |", one.name, one.value, one.unit, one.from);
    }
    page
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn generated_page_of_assumptions_is_current() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/estimates.md");
        if std::env::var_os("REXDRUG_BLESS").is_some() {
            std::fs::write(&path, assumptions_markdown()).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(found == assumptions_markdown(), "{} is not current; run `make generate`", path.display());
    }
}
