//! Rates of this warehouse's own runs, from its `runs` table.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use arrow::record_batch::RecordBatch;
use datafusion::prelude::SessionContext;
use serde::Serialize;

use super::basis::{Basis, Figure};
use super::work::SourceKind;
use crate::warehouse::{Warehouse, WarehouseError};

/// What the run to come would use; rates of the same are taken.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// Backend, as in `runs.extractor`.
    pub extractor: String,
    /// Name of the model.
    pub model_id: String,
    /// Device, as in `runs.device`.
    pub device: String,
    /// sha256 of the lexicon.
    pub lexicon_sha256: String,
    /// sha256 of the prompt template of a language model; what its questions and answers cost goes by it.
    pub prompt_sha256: Option<String>,
}

/// One group of rows of `runs`: sums over files that have these properties in common.
#[derive(Debug, Clone, Default, PartialEq)]
struct Group {
    file: String,
    verb: String,
    extractor: Option<String>,
    model_id: Option<String>,
    device: Option<String>,
    lexicon: Option<String>,
    prompt: Option<String>,
    sums: Sums,
}

/// Sums over rows of `runs`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Sums {
    files: f64,
    bytes: f64,
    records: f64,
    sentences: f64,
    kept: f64,
    ingest: f64,
    extract: f64,
    commit: f64,
    answers: f64,
    cached: f64,
    prompt_tokens: f64,
    completion_tokens: f64,
}

impl Sums {
    fn add(&mut self, other: &Self) {
        self.files += other.files;
        self.bytes += other.bytes;
        self.records += other.records;
        self.sentences += other.sentences;
        self.kept += other.kept;
        self.ingest += other.ingest;
        self.extract += other.extract;
        self.commit += other.commit;
        self.answers += other.answers;
        self.cached += other.cached;
        self.prompt_tokens += other.prompt_tokens;
        self.completion_tokens += other.completion_tokens;
    }
}

/// Rates that were measured; each is none where `runs` has nothing of the kind.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    read: BTreeMap<SourceKind, Sums>,
    segmented: BTreeMap<SourceKind, Sums>,
    matched: BTreeMap<SourceKind, Sums>,
    same_lexicon: bool,
    extracted: Sums,
    asked: Sums,
    choice: Choice,
}

/// One row a group that can differ in what a rate depends on. `extract` reads no file and commits fewer tables.
const QUERY: &str = "SELECT CASE WHEN source_file LIKE '%.pack' THEN 'x.pack' \
    WHEN source_file LIKE '%.tar.gz' OR source_file LIKE '%.tgz' OR source_file LIKE '%.tar' THEN 'x.tar' \
    WHEN source_file LIKE '%.gz' THEN 'x.gz' ELSE 'x.xml' END AS file, \
    verb, extractor, model_id, device, lexicon_sha256, prompt_sha256, count(*) AS files, sum(source_bytes) AS bytes, \
    sum(records_read) AS records, sum(sentences_read) AS sentences, sum(sentences_kept) AS kept, \
    sum(ingest_seconds) AS ingest, sum(extract_seconds) AS extract, sum(commit_seconds) AS commit, \
    sum(llm_answers) AS answers, sum(llm_cached) AS cached, sum(prompt_tokens) AS prompt_tokens, \
    sum(completion_tokens) AS completion_tokens \
    FROM runs WHERE status <> 'failed' AND source_file NOT LIKE '%.dropped' \
    GROUP BY file, verb, extractor, model_id, device, lexicon_sha256, prompt_sha256";

impl Measured {
    /// What `warehouse` has measured of runs like `choice`.
    ///
    /// # Errors
    /// [`WarehouseError`] when `runs` cannot be read.
    pub async fn of(warehouse: &Warehouse, choice: &Choice) -> Result<Self, WarehouseError> {
        let failed = |error: &dyn std::fmt::Display| WarehouseError::columns("runs", error);
        let context = SessionContext::new();
        warehouse.register(&context).await?;
        let frame = context.sql(QUERY).await.map_err(|error| failed(&error))?;
        let mut groups = Vec::new();
        for batch in frame.collect().await.map_err(|error| failed(&error))? {
            for row in 0..batch.num_rows() {
                groups.push(group(&batch, row).map_err(|error| failed(&error))?);
            }
        }
        Ok(Self::from_groups(&groups, choice))
    }

