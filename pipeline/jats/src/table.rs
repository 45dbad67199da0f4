//! Body rows of tables as lines: spans resolved, each cell under its headings.
//!
//! ```text
//! ┌────────┬───────────────┐
//! │        │   Response    │
//! │ Drugs  ├───────┬───────┤      Row 1  Drugs: A + B; Response, CR: 4; Response, PR: 9
//! │        │  CR   │  PR   │  ─▶  Row 2  Drugs: A + B; Response, CR: 2; Response, PR: 5
//! ├────────┼───────┼───────┤
//! │ A + B  │   4   │   9   │
//! │        │   2   │   5   │
//! └────────┴───────┴───────┘
//! ```
//!
//! XHTML tables and OASIS (CALS) ones. A cell over several rows is said in each of them, a cell over several columns once.
//! Headings are the rows of `thead`, or the first rows where all cells are `th`. A table beyond the limits is left out.

use std::rc::Rc;

use rexdrug_pubmed::xml::{RejectReason, Tag, attribute};

use crate::article::Section;
use crate::body::Walker;
use crate::cursor::{MAX_DEPTH, too_deep, value};
use crate::formula::local;
use crate::kind::SectionKind;
use crate::prose::Path;

/// Columns of a table; what stands further right makes the table one beyond the limits.
pub(crate) const MAX_COLUMNS: usize = 1000;

/// Places of a table: columns times rows, spans counted for what they cover.
const MAX_PLACES: usize = 1 << 20;

/// Bytes of all rows of one article.
pub(crate) const MAX_ROW_BYTES: usize = 8 << 20;

/// Which part of a table a row stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group {
    Head,
    Body,
    Foot,
}

/// A cell with its place.
#[derive(Debug, Clone)]
struct Cell {
    start: usize,
    columns: usize,
    /// Rows that it covers, the one that it stands in included.
    rows: usize,
    text: Rc<str>,
}

/// What a column is called: the headings above it, and a number that neighbours of the same name share.
#[derive(Debug, Clone, Default)]
struct Column {
    headings: Vec<Rc<str>>,
    name: usize,
}

/// A table under construction.
#[derive(Debug, Default)]
struct Grid {
    columns: Vec<Column>,
    /// Cells of earlier rows that reach into the next one, in the order of columns.
    open: Vec<Cell>,
    /// Names of OASIS columns and spans of them.
    names: Vec<(String, usize, usize)>,
    specified: usize,
    has_body: bool,
    rows: usize,
    places: usize,
    /// Number and text of the body rows that have any.
    lines: Vec<(usize, String)>,
    bytes: usize,
    is_beyond: bool,
}

impl Grid {
    /// Puts the cells of a row in their places, those of earlier rows among them.
    fn place(&mut self, cells: Vec<(Option<usize>, Cell)>) -> Vec<Cell> {
        let mut row = std::mem::take(&mut self.open);
        let mut column = 0;
        for (wanted, mut cell) in cells {
            cell.start = column.max(wanted.unwrap_or(0));
            // Past what earlier rows hold, and no further than the next of it.
            let before = row.partition_point(|taken| taken.start + taken.columns <= cell.start);
            for taken in row.iter().skip(before) {
                if taken.start > cell.start {
                    cell.columns = cell.columns.min(taken.start - cell.start);
                    break;
                }
                cell.start = taken.start + taken.columns;
            }
            column = cell.start + cell.columns;
            if column > MAX_COLUMNS {
                self.is_beyond = true;
                return Vec::new();
            }
            let at = row.partition_point(|taken| taken.start < cell.start);
            row.insert(at, cell);
        }
        self.places += 1 + row.iter().map(|cell| cell.columns).sum::<usize>();
        self.is_beyond |= self.places > MAX_PLACES;
        let next = row.iter().filter(|cell| cell.rows > 1);
        self.open = next.map(|cell| Cell { rows: cell.rows - 1, ..cell.clone() }).collect();
        row
    }

