//! One Delta table of the warehouse: creation, the current snapshot with its ledger, and strict commits.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema};
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties, TransactionError};
use deltalake::kernel::{Action, Add, Remove, StructType, Transaction};
use deltalake::logstore::ObjectStoreRef;
use deltalake::operations::create::CreateBuilder;
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::{DeltaTable, DeltaTableBuilder, DeltaTableError};
use object_store::path::Path;
use rexdrug_schemas::Table;
use roaring::RoaringTreemap;
use tokio::sync::Mutex;
use url::Url;

use super::deletion_vector::decode;
use super::error::{Result, WarehouseError};
use super::evolve::add_missing_columns;
use super::hook::{CommitHook, CommitPoint, reach};
use super::keys::{KeyRange, KeySet};
use super::ledger::Ledger;
use super::location::Location;
use super::stats::{parse_stats, stats_columns};
use super::txnlog::{advance_ledger, read_ledger};

/// Commits between two checkpoints: a reader replays at most so many JSON files. Writing a checkpoint replays as many at
/// once, with some two megabytes of decoder each, so this bounds the memory of a long run too.
const CHECKPOINT_INTERVAL: u64 = 10;
/// Property of a table whose rows may be marked as deleted.
const DELETION_VECTORS: &str = "delta.enableDeletionVectors";

/// A Delta table that may not exist yet.
pub(crate) struct TableHandle {
    pub(crate) table: &'static Table,
    url: Url,
    options: HashMap<String, String>,
    state: Mutex<Option<Loaded>>,
    hook: Option<Arc<dyn CommitHook>>,
}

/// A table at one version.
#[derive(Clone)]
pub(crate) struct Loaded {
    pub(crate) delta: DeltaTable,
    pub(crate) version: u64,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) files: Arc<Vec<TableFile>>,
}

/// One live Parquet file of a table.
#[derive(Debug, Clone)]
pub(crate) struct TableFile {
    /// Path below the table's root.
    pub(crate) path: Path,
    pub(crate) size: u64,
    /// Rows in the Parquet file, deleted ones among them.
    pub(crate) rows: Option<u64>,
    pub(crate) range: KeyRange,
    /// Smallest and largest `source_file`.
    pub(crate) sources: Option<(String, String)>,
    /// Statistics as they stand in the log.
    pub(crate) stats: Option<String>,
    /// The action that takes it out of the table; holds its deletion vector.
    pub(crate) remove: Remove,
}

/// How a commit ended.
pub(crate) enum Committed {
    /// In the log under this version.
    Yes(u64),
    /// Another writer was first; nothing was written.
    Lost,
    /// The store failed; the commit may or may not be in the log.
    Unknown(WarehouseError),
}

impl TableFile {
    /// Rows that are marked as deleted, numbered as in the Parquet file.
    ///
    /// # Errors
    /// When the deletion vector cannot be read.
    pub(crate) fn deleted_rows(&self) -> Result<RoaringTreemap> {
        let vector = self.remove.deletion_vector.as_ref();
        vector.map_or_else(|| Ok(RoaringTreemap::new()), |vector| decode(self.path.as_ref(), vector))
    }

    /// Number of rows that are marked as deleted.
    pub(crate) fn deleted(&self) -> u64 {
        let vector = self.remove.deletion_vector.as_ref();
        vector.map_or(0, |vector| u64::try_from(vector.cardinality).unwrap_or_default())
    }

    /// Whether this is the same file with the same rows: one path can stay while more of its rows are marked.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.path == other.path && self.remove.deletion_vector == other.remove.deletion_vector
    }
}

impl Loaded {
    /// Whether rows may be marked as deleted, as a property of the table says.
    pub(crate) fn marks_rows(&self) -> bool {
        self.delta.snapshot().is_ok_and(|snapshot| {
            let properties = snapshot.metadata().configuration();
            properties.get(DELETION_VECTORS).is_some_and(|value| value.eq_ignore_ascii_case("true"))
        })
    }

    pub(crate) fn store(&self) -> ObjectStoreRef {
        self.delta.object_store()
    }

    /// Files that may hold one of these documents.
    pub(crate) fn files_with(&self, keys: &KeySet) -> Vec<&TableFile> {
        self.files.iter().filter(|file| keys.overlaps(&file.range)).collect()
    }

    /// Files that may hold rows of this source file.
    pub(crate) fn files_of(&self, source_file: &str) -> Vec<&TableFile> {
        let may = |file: &&TableFile| match &file.sources {
            Some((low, high)) => low.as_str() <= source_file && source_file <= high.as_str(),
            None => true,
        };
        self.files.iter().filter(may).collect()
    }
}

