//! Which articles of packs the warehouse has, by name and ETag.

use std::collections::HashSet;

use arrow::array::{Array, AsArray};
use arrow::datatypes::DataType;
use datafusion::logical_expr::cast;
use datafusion::prelude::{SessionContext, col, lit};
use futures::StreamExt;
use rexdrug_jats::is_archive;
use rexdrug_pubmed::md5_of_bytes;
use rexdrug_schemas::SourceRef;

use super::Warehouse;
use super::error::{Result, WarehouseError};
use super::register::provider;
use crate::source::{Pack, UNLICENSED};

/// Articles that need not be read again: 32 bytes each.
#[derive(Debug, Clone, Default)]
pub struct KnownMembers {
    digests: HashSet<[u8; 16]>,
    names: HashSet<[u8; 16]>,
    /// Packs whose documents are in and that are not finished.
    unfinished: Vec<SourceRef>,
    /// Highest sequence of a pack.
    newest: i64,
    /// Sequences of packages.
    packages: Vec<i64>,
}

/// Moments that no pack may span. A pack has the time of its newest member, and with it an older article would replace
/// what a package or an earlier pack says of it.
#[derive(Debug)]
pub(crate) struct Moments(Vec<i64>);

impl Moments {
    /// Which of the times between the moments holds `modified`.
    pub(crate) fn span(&self, modified: i64) -> usize {
        self.0.partition_point(|moment| *moment <= modified)
    }
}

impl KnownMembers {
    /// Adds an article.
    pub fn insert(&mut self, name: &str, etag: &str) {
        self.digests.insert(digest(name, etag));
        self.names.insert(digest(name, ""));
    }

    /// Whether the warehouse has it.
    pub fn contains(&self, name: &str, etag: &str) -> bool {
        self.digests.contains(&digest(name, etag))
    }

    /// Whether the warehouse has an article of that name in another state.
    pub(crate) fn is_reissue(&self, name: &str, etag: &str) -> bool {
        self.names.contains(&digest(name, "")) && !self.contains(name, etag)
    }

    /// The moments of the sources that the warehouse has, and of `packages` that are read besides. Packs that were left
    /// unfinished are cut as before: the cut must not depend on what was finished since.
    pub(crate) fn moments(&self, packages: impl Iterator<Item = i64>) -> Moments {
        let packs = self.unfinished.is_empty().then_some(self.newest + 1);
        let mut moments: Vec<i64> = self.packages.iter().copied().chain(packages).chain(packs).collect();
        moments.sort_unstable();
        moments.dedup();
        Moments(moments)
    }

    /// Articles known.
    pub fn len(&self) -> usize {
        self.digests.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.digests.is_empty()
    }

    /// `pack` in its order among source files: after every pack, where it holds an article that the warehouse has in
    /// another state, whatever the times of files and objects say; and after the packs that were left unfinished, unless
    /// the first pack of the plan is that pack itself, so that the rows of a pack that is never finished, because the
    /// listing has changed since, are replaced. `floor` is kept by the caller from pack to pack, empty at first.
    pub(crate) fn ordered(&self, mut pack: Pack, floor: &mut Option<i64>) -> Pack {
        let mut least = *floor.get_or_insert_with(|| {
            let resumed = |source: &&SourceRef| source.source_md5 != pack.source.source_md5;
            self.unfinished.iter().filter(resumed).map(|source| source.source_seq + 1).max().unwrap_or(i64::MIN)
        });
        if pack.members.iter().any(|member| self.names.contains(&digest(&member.name, ""))) {
            least = least.max(self.newest + 1);
        }
        pack.source.source_seq = pack.source.source_seq.max(least);
        pack
    }
}

fn digest(name: &str, etag: &str) -> [u8; 16] {
    md5_of_bytes(format!("{name}\t{etag}").as_bytes())
}

impl Warehouse {
    /// Articles of finished packs, those refused included; those refused for their licence or because they were not
    /// there are not, so that they are looked at again.
    ///
    /// # Errors
    /// [`WarehouseError::Delta`] when a log or table cannot be read.
    pub async fn known_members(&self, ctx: &SessionContext) -> Result<KnownMembers> {
        let mut known = KnownMembers::default();
        for entry in self.sources().await? {
            if is_archive(&entry.source.source_file) {
                known.packages.push(entry.source.source_seq);
            }
            if !entry.source.source_file.ends_with(".pack") {
                continue;
            }
            known.newest = known.newest.max(entry.source.source_seq);
            if entry.status.is_none() {
                known.unfinished.push(entry.source);
            }
        }
        let unfinished: HashSet<String> = known.unfinished.iter().map(|source| source.source_file.clone()).collect();
        for handle in [&self.inner.documents, &self.inner.quarantine] {
            let name = handle.table.name;
            let failed = |error| WarehouseError::columns(name, error);
            let table = provider(handle).await?;
            // A table of an earlier layout has no packs.
            if table.schema().field_with_name("source_etag").is_err() {
                continue;
            }
            let mut wanted = col("source_etag").is_not_null().and(col("source_file").is_not_null());
            if name == self.inner.quarantine.table.name {
                wanted =
                    wanted.and(col("reason").not_eq(lit(UNLICENSED))).and(col("reason").not_eq(lit("missing_object")));
            }
            let frame = ctx.read_table(table).and_then(|frame| frame.filter(wanted)).map_err(failed)?;
            let cast = |column: &str| cast(col(column), DataType::Utf8).alias(column);
            let columns = vec![cast("source_file"), cast("source_member"), cast("source_etag")];
            let frame = frame.select(columns).map_err(failed)?;
            let mut rows = frame.execute_stream().await.map_err(failed)?;
            while let Some(batch) = rows.next().await {
                let batch = batch.map_err(failed)?;
                let (files, members, etags) = (batch.column(0), batch.column(1), batch.column(2));
                let (files, members, etags) =
                    (files.as_string::<i32>(), members.as_string::<i32>(), etags.as_string::<i32>());
                for row in 0..batch.num_rows() {
                    if members.is_valid(row) && !unfinished.contains(files.value(row)) {
                        known.insert(members.value(row), etags.value(row));
                    }
                }
            }
        }
        Ok(known)
    }
}
