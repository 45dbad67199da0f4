//! From logical operators to execution plan nodes.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::error::Result;
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner};

use crate::OperatorError;
use crate::drug_prefilter::{DrugPrefilter, DrugPrefilterExec};
use crate::extract::{Extract, ExtractEngine, ExtractExec};
use crate::lexicon::Lexicon;
use crate::logical::Operator;
use crate::sentence_segment::{SentenceSegment, SentenceSegmentExec};
use crate::unary_node::{NodePlanner, PlanNodes};

/// What a process holds for the operators: one lexicon and one extraction engine, shared by all partitions.
#[derive(Debug, Clone, Default)]
pub struct OperatorResources {
    /// Lexicon of the prefilter and of `find_drugs`.
    pub lexicon: Option<Arc<Lexicon>>,
    /// Engine of the extraction operator.
    pub engine: Option<Arc<ExtractEngine>>,
}

impl PlanNodes<Operator> for OperatorResources {
    fn plan_node(&self, operator: &Operator, input: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
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

/// The query planner of a rexdrug session.
#[derive(Debug)]
pub struct RexdrugQueryPlanner {
    /// Resources of the operators.
    pub resources: OperatorResources,
}

#[async_trait]
impl QueryPlanner for RexdrugQueryPlanner {
    async fn create_physical_plan(&self, plan: &LogicalPlan, session: &dyn Session) -> Result<Arc<dyn ExecutionPlan>> {
        let operators = Arc::new(NodePlanner::new(self.resources.clone()));
        DefaultPhysicalPlanner::with_extension_planners(vec![operators]).create_physical_plan(plan, session).await
    }
}
