//! The `combinations` table.

use arrow::datatypes::DataType;

use crate::column::{Column, Table, struct_of};
use crate::mention::combination_drug_type;
use crate::provenance::{extraction_columns, source_columns};

/// Type of `effect_scores`: probability of each effect, given that the set is a combination; they add up to 1.
pub fn effect_scores_type() -> DataType {
    struct_of(vec![
        ("pos", DataType::Float32, false),
        ("neg", DataType::Float32, false),
        ("comb", DataType::Float32, false),
    ])
}

fn columns() -> Vec<Column> {
    let mut columns = vec![
        Column::required("combination_id", DataType::Utf8, "Stable hash of document, sentence span and member spans."),
        Column::required("doc_id", DataType::Utf8, "Document; joins `documents.doc_id`."),
        Column::optional("pmid", DataType::Int64, "PubMed id."),
        Column::optional("pmcid", DataType::Utf8, "PMC id."),
        Column::optional("pub_year", DataType::Int32, "Year of publication."),
        Column::required("is_retracted", DataType::Boolean, "True when the article was retracted."),
        Column::optional("section", DataType::Utf8, "Label of the section that holds the sentence."),
        Column::required("sentence_index", DataType::Int32, "Number of the sentence in its document, from 0."),
        Column::required("sentence", DataType::Utf8, "The sentence that states the combination."),
        Column::required("sentence_start", DataType::Int32, "First code point of the sentence in `documents.text`."),
        Column::required("sentence_end", DataType::Int32, "One past its last code point."),
        Column::required(
            "drugs",
            combination_drug_type(),
            "The drugs of the set in text order; offsets are code points into `documents.text`.",
        ),
        Column::required("drug_key", DataType::Utf8, "Sorted normalised drug names joined by `|`: group by it."),
        Column::required("arity", DataType::Int32, "Number of different drugs in the set, 2 or more."),
        Column::required(
            "effect",
            DataType::Utf8,
            "POS beneficial, NEG harmful, COMB used together with effect neutral or unclear.",
        ),
        Column::required(
            "effect_scores",
            effect_scores_type(),
            "Probability of each effect given that the set is a combination.",
        ),
        Column::required("confidence", DataType::Float32, "Probability that the set is a combination, 0 to 1."),
        Column::optional("reasoning", DataType::Utf8, "Reasoning of the model where it gives one."),
        Column::required("context_start", DataType::Int32, "First code point of `documents.text` that the model saw."),
        Column::required("context_end", DataType::Int32, "One past the last code point that the model saw."),
    ];
    columns.extend(source_columns());
    columns.extend(extraction_columns());
    columns
}

/// One row per drug combination stated by one sentence.
pub static COMBINATIONS: Table =
    Table::new("combinations", "One row per drug combination that a sentence states.", columns);
