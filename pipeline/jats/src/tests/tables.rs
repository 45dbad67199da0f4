//! Rows of tables: golden tables of our own, a grid drawn in full as oracle, limits, and the real articles by their counts.

use std::collections::HashMap;

use proptest::prelude::*;

use super::article;
use super::differential::runs;
use super::real_data::{NAMES, shared};
use super::tree::{Node, flat, parse};
use crate::table::{MAX_COLUMNS, MAX_ROW_BYTES};
use crate::{Article, ArticleFault, ArticleReader, ReaderOptions, SectionKind};

fn read_rows(xml: &str) -> Result<Box<Article>, ArticleFault> {
    ArticleReader::new(ReaderOptions { table_rows: true, ..ReaderOptions::default() }).read(xml.as_bytes(), "t.nxml")
}

fn rows_of(article: &Article) -> Vec<(String, String)> {
    let rows = article.sections.iter().filter(|section| section.kind == SectionKind::Row);
    rows.map(|section| (section.path.clone(), section.text.clone())).collect()
}

/// Everything else, which is the same with and without rows; a section that rows interrupt is two.
fn paragraphs_of(article: &Article) -> Vec<(&str, SectionKind, &str)> {
    let rest = article.sections.iter().filter(|section| section.kind != SectionKind::Row);
    rest.flat_map(|section| section.text.lines().map(|line| (section.path.as_str(), section.kind, line))).collect()
}

/// The lines of one table.
fn lines(table: &str) -> Vec<String> {
    let body = format!("<body><table-wrap><label>Table 1</label>{table}</table-wrap></body>");
    rows_of(&read_rows(&article(&body)).unwrap()).into_iter().map(|(_, text)| text).collect()
}

#[test]
fn rows_follow_their_caption_and_say_table_and_number() {
    let body = "<body><sec><title>Results</title><p>See <table-wrap id=\"t\"><label>Table 2</label><caption><p>Doses.</p></caption>\
        <table><thead><tr><th>Drugs</th><th>Response: </th></tr></thead><tbody><tr><td>cisplatin + <italic>X</italic>-1</td>\
        <td>40<sup><xref ref-type=\"table-fn\">a</xref></sup></td></tr><tr><td/><td> </td></tr><tr><td>none</td></tr></tbody>\
        <tfoot><tr><td>of all</td></tr></tfoot></table>\
        <table-wrap-foot><fn><p>f</p></fn></table-wrap-foot></table-wrap> and on.</p></sec></body>";
    let found = read_rows(&article(body)).unwrap();
    let sections: Vec<(&str, SectionKind, &str)> =
        found.sections.iter().map(|section| (section.path.as_str(), section.kind, section.text.as_str())).collect();
    assert_eq!(
        sections,
        [
            ("Results", SectionKind::Results, "See and on."),
            ("Results > Table 2", SectionKind::Table, "Doses."),
            ("Results > Table 2 > Row 1", SectionKind::Row, "Drugs: cisplatin + X-1; Response: 40"),
            ("Results > Table 2 > Row 3", SectionKind::Row, "Drugs: none"),
        ]
    );
    assert_eq!((found.excluded.tables, found.excluded.footnotes, found.excluded.marks), (0, 2, 1));
    for (path, kind, _) in sections {
        assert_eq!(SectionKind::of_path(path), kind, "{path}");
    }
    let without = super::read(&article(body)).unwrap();
    assert_eq!((without.sections.len(), without.excluded.tables, without.excluded.footnotes), (2, 1, 1));
}

