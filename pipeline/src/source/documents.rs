//! Rows of the `documents` table, from PubMed records and from articles.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Int32Builder, Int64Builder, ListArray, NullArray, StringBuilder, StructArray,
    new_null_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, FieldRef, Fields};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use rexdrug_jats::Excluded;
use rexdrug_pubmed::{AbstractSection, PubmedRecord};
use rexdrug_schemas::{DOCUMENTS, SourceRef};

use super::row::{DocumentRow, excluded};

/// Label of the title in `documents.sections`.
const TITLE: &str = "TITLE";

/// `text` as the only row of a `documents` batch, verbatim, for trying the operators on it.
///
/// # Errors
/// Only when the schema and the builder disagree.
pub fn text_document(text: &str) -> Result<RecordBatch, ArrowError> {
    let section = AbstractSection { text: text.to_owned(), ..AbstractSection::default() };
    let record = PubmedRecord { version: 1, sections: vec![section], ..PubmedRecord::default() };
    let source = SourceRef { source_file: "text".to_owned(), source_md5: String::new(), source_seq: 0 };
    let mut rows = DocumentRows::default();
    rows.push(&record);
    rows.finish(&source)
}

/// Rows of `documents` under construction.
#[derive(Default)]
pub struct DocumentRows {
    strings: Strings,
    pmid: Int64Builder,
    version: Int32Builder,
    vernacular: BooleanBuilder,
    section_start: Int32Builder,
    section_end: Int32Builder,
    sections: Vec<usize>,
    other_abstracts: Vec<usize>,
    publication_types: Vec<usize>,
    year: Int32Builder,
    retracted: BooleanBuilder,
    notice: BooleanBuilder,
    record: Int64Builder,
    corrected: BooleanBuilder,
    excluded: Vec<Option<Excluded>>,
    related: Vec<usize>,
    has_related: Vec<bool>,
    text: String,
    bytes: usize,
}

#[derive(Default)]
struct Strings {
    doc_id: StringBuilder,
    pmcid: StringBuilder,
    doi: StringBuilder,
    title: StringBuilder,
    text: StringBuilder,
    section_label: StringBuilder,
    section_category: StringBuilder,
    language: StringBuilder,
    other_language: StringBuilder,
    other_type: StringBuilder,
    other_text: StringBuilder,
    date: StringBuilder,
    journal: StringBuilder,
    publication_type: StringBuilder,
    licence: StringBuilder,
    member: StringBuilder,
    etag: StringBuilder,
    relation: StringBuilder,
    related_id: StringBuilder,
}

impl DocumentRows {
    /// Rows held.
    pub fn len(&self) -> usize {
        self.sections.len()
    }

    /// Whether no row is held.
    pub fn is_empty(&self) -> bool {
        self.sections.is_empty()
    }

    /// Bytes of text held; decides when to flush.
    pub fn text_bytes(&self) -> usize {
        self.bytes
    }

    /// Adds one record.
    pub fn push(&mut self, record: &PubmedRecord) {
        self.push_row(&DocumentRow::of_record(record));
    }

    /// Adds one document.
    pub(crate) fn push_row(&mut self, row: &DocumentRow<'_>) {
        self.strings.doc_id.append_value(&row.doc_id);
        self.pmid.append_option(row.pmid);
        self.version.append_value(row.version);
        self.strings.pmcid.append_option(row.pmcid);
        self.strings.doi.append_option(row.doi);
        self.strings.title.append_value(row.title);
        self.vernacular.append_value(row.title_is_vernacular);
        self.push_text(row);
        self.strings.language.append_option(row.language.as_deref());
        for (language, kind, text) in &row.other_abstracts {
            self.strings.other_language.append_option(*language);
            self.strings.other_type.append_option(*kind);
            self.strings.other_text.append_value(text);
            self.bytes += text.len();
        }
        self.other_abstracts.push(row.other_abstracts.len());
        self.year.append_option(row.pub_year);
        self.strings.date.append_option((!row.pub_date_raw.is_empty()).then_some(row.pub_date_raw));
        self.strings.journal.append_option((!row.journal.is_empty()).then_some(row.journal));
        for kind in &row.publication_types {
            self.strings.publication_type.append_value(kind);
        }
        self.publication_types.push(row.publication_types.len());
        self.retracted.append_value(row.is_retracted);
        self.notice.append_value(row.is_retraction_notice);
        self.strings.licence.append_option(row.licence.as_deref());
        self.record.append_value(row.record);
        self.strings.member.append_option(row.member);
        self.strings.etag.append_option(row.etag);
        self.corrected.append_option(row.is_corrected);
        self.excluded.push(row.excluded);
        for link in row.related.unwrap_or_default() {
            self.strings.relation.append_value(&link.relation);
            self.strings.related_id.append_option(link.id.as_deref());
        }
        self.related.push(row.related.map_or(0, <[_]>::len));
        self.has_related.push(row.related.is_some());
    }

