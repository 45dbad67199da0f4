//! Every combination against its document: owner, offsets, arity, key and id.

use std::collections::BTreeSet;

use arrow::array::{Array, AsArray, Int32Array, RecordBatch, StringArray, StringViewArray, StructArray};
use arrow::datatypes::{DataType, Int32Type};
use futures::TryStreamExt;
use rexdrug_schemas::{combination_drug_type, combination_id, drug_key};

use super::super::error::{Result, WarehouseError};
use super::sql::{Session, longs, present, strings, views};
use super::{Findings, Unfinished};

const TABLE: &str = "combinations";

const QUERY: &str = "SELECT c.combination_id, c.doc_id, c.source_file, c.source_md5, c.source_record, c.sentence, \
    c.sentence_start, c.sentence_end, c.drug_key, c.arity, c.drugs, \
    d.doc_id, d.source_file, d.source_md5, d.source_record, d.text \
    FROM combinations c LEFT JOIN documents d ON c.doc_id = d.doc_id";

/// Streams the join; holds one batch.
pub(super) async fn check(session: &Session, unfinished: &Unfinished, findings: &mut Findings) -> Result<()> {
    if !session.can("combinations against documents", &["combinations", "documents"], findings) {
        return Ok(());
    }
    let failed = |error| WarehouseError::columns(TABLE, error);
    let frame = session.ctx.sql(QUERY).await.map_err(failed)?;
    let mut batches = frame.execute_stream().await.map_err(failed)?;
    while let Some(batch) = batches.try_next().await.map_err(failed)? {
        let batch = Batch::new(&batch)?;
        for row in 0..batch.ids.len() {
            if batch.check_owner(row, unfinished, findings) {
                batch.check_text(row, findings);
            }
            batch.check_set(row, findings);
        }
    }
    Ok(())
}

struct Batch {
    ids: StringArray,
    doc_ids: StringArray,
    owner: [StringArray; 2],
    record: arrow::array::Int64Array,
    sentence: StringViewArray,
    start: arrow::array::Int64Array,
    end: arrow::array::Int64Array,
    key: StringArray,
    arity: arrow::array::Int64Array,
    drugs: arrow::array::ListArray,
    document: StringArray,
    document_owner: [StringArray; 2],
    document_record: arrow::array::Int64Array,
    text: StringViewArray,
}

impl Batch {
    fn new(batch: &RecordBatch) -> Result<Self> {
        let text = |at| strings(TABLE, batch, at);
        let missing = || WarehouseError::columns(TABLE, "column `drugs` is missing");
        let drugs = arrow::compute::cast(batch.columns().get(10).ok_or_else(missing)?, &combination_drug_type())
            .map_err(|error| WarehouseError::columns(TABLE, error))?;
        Ok(Self {
            ids: text(0)?,
            doc_ids: text(1)?,
            owner: [text(2)?, text(3)?],
            record: longs(TABLE, batch, 4)?,
            sentence: views(TABLE, batch, 5)?,
            start: longs(TABLE, batch, 6)?,
            end: longs(TABLE, batch, 7)?,
            key: text(8)?,
            arity: longs(TABLE, batch, 9)?,
            drugs: drugs.as_list_opt::<i32>().cloned().ok_or_else(missing)?,
            document: text(11)?,
            document_owner: [text(12)?, text(13)?],
            document_record: longs(TABLE, batch, 14)?,
            text: views(TABLE, batch, 15)?,
        })
    }

    fn place(&self, row: usize) -> String {
        format!("{} of {} ({})", self.ids.value(row), self.doc_ids.value(row), self.owner[0].value(row))
    }

    /// True when the combination belongs to the live record of its document.
    fn check_owner(&self, row: usize, unfinished: &Unfinished, findings: &mut Findings) -> bool {
        let doc_id = self.doc_ids.value(row);
        let place = self.place(row);
        if !present(&self.document, row) {
            if unfinished.deletes(doc_id) {
                findings.unfinished("orphan_combination", TABLE, place, "a live document", "one that was deleted");
            } else {
                findings.broken("orphan_combination", TABLE, place, "a live document", "none");
            }
            return false;
        }
        let own = (self.owner[0].value(row), self.owner[1].value(row), self.record.value(row));
        let live =
            (self.document_owner[0].value(row), self.document_owner[1].value(row), self.document_record.value(row));
        if own == live {
            return true;
        }
        let expected = format!("record {} of {} md5 {}", live.2, live.0, live.1);
        let got = format!("record {} of {} md5 {}", own.2, own.0, own.1);
        if unfinished.has(live.0, live.1) {
            findings.unfinished("stale_combination", TABLE, place, expected, got);
        } else {
            findings.broken("stale_combination", TABLE, place, expected, got);
        }
        false
    }

