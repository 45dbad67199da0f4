//! The plan: documents ─▶ sentences ─▶ candidates ─▶ combinations, the same for every engine.

use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::dataframe::DataFrame;
use datafusion::datasource::MemTable;
use datafusion::error::Result;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{SessionContext, col};
use rexdrug_operators::drug_prefilter::PrefilterOptions;
use rexdrug_operators::extract::ExtractOptions;
use rexdrug_operators::logical::{Operator, OperatorNode};
use rexdrug_operators::sentence_segment::REQUIRED;
use rexdrug_schemas::DOCUMENTS;

/// Sentences of `documents`, which has at least the columns of `documents` that segmentation reads.
///
/// # Errors
/// When a column is missing.
pub fn sentences(documents: DataFrame) -> Result<LogicalPlan> {
    let documents = documents.select(REQUIRED.iter().map(|name| col(*name)).collect::<Vec<_>>())?;
    OperatorNode::plan(Operator::SentenceSegment, documents.into_unoptimized_plan())
}

/// Candidate sentences of `documents`.
///
/// # Errors
/// When a column is missing.
pub fn candidates(documents: DataFrame, prefilter: PrefilterOptions) -> Result<LogicalPlan> {
    OperatorNode::plan(Operator::DrugPrefilter(prefilter), sentences(documents)?)
}

/// Combinations of `documents`.
///
/// # Errors
/// When a column is missing.
pub fn combinations(documents: DataFrame, prefilter: PrefilterOptions, extract: ExtractOptions) -> Result<LogicalPlan> {
    OperatorNode::plan(Operator::Extract(extract), candidates(documents, prefilter)?)
}

/// The plan of [`combinations`] as text, a node a line, over a table that stands for the documents of a source file.
///
/// # Errors
/// When the plan does not fit together.
pub async fn explain(context: &SessionContext, prefilter: PrefilterOptions, extract: ExtractOptions) -> Result<String> {
    let documents = MemTable::try_new(DOCUMENTS.schema(), vec![vec![]])?;
    let table = TableReference::bare(DOCUMENTS.name);
    let _ = context.register_table(table.clone(), Arc::new(documents))?;
    let documents = context.table(table).await?;
    Ok(combinations(documents, prefilter, extract)?.display_indent().to_string())
}

/// `plan` as a data frame of `context`.
pub fn frame(context: &SessionContext, plan: LogicalPlan) -> DataFrame {
    DataFrame::new(context.state(), plan)
}