    /// Title and sections joined by line feeds, with their spans in code points.
    fn push_text(&mut self, row: &DocumentRow<'_>) {
        let title = (Some(TITLE), None, row.title);
        self.text.clear();
        let (mut position, mut count) = (0i32, 0);
        let sections = std::iter::once(&title).chain(&row.sections);
        for (label, category, text) in sections.filter(|(.., text)| !text.is_empty()) {
            if count > 0 {
                self.text.push('\n');
                position += 1;
            }
            self.text.push_str(text);
            self.section_start.append_value(position);
            position += i32::try_from(text.chars().count()).unwrap_or(i32::MAX);
            self.section_end.append_value(position);
            self.strings.section_label.append_option(*label);
            self.strings.section_category.append_option(*category);
            count += 1;
        }
        self.sections.push(count);
        self.strings.text.append_value(&self.text);
        self.bytes += self.text.len();
    }

    /// The rows as a batch of [`DOCUMENTS`]; the builder is empty afterwards.
    ///
    /// # Errors
    /// Only when the schema and this builder disagree.
    pub fn finish(&mut self, source: &SourceRef) -> Result<RecordBatch, ArrowError> {
        let rows = self.len();
        let mut taken = std::mem::take(self);
        self.text = std::mem::take(&mut taken.text);
        let schema = DOCUMENTS.schema();
        let columns: Result<Vec<ArrayRef>, ArrowError> =
            schema.fields().iter().map(|field| taken.column(field, source, rows)).collect();
        RecordBatch::try_new(schema, columns?)
    }

    fn column(&mut self, field: &FieldRef, source: &SourceRef, rows: usize) -> Result<ArrayRef, ArrowError> {
        let constant = |value: &str| -> ArrayRef {
            let mut builder = StringBuilder::with_capacity(rows, rows * value.len());
            (0..rows).for_each(|_| builder.append_value(value));
            Arc::new(builder.finish())
        };
        Ok(match field.name().as_str() {
            "doc_id" => Arc::new(self.strings.doc_id.finish()),
            "pmid" => Arc::new(self.pmid.finish()),
            "pmcid" => Arc::new(self.strings.pmcid.finish()),
            "doi" => Arc::new(self.strings.doi.finish()),
            "version" => Arc::new(self.version.finish()),
            "title" => Arc::new(self.strings.title.finish()),
            "title_is_vernacular" => Arc::new(self.vernacular.finish()),
            "text" => Arc::new(self.strings.text.finish()),
            "sections" => {
                let arrays: Vec<ArrayRef> = vec![
                    Arc::new(self.strings.section_label.finish()),
                    Arc::new(self.strings.section_category.finish()),
                    Arc::new(self.section_start.finish()),
                    Arc::new(self.section_end.finish()),
                ];
                list_of_structs(field, arrays, &self.sections, None)?
            }
            "language" => Arc::new(self.strings.language.finish()),
            "other_abstracts" => {
                let arrays: Vec<ArrayRef> = vec![
                    Arc::new(self.strings.other_language.finish()),
                    Arc::new(self.strings.other_type.finish()),
                    Arc::new(self.strings.other_text.finish()),
                ];
                list_of_structs(field, arrays, &self.other_abstracts, None)?
            }
            "pub_year" => Arc::new(self.year.finish()),
            "pub_date_raw" => Arc::new(self.strings.date.finish()),
            "journal" => Arc::new(self.strings.journal.finish()),
            "publication_types" => {
                list(field, Arc::new(self.strings.publication_type.finish()), &self.publication_types, None)?
            }
            "is_retracted" => Arc::new(self.retracted.finish()),
            "is_retraction_notice" => Arc::new(self.notice.finish()),
            "licence" => Arc::new(self.strings.licence.finish()),
            "source_member" => Arc::new(self.strings.member.finish()),
            "source_etag" => Arc::new(self.strings.etag.finish()),
            "is_corrected" => Arc::new(self.corrected.finish()),
            "excluded" => excluded(field, &self.excluded)?,
            "related" => {
                let arrays: Vec<ArrayRef> =
                    vec![Arc::new(self.strings.relation.finish()), Arc::new(self.strings.related_id.finish())];
                let present = NullBuffer::from(std::mem::take(&mut self.has_related));
                list_of_structs(field, arrays, &self.related, Some(present))?
            }
            "source_file" => constant(&source.source_file),
            "source_md5" => constant(&source.source_md5),
            "source_seq" => Arc::new(arrow::array::Int64Array::from_value(source.source_seq, rows)),
            "source_record" => Arc::new(self.record.finish()),
            _ if field.is_nullable() => new_null_array(field.data_type(), rows),
            _ => Arc::new(NullArray::new(rows)),
        })
    }
}

