//! The scheduler: plans what drivers send, and hands it to workers that ask.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ballista_core::config::TaskSchedulingPolicy;
use ballista_core::serde::protobuf::scheduler_grpc_server::SchedulerGrpcServer;
use ballista_core::utils::{default_config_producer, default_session_builder};
use ballista_scheduler::cluster::BallistaCluster;
use ballista_scheduler::config::SchedulerConfig;
use ballista_scheduler::scheduler_process::create_scheduler;
use datafusion::execution::{FunctionRegistry, SessionStateBuilder};
use datafusion::prelude::SessionConfig;
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use rexdrug_operators::functions::functions;
use rexdrug_pipeline::warehouse::Warehouse;
use tokio::net::TcpListener;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Status};

use crate::codec::{self, ClusterPlanner};
use crate::error::ClusterError;
use crate::runtime::runtime;
use crate::security::Security;

/// Largest message: a plan, or what a worker says of its tasks.
pub(crate) const MESSAGE_BYTES: usize = 16 << 20;
/// How long the scheduler keeps what it knows of jobs that have ended.
const KEEP_SECONDS: u64 = 600;

/// How a scheduler runs.
#[derive(Debug, Clone)]
pub struct SchedulerOptions {
    /// Address to listen on; port 0 for one that is free.
    pub bind: SocketAddr,
    /// Token and certificates.
    pub security: Security,
    /// Time without a sign of life after which a worker's tasks are given to others. A busy worker shows one every five
    /// seconds.
    pub worker_timeout: Duration,
}

/// Serves until `stopped` is ready; `listening` is told the address.
///
/// # Errors
/// When the address cannot be listened on or a certificate cannot be used.
pub async fn serve_scheduler(
    options: SchedulerOptions,
    warehouse: &Warehouse,
    listening: impl FnOnce(SocketAddr),
    stopped: impl Future<Output = ()>,
) -> Result<(), ClusterError> {
    let failed = |reason: String| ClusterError::Service { what: "scheduler", reason };
    let listener =
        TcpListener::bind(options.bind).await.map_err(|error| failed(format!("{}: {error}", options.bind)))?;
    let address = listener.local_addr().map_err(|error| failed(error.to_string()))?;
    let config = Arc::new(config(&options, address, warehouse)?);
    let cluster = BallistaCluster::new_from_config(&config).await.map_err(|error| failed(error.to_string()))?;
    let scheduler = create_scheduler::<LogicalPlanNode, PhysicalPlanNode>(cluster, config);
    let scheduler = scheduler.await.map_err(|error| failed(error.to_string()))?;
    let service = SchedulerGrpcServer::new(scheduler)
        .max_encoding_message_size(MESSAGE_BYTES)
        .max_decoding_message_size(MESSAGE_BYTES);
    let token = options.security.token().cloned();
    let check = move |request: Request<()>| -> Result<Request<()>, Status> {
        match &token {
            Some(token) => token.check(request),
            None => Ok(request),
        }
    };
    let mut server = Server::builder();
    if let Some(tls) = options.security.server_tls() {
        server = server.tls_config(tls).map_err(|error| failed(format!("TLS: {error}")))?;
    }
    let serving = server
        .add_service(InterceptedService::new(service, check))
        .serve_with_incoming_shutdown(TcpIncoming::from(listener).with_nodelay(Some(true)), stopped);
    listening(address);
    serving.await.map_err(|error| failed(error.to_string()))
}

fn config(
    options: &SchedulerOptions,
    address: SocketAddr,
    warehouse: &Warehouse,
) -> Result<SchedulerConfig, ClusterError> {
    let runtime = runtime(&warehouse.staging()?)?;
    let timeout = options.worker_timeout.as_secs().max(1);
    Ok(SchedulerConfig {
        bind_host: address.ip().to_string(),
        bind_port: address.port(),
        scheduling_policy: TaskSchedulingPolicy::PullStaged,
        finished_job_data_clean_up_interval_seconds: KEEP_SECONDS / 10,
        finished_job_state_clean_up_interval_seconds: KEEP_SECONDS,
        executor_timeout_seconds: timeout,
        expire_dead_executor_interval_seconds: (timeout / 4).max(1),
        // Jobs wait for workers; the driver decides for how long.
        no_executors_grace_period_seconds: u64::from(u32::MAX),
        override_config_producer: Some(Arc::new(default_config_producer)),
        override_session_builder: Some(Arc::new(move |config: SessionConfig| {
            let state = SessionStateBuilder::new_from_existing(default_session_builder(config)?)
                .with_runtime_env(Arc::clone(&runtime))
                .with_query_planner(Arc::new(ClusterPlanner));
            let mut state = state.build();
            for function in functions(None) {
                state.register_udf(Arc::new(function))?;
            }
            Ok(state)
        })),
        override_logical_codec: Some(Arc::new(codec::logical())),
        override_physical_codec: Some(Arc::new(codec::physical(None))),
        ..SchedulerConfig::default()
    })
}
