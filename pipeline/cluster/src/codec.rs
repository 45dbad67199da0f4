//! Codecs and planner of the cluster: our sink, then our operators, then Ballista's own nodes; anything else is refused.

use std::sync::Arc;

use async_trait::async_trait;
use ballista_core::serde::{BallistaLogicalExtensionCodec, BallistaPhysicalExtensionCodec};
use datafusion::catalog::Session;
use datafusion::error::Result;
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};
use rexdrug_operators::codec::{LogicalNodeCodec, PhysicalNodeCodec};
use rexdrug_operators::logical::Operator;
use rexdrug_operators::pending::Pending;
use rexdrug_operators::unary_node::{NodePlanner, PlanNodes};

use crate::stage::{StageExec, StageOptions};
use crate::workshop::Workshop;

/// The logical codec of driver and scheduler.
pub fn logical() -> LogicalNodeCodec<StageOptions> {
    let ballista = Arc::new(BallistaLogicalExtensionCodec::default());
    LogicalNodeCodec::new(Arc::new(LogicalNodeCodec::<Operator>::new(ballista)))
}

/// The physical codec of scheduler and workers. Operators come out pending: a worker's sink gives them what they need.
/// Without a workshop (a scheduler) plans can be decoded and sent on, but not run.
pub fn physical(workshop: Option<Arc<Workshop>>) -> PhysicalNodeCodec<StageOptions> {
    let ballista = Arc::new(BallistaPhysicalExtensionCodec::default());
    PhysicalNodeCodec::new(Arc::new(PhysicalNodeCodec::<Operator>::new(ballista, Pending)), Sinks { workshop })
}

/// Sinks that run in `workshop`, or nowhere.
#[derive(Debug)]
struct Sinks {
    workshop: Option<Arc<Workshop>>,
}

impl PlanNodes<StageOptions> for Sinks {
    fn plan_node(&self, options: &StageOptions, input: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(StageExec::new(options.clone(), input, self.workshop.clone())))
    }
}

/// The query planner of a scheduler.
#[derive(Debug)]
pub struct ClusterPlanner;

#[async_trait]
impl QueryPlanner for ClusterPlanner {
    async fn create_physical_plan(&self, plan: &LogicalPlan, session: &dyn Session) -> Result<Arc<dyn ExecutionPlan>> {
        let planners: Vec<Arc<dyn ExtensionPlanner + Send + Sync>> = vec![
            Arc::new(NodePlanner::<StageOptions>::new(Sinks { workshop: None })),
            Arc::new(NodePlanner::<Operator>::new(Pending)),
        ];
        DefaultPhysicalPlanner::with_extension_planners(planners).create_physical_plan(plan, session).await
    }
}