impl TableHandle {
    pub(crate) fn new(table: &'static Table, location: &Location, hook: Option<Arc<dyn CommitHook>>) -> Result<Self> {
        let url = location.table(table.name)?;
        Ok(Self { table, url, options: location.options().clone(), state: Mutex::new(None), hook })
    }

    /// The newest version; none when the table does not exist.
    pub(crate) async fn current(&self) -> Result<Option<Loaded>> {
        let mut state = self.state.lock().await;
        let fresh = match state.as_ref() {
            Some(known) => Some(self.refresh(known).await?),
            None => self.open().await?,
        };
        state.clone_from(&fresh);
        Ok(fresh)
    }

    /// The newest version; the table is created first where needed.
    pub(crate) async fn current_or_create(&self) -> Result<Loaded> {
        if let Some(loaded) = self.current().await? {
            return self.evolved(loaded).await;
        }
        let created = self.create().await;
        match (self.current().await?, created) {
            (Some(loaded), _) => Ok(loaded),
            (None, Err(error)) => Err(error),
            (None, Ok(())) => Err(self.failed("create it", "it is not there after its creation")),
        }
    }

    /// The table with all columns of this version.
    async fn evolved(&self, loaded: Loaded) -> Result<Loaded> {
        match add_missing_columns(self.table, &loaded.delta).await {
            Ok(false) => Ok(loaded),
            outcome => {
                let Some(newest) = self.current().await? else { return Ok(loaded) };
                // Another writer may have added them first: only columns that are still missing are a failure.
                match outcome {
                    Err(error) if newest.version == loaded.version => Err(error),
                    _ => Ok(newest),
                }
            }
        }
    }

    /// Sets the property under which rows may be marked as deleted; false where it is set already.
    pub(crate) async fn enable_deletion_vectors(&self) -> Result<bool> {
        let mut base = self.current_or_create().await?;
        while !base.marks_rows() {
            let properties = HashMap::from([(DELETION_VECTORS.to_owned(), "true".to_owned())]);
            let commit = CommitProperties::default().with_max_retries(0);
            let set = base.delta.clone().set_tbl_properties().with_properties(properties);
            let Err(error) = set.with_commit_properties(commit).await else { return Ok(true) };
            let newest = self.current_or_create().await?;
            if newest.version == base.version {
                return Err(self.failed("allow deletion vectors in it", error));
            }
            // Another writer was first: on top of it once more.
            base = newest;
        }
        Ok(false)
    }

    fn failed(&self, action: &'static str, error: impl std::fmt::Display) -> WarehouseError {
        WarehouseError::delta(self.table.name, action, error)
    }

    fn unloaded(&self) -> Result<DeltaTable> {
        unloaded(self.table.name, self.url.clone(), self.options.clone())
    }

    async fn open(&self) -> Result<Option<Loaded>> {
        let mut delta = self.unloaded()?;
        let exists = delta.verify_deltatable_existence().await;
        if !exists.map_err(|error| self.failed("look for its log", error))? {
            return Ok(None);
        }
        delta.load().await.map_err(|error| self.failed("read its log", error))?;
        let version = self.version_of(&delta)?;
        let ledger = read_ledger(self.table.name, &delta.log_store(), version).await?;
        Ok(Some(self.loaded(delta, version, Arc::new(ledger))?))
    }

    async fn refresh(&self, known: &Loaded) -> Result<Loaded> {
        let mut delta = known.delta.clone();
        delta.update_state().await.map_err(|error| self.failed("read its log", error))?;
        let version = self.version_of(&delta)?;
        if version == known.version {
            return Ok(known.clone());
        }
        let mut ledger = Ledger::clone(&known.ledger);
        let store = delta.log_store();
        // The commits in between may be gone after a clean-up of the log; the checkpoint then has them.
        if advance_ledger(self.table.name, &store, &mut ledger, known.version + 1, version).await.is_err() {
            ledger = read_ledger(self.table.name, &store, version).await?;
        }
        self.loaded(delta, version, Arc::new(ledger))
    }

    fn version_of(&self, delta: &DeltaTable) -> Result<u64> {
        delta.version().ok_or_else(|| self.failed("read its log", "no version was loaded"))
    }

    fn loaded(&self, delta: DeltaTable, version: u64, ledger: Arc<Ledger>) -> Result<Loaded> {
        let snapshot = delta.snapshot().map_err(|error| self.failed("read its log", error))?;
        let files = snapshot.log_data().into_iter().map(|view| {
            let stats = view.stats();
            let (rows, range, sources) = parse_stats(stats.as_deref());
            let size = u64::try_from(view.size()).unwrap_or_default();
            let (path, remove) = (view.object_store_path(), view.remove_action(true));
            TableFile { path, size, rows, range, sources, stats, remove }
        });
        let files = Arc::new(files.collect());
        Ok(Loaded { delta, version, ledger, files })
    }

