//! A worker: asks the scheduler for tasks and runs them. It opens no port.

use std::path::PathBuf;
use std::sync::Arc;

use ballista_core::BALLISTA_PROTOCOL_VERSION;
use ballista_core::serde::BallistaCodec;
use ballista_core::serde::protobuf::executor_resource::Resource;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use ballista_core::serde::protobuf::{
    ExecutorOperatingSystemSpecification, ExecutorRegistration, ExecutorResource, ExecutorSpecification,
    ExecutorStoppedParams,
};
use ballista_core::utils::default_config_producer;
use ballista_executor::execution_loop::poll_loop;
use ballista_executor::executor::Executor;
use ballista_executor::health::ExecutorHealth;
use ballista_executor::metrics::LoggingMetricsCollector;
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use rexdrug_operators::backend::Device;
use rexdrug_operators::lexicon::Lexicon;
use rexdrug_pipeline::stop::Stop;
use rexdrug_pipeline::warehouse::{Warehouse, WarehouseError};
use tokio::sync::Semaphore;

use crate::client::{Connection, Credentials};
use crate::codec;
use crate::engines::Engines;
use crate::error::ClusterError;
use crate::guard::Guard;
use crate::library::Library;
use crate::runtime::{registry, runtime};
use crate::scheduler::MESSAGE_BYTES;
use crate::security::Security;
use crate::workshop::Workshop;

/// How a worker runs.
#[derive(Debug)]
pub struct WorkerOptions {
    /// Host and port of the scheduler.
    pub scheduler: String,
    /// Token and certificates.
    pub security: Security,
    /// Files at a time.
    pub slots: usize,
    /// Devices; each gets engines of its own.
    pub devices: Vec<Device>,
    /// Folder in which models are kept from one start to the next.
    pub cache: PathBuf,
    /// Folder in which files in the making lie.
    pub scratch: PathBuf,
    /// Lexicon of the SQL function `find_drugs`; that of a plan comes with it.
    pub lexicon: Arc<Lexicon>,
    /// Asked to stop, the worker finishes the files in hand and takes no others.
    pub stop: Stop,
}

/// Works until told to stop. A scheduler that is not there is waited for.
///
/// # Errors
/// When a folder, certificate or the warehouse cannot be used.
pub async fn run_worker(options: WorkerOptions, warehouse: &Warehouse) -> Result<(), ClusterError> {
    let failed = |reason: String| ClusterError::Service { what: "worker", reason };
    let folder = tempfile::Builder::new().prefix("rexdrug-worker-").tempdir_in(&options.scratch).map_err(|error| {
        let (path, message) = (options.scratch.clone(), error.to_string());
        WarehouseError::Local { path, action: "create a folder", message }
    })?;
    let staging = warehouse.staging()?;
    let runtime = runtime(&staging)?;
    let name = name();
    let (library, engines) = (Library::new(staging.clone(), options.cache), Engines::new(options.devices));
    let workshop = Arc::new(Workshop::new(name.clone(), library, engines, folder.path().to_owned()));
    let id = uuid::Uuid::new_v4().to_string();
    let executor = Arc::new(Executor::new(
        registration(&id, options.slots),
        &folder.path().to_string_lossy(),
        Arc::new(move |_| Ok(Arc::clone(&runtime))),
        Arc::new(default_config_producer),
        Arc::new(registry(Some(options.lexicon))),
        Arc::new(LoggingMetricsCollector::default()),
        options.slots,
        Arc::new(Guard::new(staging)),
    ));
    let codec: BallistaCodec<LogicalPlanNode, PhysicalPlanNode> =
        BallistaCodec::new(Arc::new(codec::logical()), Arc::new(codec::physical(Some(workshop))));
    let endpoint = options.security.endpoint(&options.scheduler).map_err(|error| failed(error.to_string()))?;
    let credentials = Credentials(options.security.token().cloned());
    // Lazily: a scheduler that is not there yet, or away for a while, is asked again and again.
    let mut scheduler: Connection = SchedulerGrpcClient::with_interceptor(endpoint.connect_lazy(), credentials)
        .max_encoding_message_size(MESSAGE_BYTES)
        .max_decoding_message_size(MESSAGE_BYTES);
    let slots = Arc::new(Semaphore::new(options.slots));
    tracing::info!(scheduler = options.scheduler, name, slots = options.slots, "worker asks for files");
    let polling = poll_loop(scheduler.clone(), executor, codec, None, Some(Arc::clone(&slots)), ExecutorHealth::new());
    let stopped = async {
        options.stop.asked().await;
        tracing::info!("finishing the files in hand");
        let all = u32::try_from(options.slots).unwrap_or(u32::MAX);
        let _ = slots.acquire_many(all).await;
    };
    tokio::select! {
        ended = polling => ended.map_err(|error| failed(error.to_string())),
        () = stopped => {
            let reason = "stopped on request".to_owned();
            // As well as it can: a scheduler that does not hear it notices after its timeout.
            let _ = scheduler.executor_stopped(ExecutorStoppedParams { executor_id: id, reason }).await;
            Ok(())
        }
    }
}

/// Host and process, so that a person finds the worker.
fn name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| std::env::var("HOSTNAME").ok());
    format!("process {} on {}", std::process::id(), host.as_deref().map_or("unknown host", str::trim))
}

/// How the worker introduces itself. It cannot be called back, so its address is one where nobody answers.
fn registration(id: &str, slots: usize) -> ExecutorRegistration {
    let vcores = u32::try_from(slots).unwrap_or(u32::MAX);
    ExecutorRegistration {
        id: id.to_owned(),
        host: Some("127.0.0.1".to_owned()),
        port: 0,
        grpc_port: 0,
        specification: Some(ExecutorSpecification {
            resources: vec![ExecutorResource { resource: Some(Resource::Vcores(vcores)) }],
        }),
        os_info: Some(ExecutorOperatingSystemSpecification::default()),
        ballista_protocol_version: BALLISTA_PROTOCOL_VERSION,
    }
}
