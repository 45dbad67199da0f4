//! Small source files for tests: documents, deletions and the combinations that go with them.

use std::path::Path;

use arrow::array::RecordBatch;
use chrono::Utc;
use rexdrug_schemas::{
    COMBINATIONS, DOCUMENTS, QUARANTINE, RunStatus, SourceRef, Table, combination_id, drug_key, pmid_doc_id,
};
use serde_json::{Value, json};

use super::super::{FileCommit, RunDraft, SpoolFile, SpoolWriter};

/// One record of a source file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) pmid: i64,
    pub(crate) version: i32,
    /// Combinations in it: the sentence names so many pairs.
    pub(crate) combinations: i32,
}

/// A source file.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) seq: i64,
    pub(crate) md5: String,
    pub(crate) records: Vec<Record>,
    pub(crate) deletions: Vec<(i64, i32)>,
    pub(crate) refused: i64,
}

pub(crate) fn record(pmid: i64, version: i32, combinations: i32) -> Record {
    Record { pmid, version, combinations }
}

impl Source {
    pub(crate) fn new(seq: i64, records: Vec<Record>) -> Self {
        Self { seq, md5: format!("{seq:032x}"), records, deletions: Vec::new(), refused: 0 }
    }

    pub(crate) fn deleting(mut self, deletions: &[(i64, i32)]) -> Self {
        self.deletions = deletions.to_vec();
        self
    }

    pub(crate) fn reference(&self) -> SourceRef {
        SourceRef {
            source_file: format!("medline26n{:04}.xml.gz", self.seq),
            source_md5: self.md5.clone(),
            source_seq: self.seq,
        }
    }

    /// The commit of this file, with its spools in `folder`; documents are cut into two spool files.
    pub(crate) fn commit(&self, folder: &Path, model: &str) -> FileCommit {
        let source = self.reference();
        let numbered: Vec<(i64, Record)> = (1..).zip(self.records.iter().copied()).collect();
        let halves = numbered.split_at(numbered.len() / 2);
        let spool_documents = |rows: &[(i64, Record)]| {
            let rows: Vec<Value> = rows.iter().map(|(number, record)| document(&source, *number, *record)).collect();
            spool(&DOCUMENTS, folder, &rows)
        };
        let combinations: Vec<Value> = numbered
            .iter()
            .flat_map(|(number, record)| {
                (0..record.combinations).map(|nth| combination(&source, *number, *record, nth, model))
            })
            .collect();
        let sentences = combinations.len() as i64;
        FileCommit {
            documents: vec![spool_documents(halves.0), spool_documents(halves.1)],
            deletions: self.deletions.clone(),
            quarantine: vec![quarantine(&source, self.refused)],
            combinations: vec![spool(&COMBINATIONS, folder, &combinations)],
            run: RunDraft {
                records_quarantined: self.refused,
                ..draft(self.records.len() as i64 + self.refused, sentences, model)
            },
            source,
        }
    }
}

/// A draft whose sums hold.
pub(crate) fn draft(records: i64, sentences: i64, model: &str) -> RunDraft {
    RunDraft {
        run_id: uuid::Uuid::new_v4().to_string(),
        verb: "run".to_owned(),
        status: RunStatus::Done,
        source_bytes: 1000,
        records_read: records,
        records_quarantined: 0,
        sentences_read: sentences + 3,
        sentences_cut: 3,
        sentences_kept: sentences,
        sentences_extracted: sentences,
        sentences_quarantined: 0,
        ingest_seconds: 0.5,
        extract_seconds: 1.5,
        rexdrug_version: "0.0.0".to_owned(),
        extractor: Some("scripted".to_owned()),
        model_id: Some("test".to_owned()),
        model_sha256: Some(model.to_owned()),
        rules: None,
        again: None,
        lexicon_sha256: Some("lexicon".to_owned()),
        device: Some("cpu".to_owned()),
        prompt_sha256: None,
        language_model: None,
        started_at: Utc::now(),
    }
}

