//! The output folder: decided items, one line each, and the settings that decided them.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use super::{Record, TracesError};

const ACCEPTED: &str = "accepted.ndjson";
const REJECTED: &str = "rejected.ndjson";
const SETTINGS: &str = "settings.json";

pub(super) struct Store {
    folder: PathBuf,
    accepted: File,
    rejected: File,
    ids: HashSet<String>,
}

impl Store {
    /// Opens a folder, or begins one. A line that a kill cut short is removed: its item is decided again.
    pub(super) fn open(folder: &Path, settings: &Value) -> Result<Self, TracesError> {
        std::fs::create_dir_all(folder).map_err(|error| failed(folder, "create it", &error))?;
        check_settings(folder, settings)?;
        let mut ids = HashSet::new();
        for name in [ACCEPTED, REJECTED] {
            let path = folder.join(name);
            let (records, whole) = read(&path)?;
            ids.extend(records.into_iter().map(|record| record.id));
            if let Some(whole) = whole {
                let file = OpenOptions::new().write(true).open(&path);
                let cut = file.and_then(|file| file.set_len(whole));
                cut.map_err(|error| failed(&path, "remove its last, unfinished line", &error))?;
            }
        }
        let append = |name: &str| {
            let path = folder.join(name);
            let file = OpenOptions::new().append(true).create(true).open(&path);
            file.map_err(|error| failed(&path, "open it", &error))
        };
        Ok(Self { folder: folder.to_owned(), accepted: append(ACCEPTED)?, rejected: append(REJECTED)?, ids })
    }

    pub(super) fn holds(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    pub(super) fn put(&mut self, record: &Record) -> Result<(), TracesError> {
        let (name, file) = match record.accepted {
            true => (ACCEPTED, &mut self.accepted),
            false => (REJECTED, &mut self.rejected),
        };
        let path = self.folder.join(name);
        let mut line = serde_json::to_vec(record).map_err(|error| failed(&path, "encode a record", &error))?;
        line.push(b'\n');
        file.write_all(&line).map_err(|error| failed(&path, "append to it", &error))?;
        self.ids.insert(record.id.clone());
        Ok(())
    }

    /// Everything that is decided.
    pub(super) fn records(&self) -> Result<Vec<Record>, TracesError> {
        let mut records = read(&self.folder.join(ACCEPTED))?.0;
        records.extend(read(&self.folder.join(REJECTED))?.0);
        Ok(records)
    }

    pub(super) fn write(&self, name: &str, value: &impl Serialize) -> Result<(), TracesError> {
        let path = self.folder.join(name);
        let mut text = serde_json::to_vec_pretty(value).map_err(|error| failed(&path, "encode it", &error))?;
        text.push(b'\n');
        write_whole(&path, &text)
    }
}

/// Writes a file that is there whole or not at all.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), TracesError> {
    let part = path.with_extension("part");
    std::fs::write(&part, bytes)
        .and_then(|()| std::fs::rename(&part, path))
        .map_err(|error| failed(path, "write it", &error))
}

fn check_settings(folder: &Path, settings: &Value) -> Result<(), TracesError> {
    let path = folder.join(SETTINGS);
    let here = settings.as_object().cloned().unwrap_or_default();
    match std::fs::read(&path) {
        Ok(bytes) => {
            let there: Value = serde_json::from_slice(&bytes).map_err(|error| failed(&path, "read it", &error))?;
            let differs = here.iter().find(|(key, value)| there.get(key.as_str()) != Some(*value));
            differs.map_or(Ok(()), |(key, value)| {
                Err(TracesError::Settings {
                    folder: folder.to_owned(),
                    what: key.clone(),
                    there: there.get(key).map_or("nothing".to_owned(), Value::to_string),
                    here: value.to_string(),
                })
            })
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let text = serde_json::to_vec_pretty(settings).map_err(|error| failed(&path, "encode it", &error))?;
            write_whole(&path, &text)
        }
        Err(error) => Err(failed(&path, "read it", &error)),
    }
}

/// The records of a file, and the length of its whole lines where the last one is not whole.
fn read(path: &Path) -> Result<(Vec<Record>, Option<u64>), TracesError> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok((Vec::new(), None)),
        Err(error) => return Err(failed(path, "read it", &error)),
    };
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let lines = bytes.get(..whole).unwrap_or_default().split(|byte| *byte == b'\n').enumerate();
    let records = lines
        .filter(|(_, line)| !line.is_empty())
        .map(|(number, line)| {
            let wrong = |error: serde_json::Error| failed(path, "read it", &format!("line {}: {error}", number + 1));
            serde_json::from_slice(line).map_err(wrong)
        })
        .collect::<Result<_, _>>()?;
    Ok((records, (whole < bytes.len()).then_some(whole as u64)))
}

fn failed(path: &Path, action: &'static str, error: &dyn std::fmt::Display) -> TracesError {
    TracesError::Store { path: path.to_owned(), action, message: error.to_string() }
}