#[test]
fn spans_are_resolved() {
    for (table, expected) in [
        (
            "<table><thead><tr><th rowspan=\"2\">Drugs</th><th colspan=\"2\">Response</th></tr><tr><th>CR</th><th>PR</th></tr></thead>\
             <tbody><tr><td rowspan=\"2\">A + B</td><td>4</td><td>9</td></tr><tr><td>2</td><td>5</td></tr>\
             <tr><td colspan=\"3\">Second line</td></tr><tr><td>C</td><td colspan=\"2\">none</td></tr></tbody></table>",
            &[
                "Drugs: A + B; Response, CR: 4; Response, PR: 9",
                "Drugs: A + B; Response, CR: 2; Response, PR: 5",
                "Second line",
                "Drugs: C; Response, CR / Response, PR: none",
            ][..],
        ),
        // No headings; rows outside groups; a rowspan ends with its group, one of 0 goes to its end.
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", &["a; b", "c"]),
        (
            "<table><tbody><tr><td rowspan=\"0\">a</td><td rowspan=\"9\">b</td></tr><tr><td>c</td></tr></tbody><tbody><tr><td>d</td></tr></tbody></table>",
            &["a; b", "a; b; c", "d"],
        ),
        // Headings without `thead`, and row headings, which are cells.
        (
            "<table><tbody><tr><th>x</th><th>y</th></tr><tr><th>1</th><td>2</td></tr><tr><th>3</th><th>4</th></tr></tbody></table>",
            &["x: 1; y: 2", "x: 3; y: 4"],
        ),
        // A cell that would run into the one from above is cut.
        (
            "<table><tbody><tr><td>a</td><td rowspan=\"2\">b</td></tr><tr><td colspan=\"5\">c</td><td>d</td></tr></tbody></table>",
            &["a; b", "c; b; d"],
        ),
        (
            "<table><tbody><tr><td colspan=\"x\">a</td><td rowspan=\"-1\">b</td><td colspan=\"\">c</td></tr></tbody></table>",
            &["a; b; c"],
        ),
        // Paragraphs, lists and line breaks in a cell are one line; a table in a cell is left out.
        (
            "<table><tr><td><p>a</p><p>b<break/>c</p><list><list-item><p>d</p></list-item></list><table><tr><td>no</td></tr></table></td></tr></table>",
            &["a b c d"],
        ),
        // Two tables in one wrap; in `alternatives` the second is another form of the first.
        ("<table><tr><td>a</td></tr></table><table><tr><td>b</td></tr></table>", &["a", "b"]),
        (
            "<alternatives><graphic/><table><tr><td>a</td></tr></table><table><tr><td>b</td></tr></table></alternatives>",
            &["a"],
        ),
        (
            "<oasis:table xmlns:oasis=\"o\"><oasis:tgroup cols=\"3\"><oasis:colspec colname=\"c1\"/><oasis:colspec colname=\"c2\" colnum=\"2\"/>\
             <oasis:colspec colname=\"c3\"/><oasis:spanspec spanname=\"s\" namest=\"c1\" nameend=\"c2\"/>\
             <oasis:thead><oasis:row><oasis:entry>Drug</oasis:entry><oasis:entry namest=\"c2\" nameend=\"c3\">Dose</oasis:entry></oasis:row></oasis:thead>\
             <oasis:tbody><oasis:row><oasis:entry morerows=\"1\">A</oasis:entry><oasis:entry>1</oasis:entry><oasis:entry>2</oasis:entry></oasis:row>\
             <oasis:row><oasis:entry colname=\"c3\">4</oasis:entry></oasis:row><oasis:row><oasis:entry spanname=\"s\">B</oasis:entry></oasis:row>\
             </oasis:tbody></oasis:tgroup></oasis:table>",
            &["Drug: A; Dose: 1; Dose: 2", "Drug: A; Dose: 4", "Drug / Dose: B"],
        ),
    ] {
        assert_eq!(lines(table), expected, "{table}");
    }
}

#[test]
fn oasis_tables_are_left_out_like_others() {
    let table = "<oasis:table><oasis:tgroup><oasis:tbody><oasis:row><oasis:entry>5</oasis:entry></oasis:row></oasis:tbody></oasis:tgroup></oasis:table>";
    let xml = article(&format!("<body><table-wrap><label>Table 1</label>{table}</table-wrap></body>"));
    let found = super::read(&xml).unwrap();
    assert!(found.sections.is_empty());
    assert_eq!(found.excluded.tables, 1);
}

#[test]
fn tables_beyond_the_limits_are_left_out_whole_and_counted() {
    let wide = format!("<table><tr>{}</tr></table>", "<td>1</td>".repeat(MAX_COLUMNS + 1));
    let span = format!("<table><tr><td colspan=\"{}\">1</td></tr></table>", u64::MAX);
    // A few kilobytes that spans would make gigabytes of: a long cell in very many rows, a long heading over all columns.
    let tall = format!(
        "<table><tbody><tr><td rowspan=\"65534\">{}</td></tr>{}</tbody></table>",
        "long ".repeat(2000),
        "<tr/>".repeat(2000)
    );
    let heading = format!(
        "<table><thead><tr><th colspan=\"500\">{}</th></tr></thead><tbody>{}</tbody></table>",
        "long ".repeat(2000),
        format!("<tr>{}</tr>", "<td>1</td>".repeat(500)).repeat(10)
    );
    let places = format!("<table><tr><td rowspan=\"65534\" colspan=\"1000\"/></tr>{}</table>", "<tr/>".repeat(2000));
    let other = "<table><tr><td>kept</td></tr></table>";
    for table in [wide, span, tall, heading, places] {
        let body = format!("<body><table-wrap>{table}{other}</table-wrap></body>");
        let found = read_rows(&article(&body)).unwrap();
        let rows = rows_of(&found);
        assert_eq!((found.excluded.tables, rows.len()), (1, 1), "{}", &table[..table.len().min(80)]);
        assert_eq!(rows[0].1, "kept");
    }
    // Many tables, each within the limits, are bounded together.
    let one = format!("<table-wrap><table><tr><td>{}</td></tr></table></table-wrap>", "a".repeat(MAX_ROW_BYTES / 4));
    let found = read_rows(&article(&format!("<body>{}</body>", one.repeat(6)))).unwrap();
    assert_eq!((rows_of(&found).len(), found.excluded.tables), (4, 2));
}