    async fn create(&self) -> Result<()> {
        let log_store = self.unloaded()?.log_store();
        // A comment per column, so that `DESCRIBE` in any reader explains it.
        let columns: Vec<Field> = self
            .table
            .columns()
            .iter()
            .map(|column| column.field().with_metadata(HashMap::from([("comment".to_owned(), column.doc.to_owned())])))
            .collect();
        let schema: StructType =
            (&Schema::new(columns)).try_into_kernel().map_err(|error| self.failed("convert its schema", error))?;
        // Without retries: a writer that loses the race for version 0 must not commit a second set of metadata.
        let created = CreateBuilder::new()
            .with_log_store(log_store)
            .with_table_name(self.table.name)
            .with_comment(self.table.doc)
            .with_columns(schema.fields().cloned())
            .with_configuration([
                ("delta.dataSkippingStatsColumns", Some(stats_columns(self.table.name).join(","))),
                ("delta.checkpointInterval", Some(CHECKPOINT_INTERVAL.to_string())),
            ])
            .with_save_mode(SaveMode::ErrorIfExists)
            .with_commit_properties(CommitProperties::default().with_max_retries(0))
            .await;
        created.map(|_| ()).map_err(|error| self.failed("create it", error))
    }

    /// Commits on top of exactly `base`: any other commit in between loses this one.
    ///
    /// So the log is a serial history: what was resolved against `base` is true when it lands.
    pub(crate) async fn commit(
        &self,
        base: &Loaded,
        adds: Vec<Add>,
        removes: Vec<Remove>,
        transactions: Vec<Transaction>,
    ) -> Result<Committed> {
        let snapshot = base.delta.snapshot().map_err(|error| self.failed("read its log", error))?;
        let actions: Vec<Action> =
            removes.into_iter().map(Action::Remove).chain(adds.into_iter().map(Action::Add)).collect();
        let operation = DeltaOperation::Write { mode: SaveMode::Append, partition_by: None, predicate: None };
        let properties = CommitProperties::default().with_max_retries(0).with_application_transactions(transactions);
        let prepared = CommitBuilder::from(properties)
            .with_actions(actions)
            .build(Some(snapshot), base.delta.log_store(), operation)
            .into_prepared_commit_future()
            .await
            .map_err(|error| self.failed("prepare a commit", error))?;
        let landed = match prepared.await {
            Ok(landed) => landed,
            Err(error) if lost(&error) => return Ok(Committed::Lost),
            Err(error) => return Ok(Committed::Unknown(self.failed("commit", error))),
        };
        let version = landed.version;
        if (version + 1).is_multiple_of(CHECKPOINT_INTERVAL) {
            reach(self.hook.as_deref(), CommitPoint::CheckpointDue)?;
        }
        // The rows are in: a failed checkpoint or log clean-up only makes the next reader slower.
        if let Err(error) = landed.await {
            tracing::warn!(table = self.table.name, version, %error, "checkpoint after the commit failed");
        }
        Ok(Committed::Yes(version))
    }
}

fn unloaded(table: &str, url: Url, options: HashMap<String, String>) -> Result<DeltaTable> {
    DeltaTableBuilder::from_url(url)
        .and_then(|builder| builder.with_storage_options(options).build())
        .map_err(|error| WarehouseError::delta(table, "open its store", error))
}

/// The store of a folder of the warehouse that is not a table; paths are relative to the folder.
pub(crate) fn store_at(location: &Location, folder: &str) -> Result<ObjectStoreRef> {
    Ok(unloaded(folder, location.table(folder)?, location.options().clone())?.object_store())
}

/// The store of the whole bucket or disk that holds the warehouse, and its URL.
pub(crate) fn root_store(location: &Location) -> Result<(Url, ObjectStoreRef)> {
    let delta = unloaded("warehouse", location.root().clone(), location.options().clone())?;
    let mut url = location.root().clone();
    url.set_path("/");
    Ok((url, delta.log_store().root_object_store(None)))
}

fn lost(error: &DeltaTableError) -> bool {
    match error {
        DeltaTableError::VersionAlreadyExists(_) => true,
        DeltaTableError::Transaction { source } => matches!(
            source,
            TransactionError::MaxCommitAttempts(_)
                | TransactionError::CommitConflict(_)
                | TransactionError::VersionAlreadyExists(_)
        ),
        _ => false,
    }
}
