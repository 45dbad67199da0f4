//! The DataFusion session of rexdrug: operators, functions, local files, bounded memory.

use std::sync::Arc;

use datafusion::catalog::{CatalogProviderList, DynamicFileCatalog};
use datafusion::datasource::dynamic_file::DynamicListTableFactory;
use datafusion::error::Result;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::cache::cache_manager::CacheManagerConfig;
use datafusion::execution::memory_pool::{FairSpillPool, MemoryPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion_session::SessionStore;
use rexdrug_operators::functions::functions;
use rexdrug_operators::planner::{OperatorResources, RexdrugQueryPlanner};

use crate::local_files::LocalFiles;

/// Size of a session.
#[derive(Debug, Clone)]
pub struct SessionOptions {
    /// Partitions that run at once.
    pub partitions: usize,
    /// Rows in a batch of documents; sentences and candidates follow from it.
    pub batch_rows: usize,
    /// Bytes that sorts, joins and aggregations may hold before they spill.
    pub memory_bytes: usize,
    /// Whether every file is read once. Then footers, statistics and listings of files are not kept for the next query, up
    /// to 71 MB of them, and one scan feeds all partitions, where each would hold a row group.
    pub reads_once: bool,
}

impl SessionOptions {
    /// One partition a thread, batches of 1,024 documents, 1 GiB, files remembered.
    pub fn with_threads(threads: usize) -> Self {
        Self { partitions: threads.max(1), batch_rows: 1024, memory_bytes: 1 << 30, reads_once: false }
    }

    /// The same for a session that reads every file once; batches are of 128 documents, of which the texts, their sentences
    /// and candidates are in memory once a partition.
    pub fn reading_once(self) -> Self {
        Self { reads_once: true, batch_rows: self.batch_rows.min(128), ..self }
    }
}

/// For a runtime in which every file is read once.
pub fn no_caches() -> CacheManagerConfig {
    CacheManagerConfig::default()
        .with_file_statistics_cache_limit(0)
        .with_list_files_cache_limit(0)
        .with_metadata_cache_limit(0)
}

/// A session with rexdrug's operators and functions.
#[derive(Clone)]
pub struct Session {
    context: SessionContext,
    resources: OperatorResources,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Session").field("id", &self.context.session_id()).finish_non_exhaustive()
    }
}

impl Session {
    /// A session whose operators run on `resources`.
    ///
    /// # Errors
    /// When the runtime cannot be set up.
    pub fn new(options: &SessionOptions, resources: OperatorResources) -> Result<Self> {
        let config = SessionConfig::new()
            .with_target_partitions(options.partitions)
            .with_batch_size(options.batch_rows)
            .with_information_schema(true)
            .with_repartition_file_scans(!options.reads_once);
        let pool: Arc<dyn MemoryPool> = Arc::new(FairSpillPool::new(options.memory_bytes));
        let mut runtime = RuntimeEnvBuilder::new().with_memory_pool(pool);
        if options.reads_once {
            runtime = runtime.with_cache_manager(no_caches());
        }
        let runtime = runtime.build_arc()?;
        let state = SessionStateBuilder::new()
            .with_config(config)
            .with_runtime_env(runtime)
            .with_default_features()
            .with_query_planner(Arc::new(RexdrugQueryPlanner { resources: resources.clone() }))
            .build();
        let others = Arc::new(DynamicListTableFactory::new(SessionStore::new()));
        let files = Arc::new(LocalFiles { others: Arc::clone(&others) });
        let catalogs: Arc<dyn CatalogProviderList> =
            Arc::new(DynamicFileCatalog::new(Arc::clone(state.catalog_list()), files));
        let context: SessionContext =
            SessionStateBuilder::new_from_existing(state).with_catalog_list(catalogs).build().into();
        others.session_store().with_state(context.state_weak_ref());
        for function in functions(resources.lexicon.clone()) {
            context.register_udf(function);
        }
        Ok(Self { context, resources })
    }

    /// The DataFusion context.
    pub fn context(&self) -> &SessionContext {
        &self.context
    }

    /// What the operators run on.
    pub fn resources(&self) -> &OperatorResources {
        &self.resources
    }
}
