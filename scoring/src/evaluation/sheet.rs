//! The expert kit: blinded sheets to rate traces, and what the ratings say.
//!
//! Every trace of every system gets a number; sheets show numbers, never systems. Each rater gets the same traces in an
//! order of their own. The key, a file apart, says which number is whose.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::agreement::{Distance, cohen, fleiss};
use crate::prf::MeanSd;

/// What is rated, each from 0 to [`BEST`].
pub const CRITERIA: [&str; 6] = ["format", "plausibility", "faithfulness", "consistency", "naturalness", "usefulness"];
/// The best rating.
pub const BEST: usize = 5;

/// A trace to rate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rated {
    /// Whose it is; goes into the key only.
    pub system: String,
    /// The item; goes into the key only.
    pub id: String,
    /// What the system saw.
    pub text: String,
    /// What it wrote.
    pub completion: String,
}

/// Sheets and key as rows with a head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kit {
    /// One sheet per rater.
    pub sheets: Vec<Vec<Vec<String>>>,
    /// Number, system and item.
    pub key: Vec<Vec<String>>,
}

/// Numbers the traces in a shuffled order and writes a sheet for each rater; the seed decides everything.
pub fn kit(traces: &[Rated], raters: usize, seed: u64) -> Kit {
    let mut random = Random(seed);
    let mut order: Vec<&Rated> = traces.iter().collect();
    random.shuffle(&mut order);
    let numbered: Vec<(String, &Rated)> =
        order.into_iter().enumerate().map(|(index, trace)| (format!("T{:04}", index + 1), trace)).collect();
    let head: Vec<String> =
        ["trace", "text", "completion"].into_iter().chain(CRITERIA).chain(["comment"]).map(str::to_owned).collect();
    let mut key = vec![["trace", "system", "id"].map(str::to_owned).to_vec()];
    key.extend(numbered.iter().map(|(number, of)| vec![number.clone(), of.system.clone(), of.id.clone()]));
    let sheets = (0..raters).map(|_| {
        let mut rows: Vec<Vec<String>> = numbered.iter().map(|(number, of)| row(number, of)).collect();
        random.shuffle(&mut rows);
        rows.insert(0, head.clone());
        rows
    });
    Kit { sheets: sheets.collect(), key }
}

fn row(number: &str, of: &Rated) -> Vec<String> {
    let mut cells = vec![number.to_owned(), cell(&of.text), cell(&of.completion)];
    cells.resize(cells.len() + CRITERIA.len() + 1, String::new());
    cells
}

/// Text that no spreadsheet takes for a formula.
fn cell(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

/// SplitMix64: small, and the same everywhere and always, so that a seed means one kit.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            // The remainder favours small values by less than one in 2^50 for any real number of traces.
            let other = (self.next() % (last as u64 + 1)) as usize;
            items.swap(last, other);
        }
    }
}

/// A filled sheet: ratings of one rater by trace, in the order of [`CRITERIA`]; none where a cell is empty.
pub type Ratings = BTreeMap<String, [Option<usize>; 6]>;

/// A sheet that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("row {row}: expected {expected}, got {got}; correct the sheet")]
pub struct SheetError {
    /// Row, counted from 1, the head included.
    pub row: usize,
    /// What would fit.
    pub expected: String,
    /// What stands there.
    pub got: String,
}

