//! Articles into a spool: packages and packs. Nothing is committed here.

use std::io::{Cursor, Read};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream;
use rexdrug_jats::{ArticleFault, ArticleReader, Member, Members, ReaderOptions};
use rexdrug_pubmed::PubmedInput;
use rexdrug_schemas::{DOCUMENTS, QuarantineStage, RunStatus, pmcid_doc_id};
use tokio::sync::mpsc;

use super::documents::DocumentRows;
use super::ingest::{IngestOptions, IngestedFile};
use super::input::{Origin, Pack, PackMember};
use super::objects::ObjectReader;
use super::quarantine::QuarantineRow;
use super::row::DocumentRow;
use crate::error::PipelineError;
use crate::warehouse::SpoolWriter;

/// Reason code of articles whose licence the user does not allow.
pub(crate) const UNLICENSED: &str = "licence_not_allowed";

/// Characters of a refused article that are kept.
const EXCERPT_CHARACTERS: usize = 200;

/// Articles read ahead of parsing.
const AHEAD: usize = 4;

/// Takes the articles of one source file.
struct ArticleSink {
    file: IngestedFile,
    rows: DocumentRows,
    writer: SpoolWriter,
    reader: ArticleReader,
    options: IngestOptions,
    record: i64,
    started: Instant,
}

impl ArticleSink {
    fn new(file: IngestedFile, spool: &Path, options: &IngestOptions) -> Result<Self, PipelineError> {
        Ok(Self {
            file,
            rows: DocumentRows::default(),
            writer: SpoolWriter::create(&DOCUMENTS, spool)?,
            reader: ArticleReader::new(ReaderOptions { table_rows: options.table_rows, ..ReaderOptions::default() }),
            options: options.clone(),
            record: 0,
            started: Instant::now(),
        })
    }

    fn take(
        &mut self,
        name: &str,
        etag: Option<&str>,
        content: Result<impl AsRef<[u8]>, ArticleFault>,
    ) -> Result<(), PipelineError> {
        self.record += 1;
        let limit = self.reader.options().max_article_bytes;
        let bytes = match content.and_then(|bytes| inflated(bytes, limit)) {
            Ok(bytes) => bytes,
            Err(fault) => return self.refuse(name, etag, &fault, &[]),
        };
        let article = match self.reader.read(bytes.as_ref(), name) {
            Ok(article) => article,
            Err(fault) => return self.refuse(name, etag, &fault, bytes.as_ref()),
        };
        if let Some(allowed) =
            self.options.licences.as_ref().filter(|allowed| !allowed.allows(article.licence.as_ref()))
        {
            let licence = article.licence.as_ref().map_or_else(|| "unknown".to_owned(), ToString::to_string);
            self.file.records_unlicensed += 1;
            let message = format!("licence is {licence}; allowed are {allowed}");
            let doc_id = article.pmcid.as_deref().map(pmcid_doc_id);
            self.quarantine(name, etag, UNLICENSED, message, doc_id, None, None);
            return Ok(());
        }
        self.rows.push_row(&DocumentRow::of_article(&article, name, etag, self.record));
        self.file.documents_read += 1;
        if self.rows.len() >= self.options.batch_rows || self.rows.text_bytes() >= self.options.batch_bytes {
            self.flush()?;
        }
        Ok(())
    }

    fn refuse(
        &mut self,
        name: &str,
        etag: Option<&str>,
        fault: &ArticleFault,
        bytes: &[u8],
    ) -> Result<(), PipelineError> {
        let head = bytes.get(..EXCERPT_CHARACTERS * 4).unwrap_or(bytes);
        let excerpt: String = String::from_utf8_lossy(head).chars().take(EXCERPT_CHARACTERS).collect();
        let offset = fault.offset().and_then(|offset| i64::try_from(offset).ok());
        let excerpt = (!excerpt.is_empty()).then_some(excerpt);
        self.quarantine(name, etag, fault.code(), format!("{name}: {fault}"), None, offset, excerpt);
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "the columns of one row")]
    fn quarantine(
        &mut self,
        name: &str,
        etag: Option<&str>,
        reason: &str,
        message: String,
        doc_id: Option<String>,
        byte_offset: Option<i64>,
        excerpt: Option<String>,
    ) {
        self.file.records_quarantined += 1;
        self.file.quarantine.push(QuarantineRow {
            stage: QuarantineStage::Record,
            reason: reason.to_owned(),
            message,
            doc_id,
            record: Some(self.record),
            byte_offset,
            excerpt,
            member: Some(name.to_owned()),
            etag: etag.map(str::to_owned),
        });
    }

    fn flush(&mut self) -> Result<(), PipelineError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let batch = self.rows.finish(&self.file.source).map_err(|error| PipelineError::rows("documents", &error))?;
        Ok(self.writer.write(&batch)?)
    }

    fn finish(mut self) -> Result<IngestedFile, PipelineError> {
        self.flush()?;
        let mut file = self.file;
        file.records_read = file.documents_read + file.records_quarantined;
        file.documents = (file.documents_read > 0).then(|| self.writer.finish()).transpose()?;
        file.seconds += self.started.elapsed().as_secs_f64();
        Ok(file)
    }
}