    fn from_groups(groups: &[Group], choice: &Choice) -> Self {
        let is = |value: &Option<String>, wanted: &str| value.as_deref() == Some(wanted);
        let same_lexicon =
            groups.iter().any(|group| is(&group.lexicon, &choice.lexicon_sha256) && group.sums.kept > 0.0);
        let mut measured = Self { same_lexicon, choice: choice.clone(), ..Self::default() };
        for group in groups {
            let kind = SourceKind::of_name(&group.file);
            let extracted = group.extractor.is_some();
            if group.verb != "extract" {
                measured.read.entry(kind).or_default().add(&group.sums);
                if extracted {
                    measured.segmented.entry(kind).or_default().add(&group.sums);
                }
            }
            if extracted && (!same_lexicon || is(&group.lexicon, &choice.lexicon_sha256)) {
                measured.matched.entry(kind).or_default().add(&group.sums);
            }
            let same = is(&group.extractor, &choice.extractor) && is(&group.model_id, &choice.model_id);
            if same && is(&group.device, &choice.device) {
                measured.extracted.add(&group.sums);
                if group.prompt.is_some() && group.prompt == choice.prompt_sha256 {
                    measured.asked.add(&group.sums);
                }
            }
        }
        measured
    }

    /// Records of a byte.
    pub(super) fn records_per_byte(&self, kind: SourceKind) -> Option<Figure> {
        let sums = self.read.get(&kind)?;
        rate(sums.records, sums.bytes, format!("{} files read", sums.files))
    }

    /// Seconds to read a record.
    pub(super) fn read_seconds(&self, kind: SourceKind) -> Option<Figure> {
        let sums = self.read.get(&kind)?;
        rate(sums.ingest, sums.records, format!("{} files read", sums.files))
    }

    /// Sentences of a record.
    pub(super) fn sentences_per_record(&self, kind: SourceKind) -> Option<Figure> {
        let sums = self.segmented.get(&kind)?;
        rate(sums.sentences, sums.records, format!("{} files segmented", sums.files))
    }

    /// Share of the sentences that have two or more drugs.
    pub(super) fn candidate_share(&self, kind: SourceKind) -> Option<Figure> {
        let sums = self.matched.get(&kind)?;
        let lexicon = if self.same_lexicon { "this lexicon" } else { "another lexicon" };
        rate(sums.kept, sums.sentences, format!("{} files matched with {lexicon}", sums.files))
    }

    /// Seconds for a candidate sentence with the chosen backend, model and device, with all that comes before the model.
    pub(super) fn extract_seconds(&self) -> Option<Figure> {
        let Choice { extractor, model_id, device, .. } = &self.choice;
        let why = format!("{} files with {extractor} {model_id} on {device}", self.extracted.files);
        rate(self.extracted.extract, self.extracted.kept, why)
    }

    /// Share of the candidate sentences that a language model is asked about.
    pub(super) fn asked_share(&self) -> Option<Figure> {
        (self.asked.answers > 0.0).then(|| rate(self.asked.answers, self.asked.kept, self.asked_files())).flatten()
    }

    /// Tokens of a question and of its answer, over those that were paid for.
    pub(super) fn answer_tokens(&self) -> Option<(Figure, Figure)> {
        let paid = self.asked.answers - self.asked.cached;
        let of = |tokens: f64| rate(tokens, paid, self.asked_files());
        of(self.asked.prompt_tokens).zip(of(self.asked.completion_tokens))
    }

    fn asked_files(&self) -> String {
        format!("{} files with {} and this prompt", self.asked.files, self.choice.model_id)
    }

    /// Seconds to commit a source file.
    pub(super) fn commit_seconds(&self) -> Option<Figure> {
        let mut sums = Sums::default();
        self.read.values().for_each(|of_kind| sums.add(of_kind));
        rate(sums.commit, sums.files, format!("{} files committed", sums.files))
    }
}

fn rate(what: f64, of: f64, why: String) -> Option<Figure> {
    (of > 0.0 && what.is_finite()).then(|| Figure::new(what / of, Basis::Measured, why))
}

