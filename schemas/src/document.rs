//! The `documents` table.

use arrow::datatypes::DataType;

use crate::column::{Column, Table, list_of, struct_of};
use crate::provenance::{member_columns, source_columns};

/// Category of a section that is a row of a table, a line of `heading: cell; heading: cell`.
pub const TABLE_ROW: &str = "TABLE_ROW";

/// Type of `documents.sections`: spans of `text`, code points, in document order; the title is the first.
pub fn section_type() -> DataType {
    list_of(struct_of(vec![
        ("label", DataType::Utf8, true),
        ("nlm_category", DataType::Utf8, true),
        ("start", DataType::Int32, false),
        ("end", DataType::Int32, false),
    ]))
}

/// Type of `documents.excluded`: counts of what is not in `text`.
pub fn excluded_type() -> DataType {
    let kinds =
        ["references", "tables", "formulas", "supplementary", "marks", "footnotes", "back_matter", "sub_articles"];
    struct_of(kinds.map(|kind| (kind, DataType::Int32, false)).to_vec())
}

/// Type of `documents.related`: links to other articles, in document order.
pub fn related_type() -> DataType {
    list_of(struct_of(vec![("relation", DataType::Utf8, false), ("id", DataType::Utf8, true)]))
}

fn columns() -> Vec<Column> {
    let mut columns = vec![
        Column::required("doc_id", DataType::Utf8, "Stable id: `pmid:123` or `pmcid:PMC1`; one row per id."),
        Column::optional("pmid", DataType::Int64, "PubMed id."),
        Column::optional("pmcid", DataType::Utf8, "PMC id, e.g. `PMC1234`."),
        Column::optional("doi", DataType::Utf8, "DOI of the record itself, never of a cited reference."),
        Column::required("version", DataType::Int32, "PMID version; 1 unless the publisher versions the article."),
        Column::required("title", DataType::Utf8, "Title; the vernacular title where PubMed has no English one."),
        Column::required("title_is_vernacular", DataType::Boolean, "True when `title` is the vernacular title."),
        Column::required(
            "text",
            DataType::Utf8,
            "Title and sections joined by line feeds; every offset points into it.",
        ),
        Column::required(
            "sections",
            section_type(),
            "Spans of `text` in code points with their label and NlmCategory; the title is the first, labelled TITLE. Of \
             full text the label is the path of headings, `Methods > Patients`, the category what they announce; a row of a \
             table is a section, `Results > Table 2 > Row 5`, of category TABLE_ROW.",
        ),
        Column::optional(
            "language",
            DataType::Utf8,
            "Language of the article, ISO 639-2; several are joined by commas.",
        ),
        Column::required(
            "other_abstracts",
            list_of(struct_of(vec![
                ("language", DataType::Utf8, true),
                ("abstract_type", DataType::Utf8, true),
                ("text", DataType::Utf8, false),
            ])),
            "OtherAbstract elements; never part of `text`.",
        ),
        Column::optional("pub_year", DataType::Int32, "Leading year of the publication date."),
        Column::optional("pub_date_raw", DataType::Utf8, "Publication date as delivered, ranges included."),
        Column::optional("journal", DataType::Utf8, "Journal title."),
        Column::required("publication_types", list_of(DataType::Utf8), "PubMed publication types."),
        Column::required("is_retracted", DataType::Boolean, "True when the article was retracted."),
        Column::required(
            "is_retraction_notice",
            DataType::Boolean,
            "True when the record is itself the notice of a retraction.",
        ),
        Column::optional(
            "licence",
            DataType::Utf8,
            "Licence of the text where known (PMC): `cc-by-4.0`, `cc0`, `other`.",
        ),
    ];
    columns.extend(source_columns());
    columns.extend(member_columns());
    columns.extend([
        Column::optional(
            "is_corrected",
            DataType::Boolean,
            "True when a correction of the article is known; null where the source does not say.",
        ),
        Column::optional(
            "excluded",
            excluded_type(),
            "What full text was left out of `text`, by kind; null for abstracts.",
        ),
        Column::optional(
            "related",
            related_type(),
            "Articles that full text links to as corrected, retracted or commented on: the relation as the publisher wrote \
             it (`retracted-article`) and the DOI or PMID; null for abstracts.",
        ),
    ]);
    columns
}

/// One row per live document: the newest version, deletions applied.
pub static DOCUMENTS: Table =
    Table::new("documents", "One row per live document: the newest version of each, deletions applied.", columns);