fn list(
    field: &FieldRef,
    values: ArrayRef,
    lengths: &[usize],
    present: Option<NullBuffer>,
) -> Result<ArrayRef, ArrowError> {
    let DataType::List(item) = field.data_type() else {
        return Err(ArrowError::SchemaError(format!("column `{}` is not a list", field.name())));
    };
    let offsets = OffsetBuffer::from_lengths(lengths.iter().copied());
    Ok(Arc::new(ListArray::try_new(Arc::clone(item), offsets, values, present)?))
}

fn list_of_structs(
    field: &FieldRef,
    arrays: Vec<ArrayRef>,
    lengths: &[usize],
    present: Option<NullBuffer>,
) -> Result<ArrayRef, ArrowError> {
    let fields = match field.data_type() {
        DataType::List(item) => match item.data_type() {
            DataType::Struct(fields) => fields.clone(),
            _ => Fields::empty(),
        },
        _ => Fields::empty(),
    };
    list(field, Arc::new(StructArray::try_new(fields, arrays, None)?), lengths, present)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use arrow::array::{Array, AsArray};
    use arrow::datatypes::Int32Type;
    use rexdrug_jats::{Article, RelatedArticle};

    use super::*;

    fn record() -> PubmedRecord {
        let section = |label: Option<&str>, text: &str| AbstractSection {
            label: label.map(str::to_owned),
            nlm_category: None,
            text: text.to_owned(),
        };
        PubmedRecord {
            pmid: 7,
            version: 2,
            title: "α-interferon.".to_owned(),
            sections: vec![section(Some("METHODS"), "We gave β."), section(None, "End.")],
            publication_types: vec!["Journal Article".to_owned()],
            record: 3,
            ..PubmedRecord::default()
        }
    }

    #[test]
    fn links_of_articles_are_kept_in_order_and_null_for_abstracts() {
        let link =
            |id: Option<&str>| RelatedArticle { relation: "retracted-article".to_owned(), id: id.map(str::to_owned) };
        let related = vec![link(Some("10.1/x")), link(None)];
        let linked = Article { pmcid: Some("PMC1".to_owned()), related, ..Article::default() };
        let alone = Article { pmcid: Some("PMC2".to_owned()), ..Article::default() };
        let source = SourceRef { source_file: "f.pack".to_owned(), source_md5: "0".repeat(32), source_seq: 5 };
        let mut rows = DocumentRows::default();
        rows.push_row(&DocumentRow::of_article(&linked, "PMC1.xml", None, 1));
        rows.push(&record());
        rows.push_row(&DocumentRow::of_article(&alone, "PMC2.xml", None, 2));
        let batch = rows.finish(&source).unwrap();
        let column = batch.column_by_name("related").unwrap().as_list::<i32>();
        assert_eq!((0..3).map(|row| column.is_null(row)).collect::<Vec<_>>(), [false, true, false]);
        assert_eq!((0..3).map(|row| column.value_length(row)).collect::<Vec<_>>(), [2, 0, 0]);
        let links = column.value(0);
        let links = links.as_struct();
        let (relations, ids) = (links.column(0).as_string::<i32>(), links.column(1).as_string::<i32>());
        assert_eq!((relations.value(1), ids.value(0)), ("retracted-article", "10.1/x"));
        assert!(ids.is_null(1));
    }

    #[test]
    fn rows_of_tables_have_the_category_that_segmentation_looks_for() {
        assert_eq!(rexdrug_jats::SectionKind::Row.label(), rexdrug_schemas::TABLE_ROW);
    }

    #[test]
    fn sections_slice_the_text_by_code_points() {
        let source = SourceRef { source_file: "f.xml".to_owned(), source_md5: "0".repeat(32), source_seq: 5 };
        let mut rows = DocumentRows::default();
        rows.push(&record());
        rows.push(&PubmedRecord { pmid: 8, version: 1, record: 4, ..PubmedRecord::default() });
        let batch = rows.finish(&source).unwrap();
        assert!(rows.is_empty());
        assert_eq!(batch.num_rows(), 2);
        let text: Vec<char> = batch.column_by_name("text").unwrap().as_string::<i32>().value(0).chars().collect();
        let sections = batch.column_by_name("sections").unwrap().as_list::<i32>().value(0);
        let sections = sections.as_struct();
        let (start, end) =
            (sections.column(2).as_primitive::<Int32Type>(), sections.column(3).as_primitive::<Int32Type>());
        let slices: Vec<String> =
            (0..3).map(|row| text[start.value(row) as usize..end.value(row) as usize].iter().collect()).collect();
        assert_eq!(slices, ["α-interferon.", "We gave β.", "End."]);
        assert_eq!(batch.column_by_name("sections").unwrap().as_list::<i32>().value_length(1), 0);
    }
}
