//! What scheduler and workers plan and run with: functions, and the store of the warehouse.

use std::sync::Arc;

use ballista_core::registry::BallistaFunctionRegistry;
use datafusion::error::Result;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use rexdrug_operators::functions::functions;
use rexdrug_operators::lexicon::Lexicon;
use rexdrug_pipeline::session::no_caches;
use rexdrug_pipeline::warehouse::Staging;

/// Bytes that sorts, joins and aggregations of a process may hold before they spill; our operators do without.
const MEMORY: usize = 1 << 30;

/// A runtime that knows the store of the warehouse.
pub(crate) fn runtime(staging: &Staging) -> Result<Arc<RuntimeEnv>> {
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(MEMORY)))
        .with_cache_manager(no_caches())
        .build_arc()?;
    let (url, store) = staging.bucket();
    runtime.register_object_store(url, Arc::clone(store));
    Ok(runtime)
}

/// DataFusion's functions and ours.
pub(crate) fn registry(lexicon: Option<Arc<Lexicon>>) -> BallistaFunctionRegistry {
    let mut registry = BallistaFunctionRegistry::default();
    for function in functions(lexicon) {
        registry.scalar_functions.insert(function.name().to_owned(), Arc::new(function));
    }
    registry
}
