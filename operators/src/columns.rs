//! Typed access to the columns of a batch, with errors that name the column.

use arrow::array::{Array, ArrayRef, AsArray, ListArray, PrimitiveArray, StringViewArray, StructArray};
use arrow::compute::cast;
use arrow::datatypes::{ArrowPrimitiveType, DataType, Schema};
use arrow::record_batch::RecordBatch;

use crate::OperatorError;

/// Fails with the list of what is missing unless `schema` has all of `required`.
pub(crate) fn require(operator: &'static str, schema: &Schema, required: &[&str]) -> Result<(), OperatorError> {
    let missing: Vec<String> =
        required.iter().filter(|name| schema.index_of(name).is_err()).map(|name| (*name).to_owned()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(OperatorError::MissingColumns {
        operator,
        expected: required.iter().map(|name| (*name).to_owned()).collect(),
        missing,
        found: schema.fields().iter().map(|field| field.name().clone()).collect(),
    })
}

fn wrong_type(column: &str, expected: &'static str, got: &DataType) -> OperatorError {
    OperatorError::ColumnType { column: column.to_owned(), expected, got: got.to_string() }
}

pub(crate) fn column<'b>(batch: &'b RecordBatch, name: &str) -> Result<&'b ArrayRef, OperatorError> {
    batch.column_by_name(name).ok_or_else(|| OperatorError::MissingColumns {
        operator: "an operator",
        expected: vec![name.to_owned()],
        missing: vec![name.to_owned()],
        found: batch.schema().fields().iter().map(|field| field.name().clone()).collect(),
    })
}

/// A string column as a view array; `Utf8` and `LargeUtf8` become views over the same buffers.
pub(crate) fn string_view(array: &ArrayRef, name: &str) -> Result<StringViewArray, OperatorError> {
    let views = match array.data_type() {
        DataType::Utf8View => array.as_string_view().clone(),
        DataType::Utf8 | DataType::LargeUtf8 => cast(array, &DataType::Utf8View)
            .map_err(|_| wrong_type(name, "a string", array.data_type()))?
            .as_string_view()
            .clone(),
        other => return Err(wrong_type(name, "a string", other)),
    };
    Ok(views)
}

pub(crate) fn primitive<'b, T: ArrowPrimitiveType>(
    array: &'b ArrayRef,
    name: &str,
    expected: &'static str,
) -> Result<&'b PrimitiveArray<T>, OperatorError> {
    array.as_primitive_opt::<T>().ok_or_else(|| wrong_type(name, expected, array.data_type()))
}

pub(crate) fn list<'b>(array: &'b ArrayRef, name: &str) -> Result<&'b ListArray, OperatorError> {
    array.as_list_opt::<i32>().ok_or_else(|| wrong_type(name, "a list", array.data_type()))
}

pub(crate) fn structure<'b>(array: &'b ArrayRef, name: &str) -> Result<&'b StructArray, OperatorError> {
    array.as_struct_opt().ok_or_else(|| wrong_type(name, "a struct", array.data_type()))
}

pub(crate) fn struct_field<'b>(array: &'b StructArray, name: &str) -> Result<&'b ArrayRef, OperatorError> {
    array.column_by_name(name).ok_or_else(|| wrong_type(name, "a struct with this field", array.data_type()))
}
