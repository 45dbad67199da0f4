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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use std::path::{Path, PathBuf};

    use crate::{CANDIDATES, SCHEMA_VERSION, SENTENCES, Table, tables_markdown, warehouse_tables};

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    /// Compares `content` with the file; with `REXDRUG_BLESS=1` writes the file instead.
    fn check(path: &Path, content: &str) {
        if std::env::var_os("REXDRUG_BLESS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        let found = std::fs::read_to_string(path).unwrap_or_default();
        assert!(found == content, "{} is not current; run `make generate`", path.display());
    }

    #[test]
    fn generated_table_reference_is_current() {
        check(&root().join("docs/reference/tables.md"), &tables_markdown());
    }

    /// A changed golden file is a new layout: raise `SCHEMA_VERSION` and say in the changelog how old tables are read.
    #[test]
    fn generated_golden_schemas_are_current() {
        let folder = root().join(format!("schemas/golden/v{SCHEMA_VERSION}"));
        let between: [&Table; 2] = [&SENTENCES, &CANDIDATES];
        for table in warehouse_tables().into_iter().chain(between) {
            let fields: Vec<serde_json::Value> = table
                .schema()
                .fields()
                .iter()
                .map(|field| {
                    let kind = field.data_type().to_string();
                    serde_json::json!({ "name": field.name(), "type": kind, "nullable": field.is_nullable() })
                })
                .collect();
            let golden = serde_json::to_string_pretty(&fields).unwrap() + "\n";
            check(&folder.join(format!("{}.json", table.name)), &golden);
        }
    }

    #[test]
    fn every_column_is_documented() {
        for table in warehouse_tables() {
            for column in table.columns() {
                assert!(column.doc.ends_with('.'), "{}.{}", table.name, column.name);
            }
        }
    }
}