    fn check_text(&self, row: usize, findings: &mut Findings) {
        let text = self.text.value(row);
        let (start, end) = (self.start.value(row), self.end.value(row));
        if slice(text, start, end) != Some(self.sentence.value(row)) {
            let got = format!("{:?} at {start}..{end}", slice(text, start, end).map(short));
            findings.broken("sentence_offset", TABLE, self.place(row), short(self.sentence.value(row)), got);
        }
        for member in self.members(row) {
            let (start, end) = (i64::from(member.start), i64::from(member.end));
            if slice(text, start, end) != Some(member.surface.as_str()) {
                let got = format!("{:?} at {start}..{end}", slice(text, start, end).map(short));
                findings.broken("surface_offset", TABLE, self.place(row), short(&member.surface), got);
            }
        }
    }

    fn check_set(&self, row: usize, findings: &mut Findings) {
        let members = self.members(row);
        let distinct: BTreeSet<&str> = members.iter().map(|member| member.drug_id.as_str()).collect();
        let arity = self.arity.value(row);
        if distinct.len() < 2 || distinct.len() as i64 != arity {
            let expected = format!("arity = {} distinct drugs, at least 2", distinct.len());
            findings.broken("arity", TABLE, self.place(row), expected, arity.to_string());
        }
        let key = drug_key(members.iter().map(|member| member.name.as_str()));
        if key != self.key.value(row) {
            findings.broken("drug_key", TABLE, self.place(row), key, self.key.value(row));
        }
        let spans: Vec<(i32, i32)> = members.iter().map(|member| (member.start, member.end)).collect();
        let sentence = (self.start.value(row), self.end.value(row));
        let sentence = (i32::try_from(sentence.0).unwrap_or(-1), i32::try_from(sentence.1).unwrap_or(-1));
        let id = combination_id(self.doc_ids.value(row), sentence, &spans);
        if id != self.ids.value(row) {
            findings.broken("combination_id", TABLE, self.place(row), id, self.ids.value(row));
        }
    }

    fn members(&self, row: usize) -> Vec<Member> {
        let list = self.drugs.value(row);
        list.as_struct_opt().map(members).unwrap_or_default()
    }
}

struct Member {
    drug_id: String,
    name: String,
    surface: String,
    start: i32,
    end: i32,
}

fn members(drugs: &StructArray) -> Vec<Member> {
    let text = |name: &str| -> Option<StringArray> {
        let column = arrow::compute::cast(drugs.column_by_name(name)?, &DataType::Utf8).ok()?;
        column.as_string_opt::<i32>().cloned()
    };
    let number = |name: &str| -> Option<&Int32Array> { drugs.column_by_name(name)?.as_primitive_opt::<Int32Type>() };
    let columns = (text("drug_id"), text("name"), text("surface"), number("start"), number("end"));
    let (Some(ids), Some(names), Some(surfaces), Some(starts), Some(ends)) = columns else { return Vec::new() };
    (0..drugs.len())
        .map(|row| Member {
            drug_id: ids.value(row).to_owned(),
            name: names.value(row).to_owned(),
            surface: surfaces.value(row).to_owned(),
            start: starts.value(row),
            end: ends.value(row),
        })
        .collect()
}

/// `text[start..end]` by code points; none when the range is not inside the text.
fn slice(text: &str, start: i64, end: i64) -> Option<&str> {
    let (start, end) = (usize::try_from(start).ok()?, usize::try_from(end).ok()?);
    if text.is_ascii() {
        return text.get(start..end);
    }
    let mut bytes = text.char_indices().map(|(at, _)| at).chain(std::iter::once(text.len()));
    let from = bytes.nth(start)?;
    let to = if end == start { from } else { bytes.nth(end.checked_sub(start)?.checked_sub(1)?)? };
    text.get(from..to)
}

fn short(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::slice;

    #[test]
    fn slices_by_code_points() {
        for (start, end, expected) in [
            (0, 2, Some("aé")),
            (1, 4, Some("é😀z")),
            (4, 4, Some("")),
            (2, 3, Some("😀")),
            (3, 5, None),
            (3, 2, None),
            (-1, 2, None),
        ] {
            assert_eq!(slice("aé😀z", start, end), expected, "{start}..{end}");
        }
        assert_eq!(slice("plain", 2, 5), Some("ain"));
        assert_eq!(slice("plain", 2, 6), None);
    }
}
