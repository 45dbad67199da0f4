//! Answers on disk, so that a question is paid for once: a run that was killed, and a run that is repeated, ask only
//! what was never answered.
//!
//! A cache is a folder of segments, one per process that wrote to it, each a file of lines `{"key": …, "answer": …}`.
//! Lines are appended and never changed; a line that a kill cut short is passed over. Only their keys and places are
//! kept in memory.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::wire::{ChatAnswer, ChatRequest};
use crate::backend::BackendError;

/// Ends the name of a segment.
const EXTENSION: &str = "answers.ndjson";

/// Identity of a question: what is sent, and to which model.
pub(crate) type Key = [u8; 32];

/// The sha256 of everything that decides the answer: model, messages, sampling, schema.
pub(crate) fn key_of(request: &ChatRequest) -> Result<Key, serde_json::Error> {
    Ok(Sha256::digest(serde_json::to_vec(request)?).into())
}

#[derive(Serialize)]
struct LineOut<'a> {
    key: String,
    answer: &'a ChatAnswer,
}

#[derive(Deserialize)]
struct LineKey {
    key: String,
}

#[derive(Deserialize)]
struct LineIn {
    answer: ChatAnswer,
}

/// Where an answer stands.
#[derive(Debug, Clone, Copy)]
struct Place {
    segment: usize,
    offset: u64,
    bytes: usize,
}

#[derive(Debug, Default)]
struct State {
    index: HashMap<Key, Place>,
    segments: Vec<PathBuf>,
    /// The segment of this process, once it has written.
    own: Option<(usize, File, u64)>,
}

/// Answers by question, on disk.
#[derive(Debug)]
pub struct AnswerCache {
    folder: PathBuf,
    state: Mutex<State>,
}

impl AnswerCache {
    /// Opens the folder, creating it where needed, and reads where its answers stand.
    ///
    /// # Errors
    /// When the folder or a segment cannot be read.
    pub fn open(folder: &Path) -> Result<Self, BackendError> {
        std::fs::create_dir_all(folder).map_err(|error| failed(folder, "create it", &error))?;
        let mut segments: Vec<PathBuf> = std::fs::read_dir(folder)
            .map_err(|error| failed(folder, "list it", &error))?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.to_string_lossy().ends_with(EXTENSION))
            .collect();
        segments.sort();
        let mut state = State { segments, ..State::default() };
        for (segment, path) in state.segments.iter().enumerate() {
            read_segment(path, segment, &mut state.index).map_err(|error| failed(path, "read it", &error))?;
        }
        Ok(Self { folder: folder.to_owned(), state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Number of answers.
    pub fn len(&self) -> usize {
        self.state().index.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The answer to a question, where there is one. A segment that was damaged since counts as none.
    pub(crate) fn get(&self, key: &Key) -> Option<ChatAnswer> {
        let (path, place) = {
            let state = self.state();
            let place = *state.index.get(key)?;
            (state.segments.get(place.segment)?.clone(), place)
        };
        let mut line = vec![0; place.bytes];
        let mut file = File::open(path).ok()?;
        file.seek(SeekFrom::Start(place.offset)).ok()?;
        file.read_exact(&mut line).ok()?;
        Some(serde_json::from_slice::<LineIn>(&line).ok()?.answer)
    }

    /// Keeps an answer; on return a kill of this process does not lose it.
    ///
    /// # Errors
    /// When it cannot be written: a run that goes on would pay again for what it has already paid for.
    pub(crate) fn put(&self, key: Key, answer: &ChatAnswer) -> Result<(), BackendError> {
        let out = LineOut { key: hex::encode(key), answer };
        let mut line = serde_json::to_vec(&out).map_err(|error| failed(&self.folder, "encode an answer", &error))?;
        let bytes = line.len();
        line.push(b'\n');
        let mut state = self.state();
        let state = &mut *state;
        if state.own.is_none() {
            state.own = Some(self.begin_segment(&mut state.segments)?);
        }
        if let Some((segment, file, end)) = &mut state.own {
            file.write_all(&line).map_err(|error| failed(&self.folder, "append to it", &error))?;
            state.index.insert(key, Place { segment: *segment, offset: *end, bytes });
            *end += line.len() as u64;
        }
        Ok(())
    }

    /// A file of a name that no other process has.
    fn begin_segment(&self, segments: &mut Vec<PathBuf>) -> Result<(usize, File, u64), BackendError> {
        let mut number = segments.len();
        loop {
            let path = self.folder.join(format!("{number:06}-{}.{EXTENSION}", std::process::id()));
            match OpenOptions::new().append(true).create_new(true).open(&path) {
                Ok(file) => {
                    segments.push(path);
                    return Ok((segments.len() - 1, file, 0));
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(failed(&path, "create it", &error)),
            }
        }
    }
}

fn read_segment(path: &Path, segment: usize, index: &mut HashMap<Key, Place>) -> std::io::Result<()> {
    let mut reader = BufReader::new(File::open(path)?);
    let (mut line, mut offset) = (Vec::new(), 0);
    loop {
        line.clear();
        let read = reader.read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(());
        }
        let key = serde_json::from_slice::<LineKey>(&line).ok().and_then(|line| hex::decode(line.key).ok());
        if let Some(key) = key.and_then(|key| Key::try_from(key).ok())
            && line.ends_with(b"\n")
        {
            index.insert(key, Place { segment, offset, bytes: read - 1 });
        } else {
            tracing::warn!(path = %path.display(), offset, "answer cut short or damaged; it will be asked for again");
        }
        offset += read as u64;
    }
}

fn failed(path: &Path, action: &'static str, error: &dyn std::fmt::Display) -> BackendError {
    BackendError::AnswerCache { path: path.to_owned(), action, message: error.to_string() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    fn answer(text: &str) -> ChatAnswer {
        ChatAnswer { content: text.to_owned(), ..ChatAnswer::default() }
    }

    #[test]
    fn answers_survive_and_a_torn_line_is_asked_again() {
        let folder = tempfile::tempdir().unwrap();
        let cache = AnswerCache::open(folder.path()).unwrap();
        assert!(cache.is_empty());
        for number in 0..20u8 {
            cache.put([number; 32], &answer(&format!("α{number}\n"))).unwrap();
        }
        assert_eq!(cache.get(&[3; 32]), Some(answer("α3\n")));
        drop(cache);
        let segment = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
        let whole = std::fs::read(&segment).unwrap();
        std::fs::write(&segment, &whole[..whole.len() - 5]).unwrap();
        let again = AnswerCache::open(folder.path()).unwrap();
        assert_eq!((again.len(), again.get(&[19; 32])), (19, None));
        assert_eq!(again.get(&[18; 32]), Some(answer("α18\n")));
        // A second process writes beside the first, never into a line that it may have left half written.
        again.put([19; 32], &answer("new")).unwrap();
        assert_eq!(again.get(&[19; 32]), Some(answer("new")));
        let third = AnswerCache::open(folder.path()).unwrap();
        assert_eq!((third.len(), third.get(&[19; 32])), (20, Some(answer("new"))));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
