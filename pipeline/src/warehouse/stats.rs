//! File statistics in the Delta log: written from Parquet footers, read back to skip files.

use parquet::file::metadata::ParquetMetaData;
use parquet::file::statistics::Statistics;
use serde_json::{Map, Value, json};

use super::keys::KeyRange;

/// Columns with min, max and null count in the log; `text` and the like would only bloat it.
pub(crate) fn stats_columns(table: &str) -> &'static [&'static str] {
    match table {
        "documents" => &["doc_id", "pmid", "pub_year", "source_file", "source_seq"],
        "combinations" => {
            &["doc_id", "pmid", "pub_year", "drug_key", "arity", "effect", "confidence", "source_file", "source_seq"]
        }
        "quarantine" => &["stage", "reason", "source_file", "source_seq"],
        _ => &["verb", "status", "source_file", "source_seq"],
    }
}

/// Delta statistics of a Parquet file as the JSON of an `add` action.
pub(crate) fn delta_stats(table: &str, metadata: &ParquetMetaData) -> String {
    let (mut low, mut high, mut nulls) = (Map::new(), Map::new(), Map::new());
    for name in stats_columns(table) {
        let Some(summary) = column_summary(name, metadata) else { continue };
        nulls.insert((*name).to_owned(), json!(summary.nulls));
        if let (Some(min), Some(max)) = (summary.min, summary.max) {
            low.insert((*name).to_owned(), min);
            high.insert((*name).to_owned(), max);
        }
    }
    json!({
        "numRecords": metadata.file_metadata().num_rows(),
        "minValues": low,
        "maxValues": high,
        "nullCount": nulls,
    })
    .to_string()
}

struct Summary {
    min: Option<Value>,
    max: Option<Value>,
    nulls: u64,
}

/// Min, max and nulls over all row groups; none when a group lacks them.
fn column_summary(name: &str, metadata: &ParquetMetaData) -> Option<Summary> {
    let index = column_index(name, metadata)?;
    let mut summary = Summary { min: None, max: None, nulls: 0 };
    for group in metadata.row_groups() {
        let statistics = group.column(index).statistics()?;
        let nulls = statistics.null_count_opt()?;
        summary.nulls += nulls;
        if nulls == u64::try_from(group.num_rows()).ok()? {
            continue;
        }
        let (min, max) = bounds(statistics)?;
        summary.min = Some(match summary.min.take() {
            Some(known) if less(&known, &min) => known,
            _ => min,
        });
        summary.max = Some(match summary.max.take() {
            Some(known) if less(&max, &known) => known,
            _ => max,
        });
    }
    Some(summary)
}

/// Position of a top-level column among the leaves.
pub(crate) fn column_index(name: &str, metadata: &ParquetMetaData) -> Option<usize> {
    let columns = metadata.file_metadata().schema_descr().columns();
    columns.iter().position(|column| matches!(column.path().parts(), [only] if only == name))
}

fn bounds(statistics: &Statistics) -> Option<(Value, Value)> {
    match statistics {
        Statistics::Int32(values) => Some((json!(values.min_opt()?), json!(values.max_opt()?))),
        Statistics::Int64(values) => Some((json!(values.min_opt()?), json!(values.max_opt()?))),
        Statistics::Float(values) => Some((json!(values.min_opt()?), json!(values.max_opt()?))),
        Statistics::ByteArray(values) => {
            let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(|text| json!(text));
            Some((text(values.min_opt()?.data())?, text(values.max_opt()?.data())?))
        }
        _ => None,
    }
}

fn less(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::String(left), Value::String(right)) => left < right,
        (Value::Number(left), Value::Number(right)) => match (left.as_i64(), right.as_i64()) {
            (Some(left), Some(right)) => left < right,
            _ => left.as_f64().unwrap_or(f64::NAN) < right.as_f64().unwrap_or(f64::NAN),
        },
        _ => false,
    }
}

/// Key range of one row group, for skipping groups inside an affected file.
pub(crate) fn group_range(metadata: &ParquetMetaData, group: usize) -> KeyRange {
    let mut range = KeyRange::unknown();
    let Some(group) = metadata.row_groups().get(group) else { return range };
    let bounds_of = |name: &str| bounds(group.column(column_index(name, metadata)?).statistics()?);
    if let Some((Value::String(min), Value::String(max))) = bounds_of("doc_id") {
        range.doc_id = Some((min, max));
    }
    if let Some((min, max)) = bounds_of("pmid") {
        range.pmid = min.as_i64().zip(max.as_i64());
    }
    range
}

/// What the log says of a file: rows and key range.
pub(crate) fn parse_stats(stats: Option<&str>) -> (Option<u64>, KeyRange, Option<(String, String)>) {
    let mut range = KeyRange::unknown();
    let Some(stats) = stats.and_then(|text| serde_json::from_str::<Value>(text).ok()) else {
        return (None, range, None);
    };
    let text = |side: &str, name: &str| stats.get(side)?.get(name)?.as_str().map(str::to_owned);
    let number = |side: &str, name: &str| stats.get(side)?.get(name)?.as_i64();
    range.doc_id = text("minValues", "doc_id").zip(text("maxValues", "doc_id"));
    range.pmid = number("minValues", "pmid").zip(number("maxValues", "pmid"));
    let rows = stats.get("numRecords").and_then(Value::as_u64);
    let null_pmids = stats.get("nullCount").and_then(|nulls| nulls.get("pmid")).and_then(Value::as_u64);
    range.no_pmid = rows.is_some() && rows == null_pmids;
    let sources = text("minValues", "source_file").zip(text("maxValues", "source_file"));
    (rows, range, sources)
}