/// The bytes of an article, inflated where they are gzip.
fn inflated<B: AsRef<[u8]>>(bytes: B, limit: usize) -> Result<Inflated<B>, ArticleFault> {
    if !bytes.as_ref().starts_with(&[0x1f, 0x8b]) {
        return Ok(Inflated::Plain(bytes));
    }
    let mut out = Vec::new();
    let failed =
        |error: std::io::Error| ArticleFault::Input { code: "corrupt_gzip", message: error.to_string(), offset: 0 };
    let input = PubmedInput::detect(Cursor::new(bytes.as_ref())).map_err(failed)?;
    input.take(limit as u64 + 1).read_to_end(&mut out).map_err(failed)?;
    if out.len() > limit {
        return Err(ArticleFault::TooLarge { limit: limit as u64 });
    }
    Ok(Inflated::Owned(out))
}

enum Inflated<B> {
    Plain(B),
    Owned(Vec<u8>),
}

impl<B: AsRef<[u8]>> AsRef<[u8]> for Inflated<B> {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Plain(bytes) => bytes.as_ref(),
            Self::Owned(bytes) => bytes,
        }
    }
}

impl IngestedFile {
    /// What is known of a pack before it is read.
    pub(crate) fn of_pack(pack: &Pack) -> Self {
        Self::unread(pack.source.clone(), pack.bytes)
    }

    /// Reads a package into a spool file under `spool`; blocks. What is wrong with it ends in `quarantine`.
    ///
    /// # Errors
    /// Only when the spool cannot be written.
    pub fn read_package(self, path: &Path, spool: &Path, options: &IngestOptions) -> Result<Self, PipelineError> {
        if self.status == RunStatus::Failed {
            return Ok(self);
        }
        let mut sink = ArticleSink::new(self, spool, options)?;
        let limit = sink.reader.options().max_article_bytes;
        let mut failed = Ok(());
        let members = match std::fs::File::open(path) {
            Ok(file) => Members::read(std::io::BufReader::new(file), limit, &mut |member: Member| {
                failed = sink.take(&member.name, None, member.content);
                if failed.is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            }),
            Err(error) => Members {
                fault: Some(ArticleFault::Input { code: "io", message: error.to_string(), offset: 0 }),
                ..Members::default()
            },
        };
        failed?;
        let empty = (members.fault.is_none() && members.articles == 0).then(|| ArticleFault::Input {
            code: "no_articles",
            message: format!("the package holds no article (.nxml or .xml) among {} files", members.other),
            offset: 0,
        });
        if let Some(fault) = members.fault.or(empty) {
            sink.file.status = if sink.file.documents_read > 0 { RunStatus::Partial } else { RunStatus::Failed };
            sink.file.quarantine.push(QuarantineRow {
                stage: QuarantineStage::File,
                reason: fault.code().to_owned(),
                message: fault.to_string(),
                doc_id: None,
                record: None,
                byte_offset: fault.offset().and_then(|offset| i64::try_from(offset).ok()),
                excerpt: None,
                member: None,
                etag: None,
            });
        }
        sink.finish()
    }

    /// Reads a pack into a spool file under `spool`: articles ahead of the parser, at most a few held.
    ///
    /// # Errors
    /// When the spool cannot be written or the store of the articles keeps failing.
    pub(crate) async fn read_pack(
        self,
        pack: &Pack,
        spool: &Path,
        options: &IngestOptions,
    ) -> Result<Self, PipelineError> {
        let mut sink = ArticleSink::new(self, spool, options)?;
        let members = Arc::clone(&pack.members);
        let stopped =
            |error: tokio::task::JoinError| PipelineError::Task { task: "reading a pack", reason: error.to_string() };
        match &pack.origin {
            Origin::Files => tokio::task::spawn_blocking(move || {
                for member in members.iter() {
                    let path = member.path.as_deref().unwrap_or(Path::new(&member.name));
                    let content = std::fs::read(path).map_err(|error| ArticleFault::Input {
                        code: "io",
                        message: format!("cannot read {}: {error}", path.display()),
                        offset: 0,
                    });
                    sink.take(&member.name, Some(&member.etag), content)?;
                }
                sink.finish()
            })
            .await
            .map_err(stopped)?,
            Origin::Objects(objects) => {
                let (feed, mut fed) = mpsc::channel(AHEAD);
                let (objects, wanted) = (objects.clone(), Arc::clone(&pack.members));
                let parse = tokio::task::spawn_blocking(move || {
                    let mut members = members.iter();
                    while let Some(content) = fed.blocking_recv() {
                        let Some(member) = members.next() else { break };
                        sink.take(&member.name, Some(&member.etag), content)?;
                    }
                    sink.finish()
                });
                let outcome = fetch(objects, wanted, feed).await;
                // A store that failed leaves a part of the pack: the whole of it is read again by the next run.
                let parsed = parse.await.map_err(stopped)?;
                outcome?;
                parsed
            }
        }
    }
}

/// Objects in order, several requests at once; as slow as whoever takes them.
async fn fetch(
    objects: ObjectReader,
    members: Arc<Vec<PackMember>>,
    feed: mpsc::Sender<Result<Bytes, ArticleFault>>,
) -> Result<(), PipelineError> {
    let concurrency = objects.concurrency;
    let requests = (0..members.len()).map(move |at| {
        let (objects, members) = (objects.clone(), Arc::clone(&members));
        async move {
            match members.get(at) {
                Some(member) => objects.read(&member.name).await,
                None => Ok(Err(ArticleFault::Empty)),
            }
        }
    });
    let mut contents = stream::iter(requests).buffered(concurrency);
    while let Some(content) = contents.next().await {
        if feed.send(content?).await.is_err() {
            break;
        }
    }
    Ok(())
}
