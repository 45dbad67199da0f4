//! Columns with their documentation, and tables made of them.

use std::sync::{Arc, OnceLock};

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};

/// One documented column.
#[derive(Debug, Clone)]
pub struct Column {
    /// Column name as readers see it.
    pub name: &'static str,
    /// Arrow type as stored.
    pub data_type: DataType,
    /// Whether null is allowed.
    pub nullable: bool,
    /// One sentence for the reference: meaning, unit, offset basis.
    pub doc: &'static str,
}

impl Column {
    /// A column that is never null.
    pub fn required(name: &'static str, data_type: DataType, doc: &'static str) -> Self {
        Self { name, data_type, nullable: false, doc }
    }

    /// A column that may be null.
    pub fn optional(name: &'static str, data_type: DataType, doc: &'static str) -> Self {
        Self { name, data_type, nullable: true, doc }
    }

    /// The Arrow field of this column.
    pub fn field(&self) -> Field {
        Field::new(self.name, self.data_type.clone(), self.nullable)
    }
}

/// A named, documented list of columns; built once, at first use.
#[derive(Debug)]
pub struct Table {
    /// Table name in the warehouse and in SQL.
    pub name: &'static str,
    /// What one row is.
    pub doc: &'static str,
    define: fn() -> Vec<Column>,
    columns: OnceLock<Vec<Column>>,
    schema: OnceLock<SchemaRef>,
}

impl Table {
    pub(crate) const fn new(name: &'static str, doc: &'static str, define: fn() -> Vec<Column>) -> Self {
        Self { name, doc, define, columns: OnceLock::new(), schema: OnceLock::new() }
    }

    /// The documented columns, in order.
    pub fn columns(&self) -> &[Column] {
        self.columns.get_or_init(self.define)
    }

    /// The Arrow schema.
    pub fn schema(&self) -> SchemaRef {
        let build = || Arc::new(Schema::new(self.columns().iter().map(Column::field).collect::<Fields>()));
        Arc::clone(self.schema.get_or_init(build))
    }
}

/// A list type whose items are never null; the item field is called `element`, as Delta and Parquet call it.
pub(crate) fn list_of(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("element", item, false)))
}

/// A struct type from `(name, type, nullable)`.
pub(crate) fn struct_of(fields: Vec<(&str, DataType, bool)>) -> DataType {
    DataType::Struct(fields.into_iter().map(|(name, kind, nullable)| Field::new(name, kind, nullable)).collect())
}