#[test]
fn markup_in_tables_is_checked_where_rows_are_read() {
    let xml = article("<body><table-wrap><table><tr><td>1</tr></table></table-wrap></body>");
    assert!(super::read(&xml).is_ok());
    assert_eq!(read_rows(&xml).unwrap_err().code(), "malformed_markup");
    let nested = format!("<table>{}{}</table>", "<tbody>".repeat(400), "</tbody>".repeat(400));
    let xml = article(&format!("<body><table-wrap>{nested}</table-wrap></body>"));
    assert_eq!(read_rows(&xml).unwrap_err().code(), "too_deep");
}

/// The rows of a table as a reader of the page would fill in the grid: every square gets the cell that covers it.
fn drawn(table: &Node) -> Option<Vec<(usize, String)>> {
    let (mut headings, mut found, mut number): (Vec<Vec<(usize, String)>>, _, _) = (Vec::new(), Vec::new(), 0);
    let (_, children) = table.element()?;
    let mut groups: Vec<(&str, Vec<&Node>)> = Vec::new();
    for child in children {
        match child.element() {
            Some(("tr", _)) => match groups.last_mut() {
                Some(("", rows)) => rows.push(child),
                _ => groups.push(("", vec![child])),
            },
            Some((group, rows)) => groups.push((group, rows.iter().filter(|row| row.element().is_some()).collect())),
            None => {}
        }
    }
    let (mut has_body, mut id) = (false, 0);
    for (group, rows) in groups.into_iter().filter(|(group, _)| *group != "tfoot") {
        let mut squares: HashMap<(usize, usize), (usize, String)> = HashMap::new();
        for (y, row) in rows.iter().enumerate() {
            let cells: Vec<&Node> = row.element()?.1.iter().filter(|cell| cell.element().is_some()).collect();
            let mut x = 0;
            for cell in &cells {
                let number = |name: &str| cell.attribute(name).parse::<usize>().ok();
                let width = number("colspan").unwrap_or(1).max(1);
                let height = match number("rowspan") {
                    Some(0) => rows.len(),
                    Some(height) => height.min(rows.len()),
                    None => 1,
                };
                while squares.contains_key(&(y, x)) {
                    x += 1;
                }
                let from = x;
                while x - from < width && !squares.contains_key(&(y, x)) {
                    if x >= MAX_COLUMNS {
                        return None;
                    }
                    for below in y..(y + height).min(rows.len()) {
                        squares.insert((below, x), (id, flat(cell.element()?.1)));
                    }
                    x += 1;
                }
                id += 1;
            }
            let mut line: Vec<(usize, usize, String)> = Vec::new();
            for x in 0..MAX_COLUMNS {
                if let Some((id, text)) = squares.get(&(y, x)) {
                    line.push((x, *id, text.clone()));
                }
            }
            let all_th =
                !cells.is_empty() && cells.iter().all(|cell| cell.element().is_some_and(|(name, _)| name == "th"));
            if !has_body && (group == "thead" || all_th) {
                for (x, id, text) in line.into_iter().filter(|(_, _, text)| !text.is_empty()) {
                    headings.resize(headings.len().max(x + 1), Vec::new());
                    if headings[x].last().is_none_or(|(last, _)| *last != id) {
                        headings[x].push((id, text));
                    }
                }
                continue;
            }
            has_body = true;
            number += 1;
            let name = |x: usize| -> String {
                let texts = headings.get(x).map(|found| {
                    found.iter().map(|(_, text)| text.trim_end_matches([':', ' ']).to_owned()).collect::<Vec<_>>()
                });
                texts.unwrap_or_default().join(", ")
            };
            let plain = |x: usize| {
                headings
                    .get(x)
                    .map(|found| found.iter().map(|(_, text)| text.clone()).collect::<Vec<_>>())
                    .unwrap_or_default()
            };
            let mut parts = Vec::new();
            for cell in line.chunk_by(|left, right| left.1 == right.1 && left.0 + 1 == right.0) {
                if cell[0].2.is_empty() {
                    continue;
                }
                let mut names: Vec<String> = Vec::new();
                if cell.len() == 1 || cell.len() < headings.len() {
                    for (at, (x, ..)) in cell.iter().enumerate() {
                        if at == 0 || plain(*x) != plain(*x - 1) {
                            names.push(name(*x));
                        }
                    }
                }
                let names: Vec<String> = names.into_iter().filter(|name| !name.is_empty()).collect();
                let names = names.join(" / ");
                parts.push(if names.is_empty() { cell[0].2.clone() } else { format!("{names}: {}", cell[0].2) });
            }
            if !parts.is_empty() {
                found.push((number, parts.join("; ")));
            }
        }
    }
    Some(found)
}

