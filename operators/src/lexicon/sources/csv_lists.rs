//! Vocabularies with one drug per row: DrugBank, MeSH, and plain tables.

use std::path::Path;

use super::super::error::LexiconError;
use super::super::model::EntryKind;
use super::{Record, SourceData, Table, TermRole, file_name, items, read_text};

pub(super) fn read_drugbank(path: &Path) -> Result<SourceData, LexiconError> {
    read_csv(path, "drugbank", "DrugBank ID", |id| {
        id.strip_prefix("DB").is_some_and(|n| n.len() == 5 && n.bytes().all(|b| b.is_ascii_digit()))
    })
}

pub(super) fn read_mesh(path: &Path) -> Result<SourceData, LexiconError> {
    read_csv(path, "mesh", "Mesh ID", |id| {
        let digits = id.strip_prefix('D').or_else(|| id.strip_prefix('C'));
        digits.is_some_and(|n| n.len() >= 6 && n.bytes().all(|b| b.is_ascii_digit()))
    })
}

fn read_csv(
    path: &Path,
    name: &str,
    id_column: &str,
    id_is_valid: fn(&str) -> bool,
) -> Result<SourceData, LexiconError> {
    let (text, file) = read_text(path)?;
    let mut data = SourceData { name: name.to_owned(), files: vec![file], ..SourceData::default() };
    let file = file_name(path);
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let header = reader.headers().cloned().unwrap_or_default();
    let find = |wanted: &str| {
        header.iter().position(|column| column.trim().eq_ignore_ascii_case(wanted)).ok_or_else(|| {
            LexiconError::MissingColumn {
                path: path.to_owned(),
                column: wanted.to_owned(),
                got: header.iter().collect::<Vec<_>>().join(", "),
            }
        })
    };
    let (id_at, name_at, synonyms_at) = (find(id_column)?, find("Common name")?, find("Synonyms")?);
    let mut row = csv::StringRecord::new();
    loop {
        let line = reader.position().line();
        match reader.read_record(&mut row) {
            Ok(false) => break,
            Ok(true) => {}
            Err(error) => {
                data.rows += 1;
                data.bad(&file, line, format!("not a CSV row: {error}"));
                continue;
            }
        }
        data.rows += 1;
        let line = row.position().map_or(line, csv::Position::line);
        if row.len() != header.len() {
            data.bad(&file, line, format!("expected {} cells, got {}", header.len(), row.len()));
            continue;
        }
        let cell = |at: usize| row.get(at).unwrap_or_default().trim();
        if !id_is_valid(cell(id_at)) {
            data.bad(&file, line, format!("{:?} is not a {id_column}", cell(id_at)));
            continue;
        }
        push(&mut data, format!("{name}:{}", cell(id_at)), cell(name_at), cell(synonyms_at), &file, line);
    }
    Ok(data)
}

pub(super) fn read_plain(path: &Path) -> Result<SourceData, LexiconError> {
    let (text, file) = read_text(path)?;
    let mut data = SourceData { name: file.name.clone(), files: vec![file], ..SourceData::default() };
    let file = file_name(path);
    let mut rows = Table::open(path, &text, &["id", "name"], &["synonyms"])?;
    while let Some((line, row)) = rows.next_row() {
        data.rows += 1;
        match row.as_deref() {
            Ok([id, name, synonyms]) if !id.is_empty() => {
                push(&mut data, (*id).to_owned(), name, synonyms, &file, line)
            }
            Ok(_) => data.bad(&file, line, "empty id"),
            Err(reason) => data.bad(&file, line, reason.clone()),
        }
    }
    Ok(data)
}

fn push(data: &mut SourceData, id: String, name: &str, synonyms: &str, file: &str, line: u64) {
    if name.is_empty() {
        data.bad(file, line, format!("{id} has no name"));
        return;
    }
    data.records.push(Record {
        id,
        name: name.to_owned(),
        kind: EntryKind::Drug,
        class: String::new(),
        terms: items(synonyms).map(|item| (TermRole::Synonym, item.to_owned())).collect(),
        members: Vec::new(),
        file: file.to_owned(),
        line,
    });
}