/// Reads the rows of a filled sheet, the head first. Columns are found by name, so raters may move or add some.
///
/// # Errors
/// [`SheetError`] for a missing column, a trace that is rated twice, or a rating that is no whole number from 0 to 5.
pub fn ratings(rows: &[Vec<String>]) -> Result<Ratings, SheetError> {
    let head = rows.first().map(Vec::as_slice).unwrap_or_default();
    let column = |name: &str| {
        let place = head.iter().position(|cell| cell.trim().trim_start_matches('\u{feff}').eq_ignore_ascii_case(name));
        place.ok_or_else(|| SheetError { row: 1, expected: format!("a column `{name}`"), got: head.join(", ") })
    };
    let (trace, mut columns) = (column("trace")?, [0; 6]);
    for (place, name) in columns.iter_mut().zip(CRITERIA) {
        *place = column(name)?;
    }
    let mut found = Ratings::new();
    for (index, row) in rows.iter().enumerate().skip(1) {
        let at = |place: usize| row.get(place).map_or("", |cell| cell.trim());
        if row.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        let mut given = [None; 6];
        for ((slot, place), name) in given.iter_mut().zip(columns).zip(CRITERIA) {
            *slot = match at(place) {
                "" => None,
                text => match text.parse::<usize>() {
                    Ok(rating) if rating <= BEST => Some(rating),
                    _ => {
                        let expected = format!("a whole number from 0 to {BEST} under `{name}`");
                        return Err(SheetError { row: index + 1, expected, got: text.to_owned() });
                    }
                },
            };
        }
        let name = at(trace);
        if name.is_empty() || found.insert(name.to_owned(), given).is_some() {
            let expected = "the number of a trace, each once".to_owned();
            return Err(SheetError { row: index + 1, expected, got: format!("`{name}`") });
        }
    }
    Ok(found)
}

/// What filled sheets say: agreement per criterion, and means per system where the key (trace to system) is given.
pub fn summary(raters: &[(String, Ratings)], key: Option<&BTreeMap<String, String>>) -> Value {
    let criteria: Map<String, Value> =
        CRITERIA.iter().enumerate().map(|(place, name)| ((*name).to_owned(), criterion(raters, place))).collect();
    let systems = key.map(|key| {
        let mut names: Vec<&String> = key.values().collect();
        names.sort_unstable();
        names.dedup();
        names.into_iter().map(|name| (name.clone(), system(raters, key, name))).collect::<Map<_, _>>()
    });
    json!({
        "raters": raters.iter().map(|(name, ratings)| json!({"name": name, "traces": ratings.len()})).collect::<Vec<_>>(),
        "criteria": criteria,
        "systems": systems,
    })
}

/// Traces that all of the given raters rated under a criterion.
fn common(raters: &[&Ratings], place: usize) -> Vec<Vec<usize>> {
    let Some((first, others)) = raters.split_first() else { return Vec::new() };
    let of =
        |ratings: &Ratings, trace: &String| ratings.get(trace).and_then(|given| given.get(place).copied().flatten());
    let all = |trace: &String| -> Option<Vec<usize>> {
        std::iter::once(of(first, trace)).chain(others.iter().map(|ratings| of(ratings, trace))).collect()
    };
    first.keys().filter_map(all).collect()
}

fn criterion(raters: &[(String, Ratings)], place: usize) -> Value {
    let all: Vec<&Ratings> = raters.iter().map(|(_, ratings)| ratings).collect();
    let rated = common(&all, place);
    let mut pairs = Vec::new();
    for (index, (name, ratings)) in raters.iter().enumerate() {
        for (other_name, other) in raters.iter().skip(index + 1) {
            let rated = common(&[ratings, other], place);
            let side = |at: usize| rated.iter().filter_map(|both| both.get(at).copied()).collect::<Vec<usize>>();
            let kappa = |distance| cohen(&side(0), &side(1), BEST + 1, distance);
            pairs.push(json!({
                "raters": [name, other_name], "traces": rated.len(), "cohen": kappa(Distance::Nominal),
                "cohen_linear": kappa(Distance::Linear), "cohen_quadratic": kappa(Distance::Quadratic),
            }));
        }
    }
    json!({"traces": rated.len(), "fleiss": fleiss(&rated, BEST + 1), "pairs": pairs})
}

