//! Result sets as table, CSV, JSON or Parquet.

use std::collections::HashSet;
use std::fmt;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};
use arrow::array::ArrayRef;
use arrow::compute::cast;
use arrow::csv::WriterBuilder;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::json::WriterBuilder as JsonBuilder;
use arrow::json::writer::JsonArray;
use arrow::record_batch::RecordBatch;
use arrow::util::display::FormatOptions;
use clap::ValueEnum;
use parquet::arrow::ArrowWriter;

/// Form of a result set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// With a header; nested values as JSON.
    Csv,
    /// One array of objects.
    Json,
    /// One Parquet file.
    Parquet,
}

/// Writes `batches` to `out`.
///
/// # Errors
/// When `out` cannot be written, or a value has no form in `format`.
pub fn write(batches: &[RecordBatch], schema: SchemaRef, format: Format, out: &mut (dyn Write + Send)) -> Result<()> {
    match format {
        Format::Table => {
            let options = FormatOptions::default().with_null("");
            let empty = [RecordBatch::new_empty(schema)];
            let shown = if batches.is_empty() { &empty } else { batches };
            let table = arrow::util::pretty::pretty_format_batches_with_options(shown, &options)?;
            writeln!(out, "{table}")?;
        }
        Format::Csv => write_csv(batches, &schema, out)?,
        Format::Json => {
            one_name_each(&schema)?;
            let mut writer = JsonBuilder::new().with_explicit_nulls(true).build::<_, JsonArray>(&mut *out);
            writer.write_batches(&batches.iter().collect::<Vec<_>>()).context("cannot write JSON")?;
            writer.finish()?;
            writeln!(out)?;
        }
        Format::Parquet => {
            let mut writer = ArrowWriter::try_new(&mut *out, schema, None).context("cannot write Parquet")?;
            for batch in batches {
                writer.write(batch).context("cannot write Parquet")?;
            }
            writer.close()?;
        }
    }
    out.flush()?;
    Ok(())
}

/// An object has each key once: of two columns of one name a reader would see the last.
fn one_name_each(schema: &Schema) -> Result<()> {
    let mut seen = HashSet::new();
    match schema.fields().iter().find(|field| !seen.insert(field.name())) {
        None => Ok(()),
        Some(field) => {
            bail!("JSON: two columns are called `{0}`; name one of them otherwise, as in `{0} AS other`", field.name())
        }
    }
}

/// CSV has no nested values: lists and structs are written as their JSON.
fn write_csv(batches: &[RecordBatch], schema: &SchemaRef, out: &mut dyn Write) -> Result<()> {
    let flat: Vec<Field> = schema
        .fields()
        .iter()
        .map(|field| match field.data_type().is_nested() {
            true => Field::new(field.name(), DataType::Utf8, true),
            false => field.as_ref().clone(),
        })
        .collect();
    let flat = SchemaRef::new(Schema::new(flat));
    let mut writer = WriterBuilder::new().with_header(true).build(&mut *out);
    if batches.is_empty() {
        writer.write(&RecordBatch::new_empty(flat.clone()))?;
    }
    for batch in batches {
        let columns: Result<Vec<ArrayRef>> = batch
            .columns()
            .iter()
            .map(|column| match column.data_type() {
                kind if kind.is_nested() => nested_as_json(column),
                DataType::Utf8View => Ok(cast(column, &DataType::Utf8)?),
                _ => Ok(ArrayRef::clone(column)),
            })
            .collect();
        let columns = columns?;
        let fields: Vec<Field> = flat
            .fields()
            .iter()
            .zip(&columns)
            .map(|(field, column)| Field::new(field.name(), column.data_type().clone(), true))
            .collect();
        writer
            .write(&RecordBatch::try_new(SchemaRef::new(Schema::new(fields)), columns)?)
            .context("cannot write CSV")?;
    }
    Ok(())
}

fn nested_as_json(column: &ArrayRef) -> Result<ArrayRef> {
    let schema = SchemaRef::new(Schema::new(vec![Field::new("v", column.data_type().clone(), true)]));
    let batch = RecordBatch::try_new(schema, vec![ArrayRef::clone(column)])?;
    let mut lines = Vec::new();
    let mut writer = arrow::json::LineDelimitedWriter::new(&mut lines);
    writer.write(&batch).context("cannot write a nested value as JSON")?;
    writer.finish()?;
    let values = String::from_utf8(lines).context("JSON is UTF-8")?.lines().map(inner_json).collect::<Vec<_>>();
    Ok(std::sync::Arc::new(arrow::array::StringArray::from(values)))
}

/// `{"v":[1]}` → `[1]`; `{}` (a null) → none.
fn inner_json(line: &str) -> Option<String> {
    line.strip_prefix("{\"v\":").and_then(|rest| rest.strip_suffix('}')).map(str::to_owned)
}

/// Set when standard output failed for another reason than that its reader went away: a full disk must not pass for a
/// result.
static LOST: AtomicBool = AtomicBool::new(false);

/// Whether output was lost; the process then fails.
pub fn is_lost() -> bool {
    LOST.load(Ordering::Relaxed)
}

/// Writes a line to standard output. A reader that went away has seen what it wanted.
pub fn line(text: fmt::Arguments<'_>) {
    let written = writeln!(Reader(io::stdout()), "{text}");
    if let Err(error) = written
        && !LOST.swap(true, Ordering::Relaxed)
    {
        complain(format_args!("error: cannot write to standard output: {error}"));
    }
}

/// Writes a line to standard error, as well as it can.
pub fn complain(text: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// A writer whose reader may go away: what is written afterwards is dropped.
pub struct Reader<W>(W);

impl<W: Write> Write for Reader<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(bytes.len()),
            other => other,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0.flush() {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }
}

/// Standard output, buffered.
pub fn stdout() -> io::BufWriter<Reader<io::Stdout>> {
    io::BufWriter::new(Reader(io::stdout()))
}
