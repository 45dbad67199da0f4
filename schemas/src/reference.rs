//! The table reference, generated from the schemas.

use std::fmt::Write as _;

use arrow::datatypes::DataType;

use crate::warehouse_tables;

fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 | DataType::Utf8View => "string".to_owned(),
        DataType::Int32 => "int".to_owned(),
        DataType::Int64 => "long".to_owned(),
        DataType::Float32 => "float".to_owned(),
        DataType::Float64 => "double".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Timestamp(..) => "timestamp (UTC, µs)".to_owned(),
        DataType::List(item) => format!("list<{}>", type_name(item.data_type())),
        DataType::Struct(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|field| format!("{}: {}", field.name(), type_name(field.data_type()))).collect();
            format!("struct<{}>", fields.join(", "))
        }
        other => other.to_string(),
    }
}

/// Markdown of `docs/reference/tables.md`: every table, column, type and meaning.
pub fn tables_markdown() -> String {
    let mut page = String::from(
        "# Tables\n\nGenerated from `schemas/` by `make generate`; do not edit.\n\n\
         A warehouse is one root URI that holds these Delta tables. Offsets are Unicode code points, half-open.\n",
    );
    for table in warehouse_tables() {
        let _ = write!(
            page,
            "\n## {}\n\n{}\n\n| column | type | null | meaning |\n|---|---|---|---|\n",
            table.name, table.doc
        );
        for column in table.columns() {
            let null = if column.nullable { "yes" } else { "" };
            let _ =
                writeln!(page, "| `{}` | {} | {null} | {} |", column.name, type_name(&column.data_type), column.doc);
        }
    }
    page
}