fn system(raters: &[(String, Ratings)], key: &BTreeMap<String, String>, name: &str) -> Value {
    let mean = |place: usize| {
        let given = raters.iter().flat_map(|(_, ratings)| ratings.iter());
        let ours = given.filter(|(trace, _)| key.get(*trace).is_some_and(|of| of == name));
        let values: Vec<f64> =
            ours.filter_map(|(_, given)| given.get(place).copied().flatten()).map(|rating| rating as f64).collect();
        json!(MeanSd::of(&values))
    };
    CRITERIA.iter().enumerate().map(|(place, name)| ((*name).to_owned(), mean(place))).collect::<Map<_, _>>().into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn traces() -> Vec<Rated> {
        let trace = |system: &str, id: &str| Rated {
            system: system.to_owned(),
            id: id.to_owned(),
            text: format!("text of {id}"),
            completion: "=cmd()".to_owned(),
        };
        ["a", "b", "c", "d"].iter().flat_map(|id| [trace("one", id), trace("two", id)]).collect()
    }

    #[test]
    fn sheets_are_blind_and_a_seed_is_one_kit() {
        let kit = kit(&traces(), 2, 7);
        assert_eq!(kit, super::kit(&traces(), 2, 7));
        assert_ne!(kit.key, super::kit(&traces(), 2, 8).key);
        assert_ne!(kit.sheets[0], kit.sheets[1], "an order each");
        for sheet in &kit.sheets {
            assert_eq!(sheet.len(), 9);
            let text = format!("{sheet:?}");
            assert!(!text.contains("one") && !text.contains("two"));
            assert!(text.contains("\"'=cmd()\""), "no formula");
            let mut numbers: Vec<&String> = sheet[1..].iter().map(|row| &row[0]).collect();
            numbers.sort_unstable();
            assert_eq!(numbers, kit.key[1..].iter().map(|row| &row[0]).collect::<Vec<_>>());
        }
        let mut pairs: Vec<(String, String)> =
            kit.key[1..].iter().map(|row| (row[1].clone(), row[2].clone())).collect();
        pairs.sort_unstable();
        assert_eq!(pairs.len(), 8);
        pairs.dedup();
        assert_eq!(pairs.len(), 8, "every trace once");
    }

    fn filled(values: &[(&str, &str)]) -> Vec<Vec<String>> {
        let mut rows = vec![["comment", "Trace"].into_iter().chain(CRITERIA).map(str::to_owned).collect::<Vec<_>>()];
        rows.extend(values.iter().map(|(trace, rating)| {
            let mut row = vec![String::new(), (*trace).to_owned()];
            row.extend(std::iter::repeat_n((*rating).to_owned(), 6));
            row
        }));
        rows
    }

    #[test]
    fn ratings_come_back_with_their_agreement() {
        // As in the hand-made example of `agreement`, on a scale of six: same distances in steps.
        let a = ratings(&filled(&[("T1", "0"), ("T2", "1"), ("T3", "2"), ("T4", "2"), ("T5", "5")])).unwrap();
        let b = ratings(&filled(&[("T1", "0"), ("T2", "2"), ("T3", "2"), ("T4", "1"), ("T5", " ")])).unwrap();
        let key = [("T1", "x"), ("T2", "x"), ("T3", "y"), ("T4", "y")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        let found = summary(&[("a".into(), a), ("b".into(), b)], Some(&key.into()));
        let format = &found["criteria"]["format"];
        assert_eq!(format["traces"], 4, "T5 was rated by one");
        assert!((format["pairs"][0]["cohen"].as_f64().unwrap() - 0.2).abs() < 1e-12);
        assert!((format["pairs"][0]["cohen_quadratic"].as_f64().unwrap() - 7.0 / 11.0).abs() < 1e-12);
        assert!(format["fleiss"].is_number());
        assert_eq!(found["systems"]["x"]["usefulness"]["mean"], 0.75);
        assert_eq!(found["systems"]["y"]["usefulness"]["n"], 4);
    }

    #[test]
    fn a_wrong_cell_is_named() {
        let message = |rows: &[Vec<String>]| ratings(rows).unwrap_err().to_string();
        assert!(
            message(&filled(&[("T1", "6")]))
                .contains("row 2: expected a whole number from 0 to 5 under `format`, got 6")
        );
        assert!(message(&filled(&[("T1", "1"), ("T1", "1")])).contains("row 3: expected the number of a trace"));
        assert!(message(&[vec!["trace".into()]]).contains("a column `format`"));
        assert!(ratings(&filled(&[])).unwrap().is_empty());
    }
}