fn span() -> impl Strategy<Value = String> {
    let number = prop_oneof![6 => (1_u32..5).prop_map(|n| n.to_string()), 1 => prop::sample::select(vec!["0", "-2", "x", "", "70000"]).prop_map(str::to_owned)];
    (prop::sample::select(vec!["colspan", "rowspan"]), number)
        .prop_map(|(name, number)| format!(" {name}=\"{number}\""))
}

/// Text of a cell: what becomes of markup in it is tested elsewhere, so a heading is never nothing but colons.
fn cell() -> impl Strategy<Value = String> {
    let text = prop_oneof![5 => "[a-zA-Z0-9+]{0,6}", 1 => runs().prop_map(|text| format!("{text}z"))];
    (prop::bool::weighted(0.2), prop::option::weighted(0.35, span()), text).prop_map(|(heading, span, text)| {
        let name = if heading { "th" } else { "td" };
        format!("<{name}{}>{text}</{name}>", span.unwrap_or_default())
    })
}

fn table_rows(most: usize) -> impl Strategy<Value = String> {
    let row = prop::collection::vec(cell(), 0..5).prop_map(|cells| format!("<tr>{}</tr>", cells.concat()));
    prop::collection::vec(row, 0..most).prop_map(|rows| rows.concat())
}

fn table() -> impl Strategy<Value = String> {
    let heads = prop::option::of(table_rows(3));
    (heads, prop::collection::vec((prop::bool::ANY, table_rows(5)), 0..3), prop::option::weighted(0.2, table_rows(2)))
        .prop_map(|(head, bodies, foot)| {
            let head = head.map(|rows| format!("<thead>{rows}</thead>")).unwrap_or_default();
            let body = |(grouped, rows)| if grouped { format!("<tbody>{rows}</tbody>") } else { rows };
            let bodies: String = bodies.into_iter().map(body).collect();
            let foot = foot.map(|rows| format!("<tfoot>{rows}</tfoot>")).unwrap_or_default();
            format!("<table>{head}{bodies}{foot}</table>")
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn generated_tables_read_as_the_drawn_grid(table in table()) {
        let xml = article(&format!("<body><p>Before.</p><table-wrap><label>Table 1</label>{table}</table-wrap><p>After.</p></body>"));
        let found = read_rows(&xml).unwrap();
        let expected = drawn(&parse(&table));
        prop_assert_eq!(found.excluded.tables, u32::from(expected.is_none()));
        let expected: Vec<(String, String)> = expected.unwrap_or_default().into_iter()
            .map(|(number, text)| (format!("Table 1 > Row {number}"), text)).collect();
        prop_assert_eq!(rows_of(&found), expected, "{}", table);
        for section in found.sections.iter().filter(|section| section.kind == SectionKind::Row) {
            prop_assert!(!section.text.contains('\n') && !section.text.contains("  ") && section.text.trim_matches(' ') == section.text);
        }
        let without = super::read(&xml).unwrap();
        prop_assert_eq!(paragraphs_of(&found), paragraphs_of(&without));
    }
}

/// Tables of the real articles with their body rows and cells that hold text, counted in the files with another parser.
#[test]
fn rows_of_real_articles_are_those_counted() {
    let expected: [&[(&str, usize)]; 4] = [
        &[("Table 1", 14), ("Table 2", 19), ("Table 3", 18)],
        &[("Table 1", 20), ("Table 2", 65)],
        &[("Table 1", 6), ("Table 2", 10), ("Table 3", 10), ("Table 4", 23), ("Table 5", 5)],
        &[("Table 1", 9), ("Table 2", 15), ("Table 3", 5)],
    ];
    for (name, expected) in NAMES.into_iter().zip(expected) {
        let Some(text) = shared(name) else { return };
        let found = read_rows(&text).unwrap();
        let rows = rows_of(&found);
        let mut tables: Vec<(&str, usize)> = Vec::new();
        for (path, line) in &rows {
            let table = path.rsplit(" > ").nth(1).unwrap();
            match tables.last_mut() {
                Some((last, count)) if *last == table => *count += 1,
                _ => tables.push((table, 1)),
            }
            assert!(!line.is_empty() && !line.contains("</") && !line.contains("  "), "{name} {path}");
        }
        assert_eq!(tables, expected, "{name}");
        assert_eq!(found.excluded.tables, 0, "{name}");
        let without = super::read(&text).unwrap();
        assert_eq!(paragraphs_of(&found), paragraphs_of(&without), "{name}");
    }
}