    fn heading(&mut self, row: &[Cell]) {
        for cell in row.iter().filter(|cell| !cell.text.is_empty()) {
            let end = cell.start + cell.columns;
            if self.columns.len() < end {
                self.columns.resize(end, Column::default());
            }
            for column in self.columns.get_mut(cell.start..end).unwrap_or_default() {
                // A cell over several heading rows is one heading.
                if !column.headings.last().is_some_and(|last| Rc::ptr_eq(last, &cell.text)) {
                    column.headings.push(Rc::clone(&cell.text));
                }
            }
        }
    }

    /// Gives neighbours with the same headings the same number.
    fn name_columns(&mut self) {
        let mut previous: Option<(usize, &[Rc<str>])> = None;
        for (number, column) in self.columns.iter_mut().enumerate() {
            let same = previous.filter(|(_, headings)| *headings == column.headings.as_slice());
            column.name = same.map_or(number, |(name, _)| name);
            previous = Some((column.name, &column.headings));
        }
    }

    /// The line of a body row; empty where no cell has text.
    fn line(&self, row: &[Cell], limit: usize) -> Option<String> {
        let mut line = String::new();
        for cell in row.iter().filter(|cell| !cell.text.is_empty()) {
            if !line.is_empty() {
                line.push_str("; ");
            }
            let from = line.len();
            // A cell over the whole table stands under no column.
            if cell.columns == 1 || cell.columns < self.columns.len() {
                let mut named = None;
                for column in self.columns.iter().skip(cell.start).take(cell.columns) {
                    if named.replace(column.name) == Some(column.name) {
                        continue;
                    }
                    for (level, heading) in column.headings.iter().enumerate() {
                        let between = if line.len() == from {
                            ""
                        } else if level == 0 {
                            " / "
                        } else {
                            ", "
                        };
                        line.push_str(between);
                        line.push_str(heading.trim_end_matches([':', ' ']));
                    }
                    if line.len() > limit {
                        return None;
                    }
                }
            }
            if line.len() > from {
                line.push_str(": ");
            }
            line.push_str(&cell.text);
            if line.len() > limit {
                return None;
            }
        }
        Some(line)
    }

    fn body(&mut self, row: &[Cell], limit: usize) {
        if !self.has_body {
            self.has_body = true;
            self.name_columns();
        }
        self.rows += 1;
        match self.line(row, limit.saturating_sub(self.bytes)) {
            Some(line) if line.is_empty() => {}
            Some(line) => {
                self.bytes += line.len();
                self.lines.push((self.rows, line));
            }
            None => self.is_beyond = true,
        }
    }

    /// First column and width of what an OASIS attribute names.
    fn named(&self, name: Option<&str>) -> Option<(usize, usize)> {
        let (_, start, columns) = self.names.iter().find(|(known, ..)| Some(known.as_str()) == name)?;
        Some((*start, *columns))
    }

    /// Remembers a `colspec` or `spanspec`.
    fn specify(&mut self, tag: &Tag<'_>) -> Result<(), RejectReason> {
        if self.names.len() >= MAX_COLUMNS {
            return Ok(());
        }
        if local(tag.name) == "colspec" {
            let number = attribute(tag, "colnum")?.and_then(|text| text.trim().parse::<usize>().ok());
            let start = number.map_or(self.specified, |number| number.saturating_sub(1)).min(MAX_COLUMNS);
            self.specified = start + 1;
            self.names.extend(value(tag, "colname")?.map(|name| (name, start, 1)));
        } else if let (Some(name), Some((start, columns))) = (value(tag, "spanname")?, self.span_of(tag)?) {
            self.names.push((name, start, columns));
        }
        Ok(())
    }

    /// What `namest` and `nameend` span.
    fn span_of(&self, tag: &Tag<'_>) -> Result<Option<(usize, usize)>, RejectReason> {
        let Some((start, _)) = self.named(attribute(tag, "namest")?) else { return Ok(None) };
        let end = self.named(attribute(tag, "nameend")?).map_or(start, |(end, _)| end);
        Ok(Some((start, end.saturating_sub(start) + 1)))
    }

