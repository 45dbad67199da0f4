//! The rows of a table.

use rexdrug_pubmed::xml::{RejectReason, Tag};

use crate::cursor::{Cursor, too_deep};

/// Deepest nesting of row groups that is followed.
const MAX_GROUPS: usize = 8;

/// Rows of the `table` in `tag`, heading rows included.
pub(crate) fn rows<'a>(cursor: &mut Cursor<'a>, tag: &Tag<'a>) -> Result<Vec<Vec<String>>, RejectReason> {
    let mut rows = Vec::new();
    group(cursor, tag, 0, &mut rows)?;
    Ok(rows)
}

fn group<'a>(
    cursor: &mut Cursor<'a>,
    parent: &Tag<'a>,
    depth: usize,
    rows: &mut Vec<Vec<String>>,
) -> Result<(), RejectReason> {
    if depth > MAX_GROUPS {
        return Err(too_deep(parent));
    }
    while let Some(tag) = cursor.child(parent)? {
        match tag.name {
            "tr" => {
                let mut cells = Vec::new();
                while let Some(cell) = cursor.child(&tag)? {
                    cells.push(cursor.text(&cell)?);
                }
                rows.push(cells);
            }
            "thead" | "tbody" | "tfoot" => group(cursor, &tag, depth + 1, rows)?,
            _ => {
                cursor.skip(&tag)?;
            }
        }
    }
    Ok(())
}
