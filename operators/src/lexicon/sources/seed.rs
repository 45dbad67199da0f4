//! The folder of seed tables.

use std::path::Path;

use super::super::error::LexiconError;
use super::super::model::{EntryKind, TermRule};
use super::{Record, SourceData, StemRow, Table, TermRole, file_name, items, read_text, slug};

pub(super) fn read(folder: &Path) -> Result<SourceData, LexiconError> {
    let mut data = SourceData { name: "seed".to_owned(), curated: true, ..SourceData::default() };
    let roles = [TermRole::Synonym, TermRole::Brand, TermRole::Abbreviation];
    table(&mut data, folder, "ingredients.tsv", &["name"], &["class", "synonyms", "brands", "abbreviations"], |row| {
        let mut record = record(EntryKind::Drug, "", row)?;
        record.class = cell(row, 1).to_owned();
        for (index, role) in roles.into_iter().enumerate() {
            record.terms.extend(items(cell(row, index + 2)).map(|item| (role, item.to_owned())));
        }
        Ok(Row::Record(record))
    })?;
    for (file, kind, id_part) in [
        ("products.tsv", EntryKind::Product, "product-"),
        ("regimens.tsv", EntryKind::Regimen, "regimen-"),
        ("classes.tsv", EntryKind::Class, "class-"),
    ] {
        table(&mut data, folder, file, &["name"], &["synonyms", "members"], |row| {
            let mut record = record(kind, id_part, row)?;
            record.terms.extend(items(cell(row, 1)).map(|item| (TermRole::Synonym, item.to_owned())));
            record.members.extend(items(cell(row, 2)).map(str::to_owned));
            if record.members.is_empty() && kind != EntryKind::Class {
                return Err(format!("{} {:?} has no members", kind.as_str(), record.name));
            }
            Ok(Row::Record(record))
        })?;
    }
    table(&mut data, folder, "salts.tsv", &["suffix"], &[], |row| match cell(row, 0) {
        "" => Err("empty salt".to_owned()),
        salt => Ok(Row::Salt(salt.to_owned())),
    })?;
    table(&mut data, folder, "ambiguous.tsv", &["term", "rule"], &[], |row| {
        let rule = match cell(row, 1) {
            "drop" => None,
            "case_sensitive" => Some(TermRule::CaseSensitive),
            "uppercase_only" => Some(TermRule::UppercaseOnly),
            "context" => Some(TermRule::Context),
            other => {
                return Err(format!(
                    "unknown rule {other:?}, expected drop, case_sensitive, uppercase_only or context"
                ));
            }
        };
        match cell(row, 0) {
            "" => Err("empty term".to_owned()),
            term => Ok(Row::Ambiguous(term.to_owned(), rule)),
        }
    })?;
    table(&mut data, folder, "stems.tsv", &["stem"], &["kind", "min_length", "exceptions"], |row| {
        stem(row).map(Row::Stem)
    })?;
    Ok(data)
}

enum Row {
    Record(Record),
    Salt(String),
    Ambiguous(String, Option<TermRule>),
    Stem(StemRow),
}

fn cell<'r>(row: &[&'r str], index: usize) -> &'r str {
    row.get(index).copied().unwrap_or_default()
}

fn record(kind: EntryKind, id_part: &str, row: &[&str]) -> Result<Record, String> {
    let name = cell(row, 0);
    if slug(name).is_empty() {
        return Err("empty name".to_owned());
    }
    Ok(Record {
        id: format!("seed:{id_part}{}", slug(name)),
        name: name.to_owned(),
        kind,
        class: String::new(),
        terms: Vec::new(),
        members: Vec::new(),
        file: String::new(),
        line: 0,
    })
}

fn stem(row: &[&str]) -> Result<StemRow, String> {
    let written = cell(row, 0);
    let letters = written.trim_matches('-').to_ascii_lowercase();
    if letters.len() < 3 || !letters.bytes().all(|b| b.is_ascii_lowercase()) {
        return Err(format!("stem {written:?} is not at least three ASCII letters"));
    }
    let min_length = match cell(row, 2) {
        "" => letters.len() + 3,
        number => number.parse::<usize>().map_err(|_| format!("min_length {number:?} is not a number"))?,
    };
    let min_length =
        u16::try_from(min_length.max(letters.len() + 1)).map_err(|_| "min_length is too large".to_owned())?;
    let mut exceptions: Vec<String> = items(cell(row, 3)).map(str::to_lowercase).collect();
    exceptions.sort();
    exceptions.dedup();
    let is_prefix = cell(row, 1) == "prefix" || (written.ends_with('-') && !written.starts_with('-'));
    Ok(StemRow { letters, is_prefix, min_length, exceptions })
}

fn table(
    data: &mut SourceData,
    folder: &Path,
    name: &str,
    required: &[&str],
    optional: &[&str],
    parse: impl Fn(&[&str]) -> Result<Row, String>,
) -> Result<(), LexiconError> {
    let path = folder.join(name);
    if !path.exists() && name != "ingredients.tsv" {
        return Ok(());
    }
    let (text, file) = read_text(&path)?;
    data.files.push(file);
    let mut rows = Table::open(&path, &text, required, optional)?;
    while let Some((line, row)) = rows.next_row() {
        data.rows += 1;
        match row.and_then(|row| parse(&row)) {
            Ok(Row::Record(record)) => data.records.push(Record { file: file_name(&path), line, ..record }),
            Ok(Row::Salt(salt)) => data.salts.push(salt),
            Ok(Row::Ambiguous(term, rule)) => data.ambiguous.push((term, rule)),
            Ok(Row::Stem(stem)) => data.stems.push(stem),
            Err(reason) => data.bad(name, line, reason),
        }
    }
    Ok(())
}
