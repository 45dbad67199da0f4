//! Rows between the operators: sentences, then candidate sentences with their mentions.

use arrow::datatypes::DataType;

use crate::column::{Column, Table};
use crate::mention::mention_type;
use crate::provenance::source_columns;

fn sentence_columns() -> Vec<Column> {
    let mut columns = vec![
        Column::required("doc_id", DataType::Utf8View, "Document of the sentence."),
        Column::optional("pmid", DataType::Int64, "PubMed id."),
        Column::optional("pmcid", DataType::Utf8View, "PMC id."),
        Column::optional("pub_year", DataType::Int32, "Year of publication."),
        Column::required("is_retracted", DataType::Boolean, "Retraction flag of the document."),
        Column::required(
            "text",
            DataType::Utf8View,
            "Whole text of the document, shared by its sentences without a copy.",
        ),
        Column::optional("section", DataType::Utf8View, "Label of the section that holds the sentence."),
        Column::required("sentence_index", DataType::Int32, "Number of the sentence in its document, from 0."),
        Column::required("sentence", DataType::Utf8View, "The sentence, a slice of `text` without a copy."),
        Column::required("sentence_start", DataType::Int32, "First code point of the sentence in `text`."),
        Column::required("sentence_end", DataType::Int32, "One past the last code point."),
    ];
    columns.extend(source_columns().into_iter().map(|mut column| {
        if column.data_type == DataType::Utf8 {
            column.data_type = DataType::Utf8View;
        }
        column
    }));
    columns
}

fn candidate_columns() -> Vec<Column> {
    let mut columns = sentence_columns();
    columns.push(Column::required(
        "mentions",
        mention_type(),
        "Drug mentions of the sentence, in text order, offsets from its start.",
    ));
    columns
}

/// Output of sentence segmentation.
pub static SENTENCES: Table = Table::new("sentences", "One row per sentence (between operators).", sentence_columns);

/// Output of the drug prefilter.
pub static CANDIDATES: Table = Table::new(
    "candidates",
    "One row per sentence that names at least two drugs (between operators).",
    candidate_columns,
);