fn group(batch: &RecordBatch, row: usize) -> Result<Group, String> {
    let column = |name: &str| batch.column_by_name(name).ok_or_else(|| format!("no column `{name}`"));
    let text = |name: &str| -> Result<Option<String>, String> {
        let column = cast(column(name)?, &DataType::Utf8).map_err(|error| error.to_string())?;
        let column = column.as_string::<i32>();
        Ok(column.is_valid(row).then(|| column.value(row).to_owned()))
    };
    let number = |name: &str| -> Result<f64, String> {
        let column = cast(column(name)?, &DataType::Float64).map_err(|error| error.to_string())?;
        let column = column.as_primitive::<Float64Type>();
        Ok(if column.is_valid(row) { column.value(row) } else { 0.0 })
    };
    Ok(Group {
        file: text("file")?.unwrap_or_default(),
        verb: text("verb")?.unwrap_or_default(),
        extractor: text("extractor")?,
        model_id: text("model_id")?,
        device: text("device")?,
        lexicon: text("lexicon_sha256")?,
        prompt: text("prompt_sha256")?,
        sums: Sums {
            files: number("files")?,
            bytes: number("bytes")?,
            records: number("records")?,
            sentences: number("sentences")?,
            kept: number("kept")?,
            ingest: number("ingest")?,
            extract: number("extract")?,
            commit: number("commit")?,
            answers: number("answers")?,
            cached: number("cached")?,
            prompt_tokens: number("prompt_tokens")?,
            completion_tokens: number("completion_tokens")?,
        },
    })
}

#[cfg(test)]
impl Measured {
    /// As of a warehouse that committed two gzip files of these sums with `choice`, and one with other models.
    pub(super) fn example(choice: &Choice) -> Self {
        let some = |text: &str| Some(text.to_owned());
        let ours = Group {
            file: "x.gz".to_owned(),
            verb: "run".to_owned(),
            extractor: some(&choice.extractor),
            model_id: some(&choice.model_id),
            device: some(&choice.device),
            lexicon: some(&choice.lexicon_sha256),
            prompt: choice.prompt_sha256.clone(),
            sums: Sums {
                files: 2.0,
                bytes: 2000.0,
                records: 100.0,
                sentences: 500.0,
                kept: 50.0,
                ingest: 10.0,
                extract: 25.0,
                commit: 4.0,
                // Half of the candidates were asked about, a fifth of those for nothing.
                answers: 25.0,
                cached: 5.0,
                prompt_tokens: 2000.0,
                completion_tokens: 500.0,
            },
        };
        let mut other = ours.clone();
        other.device = some("elsewhere");
        other.lexicon = some("another");
        other.sums.kept = 500.0;
        let again = Group { verb: "extract".to_owned(), ..ours.clone() };
        Self::from_groups(&[ours, other, again], choice)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn rates_are_those_of_the_same_lexicon_model_and_device_where_there_are_any() {
        let choice = Choice { lexicon_sha256: "l".into(), device: "cpu".into(), ..Choice::default() };
        let measured = Measured::example(&choice);
        let gzip = SourceKind::PubmedGzip;
        assert_eq!(measured.candidate_share(gzip).unwrap().value, 0.1);
        // The rows of `extract` count for the model, not for reading and committing.
        assert_eq!(measured.extract_seconds().unwrap().value, 0.5);
        assert!(measured.extract_seconds().unwrap().why.iter().any(|why| why.starts_with("4 files")));
        assert_eq!(measured.records_per_byte(gzip).unwrap().value, 0.05);
        assert_eq!(measured.commit_seconds().unwrap().value, 2.0);
        assert!(measured.records_per_byte(SourceKind::Pack).is_none());

        let elsewhere = Choice { lexicon_sha256: "unknown".into(), device: "cuda:0".into(), ..choice };
        let sums = Sums { kept: 3.0, sentences: 6.0, ..Sums::default() };
        let group = Group { file: "x.gz".into(), extractor: Some("classifier".into()), sums, ..Group::default() };
        let other = Measured::from_groups(&[group], &elsewhere);
        assert!(other.extract_seconds().is_none() && other.commit_seconds().is_none());
        assert!(other.candidate_share(gzip).unwrap().why.iter().any(|why| why.contains("another lexicon")));
    }
}