pub(crate) fn batch(table: &'static Table, rows: &[Value]) -> RecordBatch {
    let mut decoder = arrow::json::ReaderBuilder::new(table.schema()).build_decoder().unwrap();
    decoder.serialize(rows).unwrap();
    decoder.flush().unwrap().unwrap_or_else(|| RecordBatch::new_empty(table.schema()))
}

pub(crate) fn spool(table: &'static Table, folder: &Path, rows: &[Value]) -> SpoolFile {
    let mut writer = SpoolWriter::create(table, folder).unwrap();
    writer.write(&batch(table, rows)).unwrap();
    writer.finish().unwrap()
}

/// Text of a document: a title, then one sentence with as many drugs as wished, a non-ASCII letter before them.
pub(crate) fn sentence_of(record: Record) -> (String, String, Vec<(String, i32, i32)>) {
    let title = format!("Título {}.", record.pmid);
    let mut sentence = format!("Versión {} joins", record.version);
    let mut drugs = Vec::new();
    for name in 0..=record.combinations {
        let surface = format!("Drug{name}");
        sentence.push(' ');
        let start = (title.chars().count() + 1 + sentence.chars().count()) as i32;
        sentence.push_str(&surface);
        drugs.push((surface.clone(), start, start + surface.chars().count() as i32));
    }
    sentence.push('.');
    (title, sentence, drugs)
}

pub(crate) fn document(source: &SourceRef, number: i64, record: Record) -> Value {
    let (title, sentence, _) = sentence_of(record);
    json!({
        "doc_id": pmid_doc_id(record.pmid), "pmid": record.pmid, "version": record.version, "title": title,
        "title_is_vernacular": false, "text": format!("{title}\n{sentence}"),
        "sections": [{"label": "TITLE", "start": 0, "end": title.chars().count()}], "other_abstracts": [],
        "pub_year": 2001, "publication_types": ["Journal Article"], "is_retracted": false,
        "is_retraction_notice": false, "source_file": source.source_file, "source_md5": source.source_md5,
        "source_seq": source.source_seq, "source_record": number,
    })
}

pub(crate) fn combination(source: &SourceRef, number: i64, record: Record, nth: i32, model: &str) -> Value {
    let (title, sentence, drugs) = sentence_of(record);
    let start = title.chars().count() as i32 + 1;
    let end = start + sentence.chars().count() as i32;
    let members = [&drugs[0], &drugs[nth as usize + 1]];
    let spans: Vec<(i32, i32)> = members.iter().map(|(_, start, end)| (*start, *end)).collect();
    let listed: Vec<Value> = members
        .iter()
        .map(|(surface, start, end)| json!({"drug_id": format!("D:{surface}"), "name": surface, "surface": surface, "start": start, "end": end}))
        .collect();
    let doc_id = pmid_doc_id(record.pmid);
    json!({
        "combination_id": combination_id(&doc_id, (start, end), &spans), "doc_id": doc_id, "pmid": record.pmid,
        "pub_year": 2001, "is_retracted": false, "sentence_index": 1, "sentence": sentence, "sentence_start": start,
        "sentence_end": end, "drugs": listed, "drug_key": drug_key(members.iter().map(|(name, ..)| name.as_str())),
        "arity": 2, "effect": "POS", "effect_scores": {"pos": 1.0, "neg": 0.0, "comb": 0.0}, "confidence": 0.9,
        "context_start": 0, "context_end": end, "source_file": source.source_file, "source_md5": source.source_md5,
        "source_seq": source.source_seq, "source_record": number, "run_id": "r", "rexdrug_version": "0.0.0",
        "extractor": "scripted", "model_id": "test", "model_sha256": model, "lexicon_sha256": "lexicon",
        "device": "cpu", "extracted_at": "2026-01-01T00:00:00Z",
    })
}

fn quarantine(source: &SourceRef, rows: i64) -> RecordBatch {
    let rows: Vec<Value> = (0..rows)
        .map(|number| {
            json!({
                "stage": "record", "reason": "book_article", "message": "a book", "source_file": source.source_file,
                "source_md5": source.source_md5, "source_seq": source.source_seq, "source_record": 1000 + number,
                "run_id": "r", "quarantined_at": "2026-01-01T00:00:00Z",
            })
        })
        .collect();
    batch(&QUARANTINE, &rows)
}
