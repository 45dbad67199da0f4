//! From logical operators to execution plan nodes.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::error::Result;
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};

use crate::OperatorError;
use crate::drug_prefilter::{DrugPrefilter, DrugPrefilterExec};
use crate::extract::{Extract, ExtractEngine, ExtractExec};
use crate::lexicon::Lexicon;
use crate::logical::{Operator, OperatorNode};
use crate::sentence_segment::{SentenceSegment, SentenceSegmentExec};

/// Makes execution plan nodes of operators, with whatever a process holds for them.
pub trait PlanOperators: std::fmt::Debug + Send + Sync {
    /// Builds the execution plan node of `operator` over `input`.
    ///
    /// # Errors
    /// When the plan names a lexicon or model that this process cannot use, or `input` lacks columns.
    fn plan_operator(&self, operator: &Operator, input: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>>;
}

/// What a process holds for the operators: one lexicon and one extraction engine, shared by all partitions.
#[derive(Debug, Clone, Default)]
pub struct OperatorResources {
    /// Lexicon of the prefilter and of `find_drugs`.
    pub lexicon: Option<Arc<Lexicon>>,
    /// Engine of the extraction operator.
    pub engine: Option<Arc<ExtractEngine>>,
}

impl PlanOperators for OperatorResources {
    fn plan_operator(&self, operator: &Operator, input: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(match operator {
            Operator::SentenceSegment => {
                Arc::new(SentenceSegmentExec::try_new(Arc::new(SentenceSegment::default()), input)?)
            }
            Operator::DrugPrefilter(options) => {
                let held = self.lexicon.as_ref();
                let lexicon = held
                    .filter(|lexicon| lexicon.sha256() == options.lexicon_sha256)
                    .ok_or_else(|| missing("lexicon", &options.lexicon_sha256, held.map(|lexicon| lexicon.sha256())))?;
                let kernel = DrugPrefilter::new(options.clone(), Arc::clone(lexicon));
                Arc::new(DrugPrefilterExec::try_new(Arc::new(kernel), input)?)
            }
            Operator::Extract(options) => {
                let held = self.engine.as_ref();
                let engine =
                    held.filter(|engine| engine.info().model_sha256 == options.model_sha256).ok_or_else(|| {
                        missing("model", &options.model_sha256, held.map(|engine| engine.info().model_sha256.as_str()))
                    })?;
                Arc::new(ExtractExec::try_new(Arc::new(Extract::try_new(options.clone(), Arc::clone(engine))?), input)?)
            }
        })
    }
}

fn missing(resource: &'static str, expected: &str, got: Option<&str>) -> OperatorError {
    OperatorError::Resource { resource, expected: expected.to_owned(), got: got.unwrap_or("none").to_owned() }
}

/// Plans [`OperatorNode`]s; everything else goes to DataFusion's planner.
#[derive(Debug)]
pub struct OperatorPlanner {
    resources: Arc<dyn PlanOperators>,
}

impl OperatorPlanner {
    /// A planner that hands out `resources`.
    pub fn new(resources: impl PlanOperators + 'static) -> Self {
        Self { resources: Arc::new(resources) }
    }
}

#[async_trait]
impl ExtensionPlanner for OperatorPlanner {
    async fn plan_extension(
        &self,
        _planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        _session: &dyn Session,
        _context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        match (node.as_any().downcast_ref::<OperatorNode>(), physical_inputs) {
            (Some(node), [input]) => Ok(Some(self.resources.plan_operator(node.operator(), Arc::clone(input))?)),
            _ => Ok(None),
        }
    }
}

/// The query planner of a rexdrug session.
#[derive(Debug)]
pub struct RexdrugQueryPlanner {
    /// Resources of the operators.
    pub resources: OperatorResources,
}

#[async_trait]
impl QueryPlanner for RexdrugQueryPlanner {
    async fn create_physical_plan(&self, plan: &LogicalPlan, session: &dyn Session) -> Result<Arc<dyn ExecutionPlan>> {
        let operators = Arc::new(OperatorPlanner::new(self.resources.clone()));
        DefaultPhysicalPlanner::with_extension_planners(vec![operators]).create_physical_plan(plan, session).await
    }
}
