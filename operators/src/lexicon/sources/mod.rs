//! Readers of name lists: the seed folder, DrugBank, MeSH, RxNorm, and plain tables.
//!
//! A row that cannot be used is reported with its file and line and counted; only too many of them stop the build.

mod csv_lists;
mod rxnorm;
mod seed;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::{BadRow, LexiconError};
use super::model::{EntryKind, TermRule};

/// One source of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LexiconSource {
    /// The folder of seed tables (`ingredients.tsv`, `regimens.tsv`, `products.tsv`, `classes.tsv`, `salts.tsv`,
    /// `ambiguous.tsv`, `stems.tsv`); tables that are not there are empty, but `ingredients.tsv` is needed.
    Seed(PathBuf),
    /// DrugBank's open vocabulary as CSV (`DrugBank ID`, `Common name`, `Synonyms`).
    DrugBank(PathBuf),
    /// MeSH drugs as CSV (`Mesh ID`, `Common name`, `Synonyms`).
    Mesh(PathBuf),
    /// RxNorm's `RXNCONSO.RRF`, with `RXNREL.RRF` to link brands and forms to ingredients.
    RxNorm {
        /// `RXNCONSO.RRF`.
        concepts: PathBuf,
        /// `RXNREL.RRF`.
        relations: Option<PathBuf>,
    },
    /// A table with a header `id`, `name`, `synonyms` (separated by `|`), tab-separated.
    Plain(PathBuf),
}

/// How many unusable rows a source may have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReadLimits {
    /// Always allowed.
    pub bad_rows: usize,
    /// Share of all rows allowed (0 to 1), when that is more.
    pub bad_share: f64,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self { bad_rows: 20, bad_share: 0.02 }
    }
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// File name, without its folder.
    pub name: String,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// Its size in bytes.
    pub bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TermRole {
    Synonym,
    Brand,
    Abbreviation,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) kind: EntryKind,
    pub(crate) class: String,
    pub(crate) terms: Vec<(TermRole, String)>,
    /// Names or ids of the members.
    pub(crate) members: Vec<String>,
    pub(crate) file: String,
    pub(crate) line: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StemRow {
    pub(crate) letters: String,
    pub(crate) is_prefix: bool,
    pub(crate) min_length: u16,
    pub(crate) exceptions: Vec<String>,
}

/// Everything one source says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SourceData {
    pub(crate) name: String,
    /// Written and reviewed by us: its short and common terms are trusted.
    pub(crate) curated: bool,
    pub(crate) files: Vec<SourceFile>,
    pub(crate) records: Vec<Record>,
    pub(crate) salts: Vec<String>,
    /// Term and rule; `None` drops the term.
    pub(crate) ambiguous: Vec<(String, Option<TermRule>)>,
    pub(crate) stems: Vec<StemRow>,
    pub(crate) bad_rows: Vec<BadRow>,
    pub(crate) rows: usize,
}

impl SourceData {
    fn bad(&mut self, file: &str, line: u64, reason: impl Into<String>) {
        self.bad_rows.push(BadRow { file: file.to_owned(), line, reason: reason.into() });
    }
}

impl LexiconSource {
    pub(crate) fn read(&self, limits: &ReadLimits) -> Result<SourceData, LexiconError> {
        let data = match self {
            Self::Seed(folder) => seed::read(folder)?,
            Self::DrugBank(path) => csv_lists::read_drugbank(path)?,
            Self::Mesh(path) => csv_lists::read_mesh(path)?,
            Self::RxNorm { concepts, relations } => rxnorm::read(concepts, relations.as_deref())?,
            Self::Plain(path) => csv_lists::read_plain(path)?,
        };
        let limit = limits.bad_rows.max((data.rows as f64 * limits.bad_share) as usize);
        if let (true, Some(first)) = (data.bad_rows.len() > limit, data.bad_rows.first()) {
            return Err(LexiconError::TooManyBadRows {
                source_name: data.name.clone(),
                bad: data.bad_rows.len(),
                rows: data.rows,
                limit,
                first: first.to_string(),
            });
        }
        Ok(data)
    }
}

/// The text of a file, damaged UTF-8 replaced, and its digest.
fn read_text(path: &Path) -> Result<(String, SourceFile), LexiconError> {
    let bytes = std::fs::read(path).map_err(|source| LexiconError::Io { path: path.to_owned(), source })?;
    let file =
        SourceFile { name: file_name(path), sha256: hex::encode(Sha256::digest(&bytes)), bytes: bytes.len() as u64 };
    let text = String::from_utf8(bytes).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned());
    Ok((text.trim_start_matches('\u{feff}').to_owned(), file))
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
}

/// A list cell: items between `|`, trimmed, without empty ones.
fn items(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('|').map(str::trim).filter(|item| !item.is_empty())
}

/// A name as an id part: lower-case letters and digits, everything else one `-`.
pub(crate) fn slug(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars().flat_map(char::to_lowercase) {
        if c.is_alphanumeric() {
            out.push(c);
        } else if !out.ends_with('-') && !out.is_empty() {
            out.push('-');
        }
    }
    out.trim_end_matches('-').to_owned()
}

/// A tab-separated table with a header line; lines that start with `#` are comments.
struct Table<'t> {
    columns: Vec<usize>,
    width: usize,
    lines: std::iter::Enumerate<std::str::Lines<'t>>,
}

impl<'t> Table<'t> {
    /// Finds `required` then `optional` columns by name; a missing optional column reads as empty.
    fn open(path: &Path, text: &'t str, required: &[&str], optional: &[&str]) -> Result<Self, LexiconError> {
        let mut lines = text.lines().enumerate();
        let header: Vec<&str> = lines
            .by_ref()
            .map(|(_, line)| line)
            .find(|line| !line.starts_with('#') && !line.trim().is_empty())
            .map(|line| line.split('\t').map(str::trim).collect())
            .unwrap_or_default();
        let find = |name: &str| header.iter().position(|column| column.eq_ignore_ascii_case(name));
        let mut columns = Vec::new();
        for name in required {
            columns.push(find(name).ok_or_else(|| LexiconError::MissingColumn {
                path: path.to_owned(),
                column: (*name).to_owned(),
                got: header.join(", "),
            })?);
        }
        columns.extend(optional.iter().map(|name| find(name).unwrap_or(usize::MAX)));
        Ok(Self { columns, width: header.len(), lines })
    }

    /// The next row: line number and cells in the order asked for, or what is wrong with it.
    fn next_row(&mut self) -> Option<(u64, Result<Vec<&'t str>, String>)> {
        let (index, line) = self.lines.by_ref().find(|(_, line)| !line.starts_with('#') && !line.trim().is_empty())?;
        let cells: Vec<&str> = line.split('\t').map(str::trim).collect();
        let number = index as u64 + 1;
        if cells.len() > self.width {
            return Some((number, Err(format!("expected at most {} cells, got {}", self.width, cells.len()))));
        }
        let row = self.columns.iter().map(|&at| cells.get(at).copied().unwrap_or_default()).collect();
        Some((number, Ok(row)))
    }
}