    /// Place and size of a cell as its tag has them; what is no number is one.
    fn extent(&self, tag: &Tag<'_>) -> Result<(Option<usize>, Cell), RejectReason> {
        let number = |name| -> Result<Option<usize>, RejectReason> {
            Ok(attribute(tag, name)?.and_then(|text| text.trim().parse().ok()))
        };
        let mut span = self.named(attribute(tag, "spanname")?);
        span = span.or(self.span_of(tag)?).or(self.named(attribute(tag, "colname")?));
        let columns = number("colspan")?.or(span.map(|(_, columns)| columns)).unwrap_or(1).clamp(1, MAX_COLUMNS + 1);
        // A rowspan of 0 reaches to the end of its group.
        let rows = number("rowspan")?.map(|rows| if rows == 0 { usize::MAX } else { rows });
        let rows = rows.or(number("morerows")?.map(|more| more.saturating_add(1))).unwrap_or(1);
        Ok((span.map(|(start, _)| start), Cell { start: 0, columns, rows, text: Rc::from("") }))
    }
}

impl<'a> Walker<'_, 'a> {
    /// Reads the `table` in `tag` into a section for each body row, below `path` and numbered on from `rows`.
    pub(crate) fn table(
        &mut self,
        tag: &Tag<'a>,
        path: &Path,
        rows: &mut usize,
        depth: usize,
    ) -> Result<(), RejectReason> {
        self.prose.close(path);
        // Tables inside cells are left out.
        self.table_rows = false;
        let mut grid = Grid { rows: *rows, ..Grid::default() };
        let outcome = self.rows(tag, Group::Body, &mut grid, depth);
        self.table_rows = true;
        outcome?;
        *rows = grid.rows;
        if grid.is_beyond {
            self.article.excluded.tables += 1;
            return Ok(());
        }
        self.row_bytes += grid.bytes;
        let section = |(number, text)| Section {
            path: path.join(&format!("Row {number}"), SectionKind::Unassigned).text,
            kind: SectionKind::Row,
            text,
        };
        self.prose.sections.extend(grid.lines.into_iter().map(section));
        Ok(())
    }

    fn rows(&mut self, parent: &Tag<'a>, group: Group, grid: &mut Grid, depth: usize) -> Result<(), RejectReason> {
        if depth > MAX_DEPTH {
            return Err(too_deep(parent));
        }
        while let Some(tag) = self.cursor.child(parent)? {
            let inner = match local(tag.name) {
                "tr" | "row" => {
                    self.row(&tag, group, grid, depth + 1)?;
                    continue;
                }
                "colspec" | "spanspec" => {
                    grid.specify(&tag)?;
                    None
                }
                "thead" => Some(Group::Head),
                "tfoot" => Some(Group::Foot),
                "tbody" => Some(Group::Body),
                "tgroup" => {
                    *grid = Grid {
                        columns: Vec::new(),
                        names: Vec::new(),
                        specified: 0,
                        has_body: false,
                        ..std::mem::take(grid)
                    };
                    Some(Group::Body)
                }
                _ => None,
            };
            grid.open.clear();
            match inner {
                Some(group) => self.rows(&tag, group, grid, depth + 1)?,
                None => self.skip(&tag)?,
            }
            grid.open.clear();
        }
        Ok(())
    }

    fn row(&mut self, tag: &Tag<'a>, group: Group, grid: &mut Grid, depth: usize) -> Result<(), RejectReason> {
        if group == Group::Foot {
            self.article.excluded.footnotes += 1;
            return self.skip(tag);
        }
        let (mut cells, mut is_heading) = (Vec::new(), true);
        while let Some(part) = self.cursor.child(tag)? {
            match local(part.name) {
                name @ ("td" | "th" | "entry") => {
                    is_heading &= name == "th";
                    let (wanted, mut cell) = grid.extent(&part)?;
                    cell.text = self.line(&part, depth + 1)?.into();
                    cells.push((wanted, cell));
                }
                _ => self.skip(&part)?,
            }
        }
        if grid.is_beyond {
            return Ok(());
        }
        is_heading &= !cells.is_empty() && !grid.has_body;
        let row = grid.place(cells);
        match group {
            Group::Head if !grid.has_body => grid.heading(&row),
            _ if is_heading => grid.heading(&row),
            _ => grid.body(&row, MAX_ROW_BYTES.saturating_sub(self.row_bytes)),
        }
        Ok(())
    }
}
