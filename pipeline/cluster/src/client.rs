//! The driver's side of the scheduler: send a plan, wait for the end of its job.

use std::time::{Duration, Instant};

use ballista_core::serde::protobuf::execute_query_params::Query;
use ballista_core::serde::protobuf::job_status::Status as JobStatus;
use ballista_core::serde::protobuf::scheduler_grpc_client::SchedulerGrpcClient;
use ballista_core::serde::protobuf::{
    CancelJobParams, ExecuteQueryParams, GetJobStatusParams, KeyValuePair, execute_query_failure_result,
    execute_query_result,
};
use ballista_core::version::insert_version_header;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::engine::ClusterOptions;
use crate::error::ClusterError;
use crate::security::Token;

/// Shortest and longest time between two looks at a job.
const LOOKS: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));
/// A job that the scheduler has taken on and does not know for so long is lost to it.
const UNKNOWN: Duration = Duration::from_secs(3);
/// Pause before the scheduler is tried again.
const PAUSE: Duration = Duration::from_millis(500);

/// Adds token and version to each request.
#[derive(Debug, Clone)]
pub(crate) struct Credentials(pub(crate) Option<Token>);

impl Interceptor for Credentials {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        insert_version_header(request.metadata_mut());
        if let Some(token) = &self.0 {
            token.show(&mut request)?;
        }
        Ok(request)
    }
}

/// A connection that shows the token.
pub(crate) type Connection = SchedulerGrpcClient<InterceptedService<Channel, Credentials>>;

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum JobEnd {
    /// As it should.
    Done,
    /// With this message.
    Failed(String),
    /// The scheduler does not know it any more.
    Forgotten,
    /// It took too long and was given up.
    Overdue,
}

/// Talks to a scheduler.
#[derive(Clone)]
pub(crate) struct SchedulerClient {
    address: String,
    connection: Connection,
}

/// Gives a job up unless it has ended.
struct Cancel {
    connection: Connection,
    job_id: Option<String>,
}

impl Drop for Cancel {
    fn drop(&mut self) {
        let (Some(job_id), Ok(runtime)) = (self.job_id.take(), tokio::runtime::Handle::try_current()) else { return };
        let mut connection = self.connection.clone();
        runtime.spawn(async move {
            // As well as it can: what goes on without us makes a claim that nobody looks at.
            let _ = connection.cancel_job(CancelJobParams { job_id }).await;
        });
    }
}

impl SchedulerClient {
    /// Connects, and asks whether the scheduler answers us.
    pub(crate) async fn connect(options: &ClusterOptions) -> Result<Self, ClusterError> {
        let address = options.address.clone();
        let failed = |reason: String| ClusterError::Scheduler { address: address.clone(), reason };
        let endpoint = options.security.endpoint(&address).map_err(|error| failed(with_causes(&error)))?;
        let channel = endpoint.connect().await.map_err(|error| failed(with_causes(&error)))?;
        let credentials = Credentials(options.security.token().cloned());
        let connection = SchedulerGrpcClient::with_interceptor(channel, credentials);
        let asked = connection.clone().get_job_status(GetJobStatusParams { job_id: "none".to_owned() }).await;
        asked.map_err(|status| failed(status.message().to_owned()))?;
        Ok(Self { address: address.clone(), connection })
    }

    /// Sends a plan and waits for the end of its job. A scheduler that is away is waited for.
    ///
    /// # Errors
    /// When the scheduler is away for longer than the patience, or refuses us.
    pub(crate) async fn run(&self, name: &str, plan: &[u8], options: &ClusterOptions) -> Result<JobEnd, ClusterError> {
        let mut away = Away { address: &self.address, since: None, patience: options.patience };
        let mut connection = self.connection.clone();
        let job_id = loop {
            match connection.execute_query(query(name, plan)).await {
                Ok(reply) => match reply.into_inner().result {
                    Some(execute_query_result::Result::Success(job)) => break job.job_id,
                    Some(execute_query_result::Result::Failure(failure)) => {
                        return Ok(JobEnd::Failed(failure.failure.map_or_else(String::new, reason_of)));
                    }
                    None => return Ok(JobEnd::Failed("the scheduler said nothing of the job".to_owned())),
                },
                Err(status) => away.wait(&status).await?,
            }
        };
        let mut cancel = Cancel { connection: connection.clone(), job_id: Some(job_id.clone()) };
        let (sent, mut known, mut pause) = (Instant::now(), Instant::now(), LOOKS.0);
        loop {
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(LOOKS.1);
            let asked = connection.get_job_status(GetJobStatusParams { job_id: job_id.clone() }).await;
            let status = match asked {
                Ok(reply) => reply.into_inner().status.and_then(|status| status.status),
                Err(status) => {
                    away.wait(&status).await?;
                    continue;
                }
            };
            away.since = None;
            let end = match status {
                Some(JobStatus::Successful(_)) => Some(JobEnd::Done),
                Some(JobStatus::Failed(failed)) => Some(JobEnd::Failed(failed.error)),
                Some(JobStatus::Queued(_) | JobStatus::Running(_)) => {
                    known = Instant::now();
                    None
                }
                // Also said of a job that is on its way into the queue.
                None => (known.elapsed() > UNKNOWN).then_some(JobEnd::Forgotten),
            };
            if let Some(end) = end {
                cancel.job_id = None;
                return Ok(end);
            }
            if sent.elapsed() > options.job_limit {
                return Ok(JobEnd::Overdue);
            }
        }
    }
}

fn query(name: &str, plan: &[u8]) -> ExecuteQueryParams {
    let setting = |key: &str, value: &str| KeyValuePair { key: key.to_owned(), value: Some(value.to_owned()) };
    ExecuteQueryParams {
        session_id: uuid::Uuid::new_v4().to_string(),
        settings: vec![
            setting("ballista.job.name", name),
            // One file is one task: nothing is split, nothing is shuffled.
            setting("datafusion.execution.target_partitions", "1"),
            setting("datafusion.execution.batch_size", "1024"),
            setting("ballista.planner.adaptive.enabled", "false"),
        ],
        operation_id: uuid::Uuid::new_v4().to_string(),
        query: Some(Query::LogicalPlan(plan.to_vec())),
    }
}

fn reason_of(failure: execute_query_failure_result::Failure) -> String {
    match failure {
        execute_query_failure_result::Failure::PlanParsingFailure(reason)
        | execute_query_failure_result::Failure::SqlParsingFailure(reason)
        | execute_query_failure_result::Failure::SessionNotFound(reason) => reason,
    }
}

/// How long the scheduler has been away.
struct Away<'a> {
    address: &'a str,
    since: Option<Instant>,
    patience: Duration,
}

impl Away<'_> {
    /// Waits a moment, unless waiting is in vain or has been long enough.
    async fn wait(&mut self, status: &Status) -> Result<(), ClusterError> {
        let failed = |reason: String| ClusterError::Scheduler { address: self.address.to_owned(), reason };
        if matches!(status.code(), Code::Unauthenticated | Code::PermissionDenied | Code::FailedPrecondition) {
            return Err(failed(status.message().to_owned()));
        }
        if self.since.is_none() {
            tracing::warn!(address = self.address, reason = status.message(), "the scheduler is away; waiting for it");
        }
        if self.since.get_or_insert_with(Instant::now).elapsed() > self.patience {
            return Err(failed(format!("away for {} s: {}", self.patience.as_secs(), status.message())));
        }
        tokio::time::sleep(PAUSE).await;
        Ok(())
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
