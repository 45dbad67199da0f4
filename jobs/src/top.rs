//! The table a person wants to see first: combinations by number of papers, with one evidence sentence each.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use arrow::array::{Array, AsArray};
use arrow::datatypes::{Int32Type, Int64Type};
use datafusion::prelude::SessionContext;

use crate::highlight::{Marks, highlight};

/// Most reported combinations: papers by effect, and the most confident sentence that is not retracted.
const QUERY: &str = "
    WITH ranked AS (
        SELECT drug_key, doc_id, effect, sentence, sentence_start, drugs,
               row_number() OVER (PARTITION BY drug_key ORDER BY confidence DESC, doc_id, sentence_start) AS place
        FROM combinations WHERE NOT is_retracted
    ), papers AS (
        SELECT drug_key, count(DISTINCT doc_id) AS papers,
               count(DISTINCT CASE WHEN effect = 'POS' THEN doc_id END) AS pos,
               count(DISTINCT CASE WHEN effect = 'NEG' THEN doc_id END) AS neg,
               count(DISTINCT CASE WHEN effect = 'COMB' THEN doc_id END) AS comb
        FROM ranked GROUP BY drug_key
    )
    SELECT p.drug_key, p.papers, p.pos, p.neg, p.comb, r.doc_id, r.sentence, r.sentence_start, r.drugs
    FROM papers p JOIN ranked r ON p.drug_key = r.drug_key AND r.place = 1
    ORDER BY p.papers DESC, p.drug_key";

/// Prints the `limit` most reported combinations of the registered warehouse.
///
/// # Errors
/// When the query fails.
pub async fn print(context: &SessionContext, limit: usize) -> Result<()> {
    let frame = context.sql(QUERY).await?.limit(0, Some(limit))?;
    let batches = frame.collect().await.context("cannot rank the combinations")?;
    let marks = Marks::for_stdout();
    println!("\npapers  POS NEG COMB  combination");
    for batch in &batches {
        let column =
            |name: &str| batch.column_by_name(name).with_context(|| format!("no column `{name}` in the ranking"));
        let strings = |name: &str| -> Result<Vec<String>> {
            let array = arrow::compute::cast(column(name)?, &arrow::datatypes::DataType::Utf8)?;
            Ok(array.as_string::<i32>().iter().map(|value| value.unwrap_or_default().to_owned()).collect())
        };
        let counts: BTreeMap<&str, &arrow::array::Int64Array> = ["papers", "pos", "neg", "comb"]
            .into_iter()
            .map(|name| Ok((name, column(name)?.as_primitive::<Int64Type>())))
            .collect::<Result<_>>()?;
        let (keys, documents, sentences) = (strings("drug_key")?, strings("doc_id")?, strings("sentence")?);
        let starts = column("sentence_start")?.as_primitive::<Int32Type>();
        let drugs = column("drugs")?.as_list::<i32>();
        for row in 0..batch.num_rows() {
            let members = drugs.value(row);
            let members = members.as_struct();
            let position = |name: &str| -> Result<arrow::array::Int32Array> {
                let array = members.column_by_name(name).with_context(|| format!("no field `{name}` in drugs"))?;
                Ok(array.as_primitive::<Int32Type>().clone())
            };
            let (first, last) = (position("start")?, position("end")?);
            let spans: Vec<(i32, i32)> = (0..members.len())
                .map(|item| (first.value(item) - starts.value(row), last.value(item) - starts.value(row)))
                .collect();
            let count = |name: &str| counts.get(name).map_or(0, |array| array.value(row));
            println!(
                "{:>6} {:>4} {:>3} {:>4}  {}\n{:23}{}: {}",
                count("papers"),
                count("pos"),
                count("neg"),
                count("comb"),
                keys[row].replace('|', " + "),
                "",
                documents[row],
                highlight(&sentences[row], &spans, marks),
            );
        }
    }
    Ok(())
}
