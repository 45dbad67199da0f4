//! Drug mentions as nested columns.

use arrow::datatypes::DataType;

use crate::column::{list_of, struct_of};

/// Type of the `mentions` column between prefilter and extraction: one item per mention, in text order.
/// `start` and `end` are code points from the start of the *sentence*.
pub fn mention_type() -> DataType {
    list_of(struct_of(vec![
        ("start", DataType::Int32, false),
        ("end", DataType::Int32, false),
        ("surface", DataType::Utf8, false),
        ("drug_id", DataType::Utf8, false),
        ("name", DataType::Utf8, false),
        ("kind", DataType::Utf8, false),
    ]))
}

/// Type of `combinations.drugs`: one item per drug of the set, in text order.
/// `start` and `end` are code points into `documents.text`; `surface` is exactly that slice.
pub fn combination_drug_type() -> DataType {
    list_of(struct_of(vec![
        ("drug_id", DataType::Utf8, false),
        ("name", DataType::Utf8, false),
        ("surface", DataType::Utf8, false),
        ("start", DataType::Int32, false),
        ("end", DataType::Int32, false),
    ]))
}
