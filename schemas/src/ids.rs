//! Stable ids and keys.

use sha2::{Digest, Sha256};

/// `pmid:123`.
pub fn pmid_doc_id(pmid: i64) -> String {
    format!("pmid:{pmid}")
}

/// `pmcid:PMC123`, from an id with or without its `PMC` prefix.
pub fn pmcid_doc_id(pmcid: &str) -> String {
    let digits = pmcid.trim().trim_start_matches("PMC");
    format!("pmcid:PMC{digits}")
}

/// Id of a combination: 16 hex bytes over document, sentence span and sorted member spans (code points).
///
/// The effect is left out on purpose: a new model that changes its mind about the effect keeps the id.
pub fn combination_id(doc_id: &str, sentence: (i32, i32), members: &[(i32, i32)]) -> String {
    let mut spans = members.to_vec();
    spans.sort_unstable();
    let mut hash = Sha256::new();
    hash.update(doc_id.as_bytes());
    for (start, end) in std::iter::once(sentence).chain(spans) {
        hash.update(start.to_le_bytes());
        hash.update(end.to_le_bytes());
    }
    hex::encode(&hash.finalize()[..16])
}

/// Sorted, distinct, lower-cased names joined by `|`; white space inside a name collapses to one space.
pub fn drug_key<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut keys: Vec<String> =
        names.into_iter().map(|name| name.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    keys.sort_unstable();
    keys.dedup();
    keys.join("|")
}

/// Order among source files from a name such as `pubmed26n1335.xml.gz`: year × 1,000,000 + number.
///
/// The last `<digits>n<digits>` of the name counts; a two-digit year is taken as 20xx. Names without one order as 0.
pub fn source_sequence(file_name: &str) -> i64 {
    let bytes = file_name.as_bytes();
    let digits_before = |end: usize| bytes[..end].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let digits_after = |start: usize| bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let split =
        (0..bytes.len()).rev().find(|&at| bytes[at] == b'n' && digits_before(at) > 0 && digits_after(at + 1) > 0);
    let Some(at) = split else { return 0 };
    let number = |from: usize, to: usize| file_name.get(from..to).and_then(|text| text.parse::<i64>().ok());
    let (year_digits, number_digits) = (digits_before(at), digits_after(at + 1));
    match (number(at - year_digits, at), number(at + 1, at + 1 + number_digits)) {
        (Some(year), Some(number)) if year < 10_000 && number < 1_000_000 => {
            (if year < 100 { year + 2000 } else { year }) * 1_000_000 + number
        }
        _ => 0,
    }
}

/// The year of a source sequence: that of the baseline to which the file belongs; 0 for files of other names. Packages and
/// packs of articles are numbered by microseconds since the epoch, which no year reaches.
pub const fn source_year(sequence: i64) -> i64 {
    if sequence < 10_000_000_000 { sequence / 1_000_000 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_order_as_nlm_numbers_its_files() {
        for (name, expected) in [
            ("pubmed26n1335.xml.gz", 2_026_001_335),
            ("pubmed21n0001.xml.gz", 2_021_000_001),
            ("sample26n0003.xml", 2_026_000_003),
            ("drugcomb-train.xml.gz", 0),
            ("n12.xml", 0),
            ("99999999999999999999n1.xml", 0),
            ("", 0),
        ] {
            assert_eq!(source_sequence(name), expected, "{name}");
        }
        assert_eq!(source_year(source_sequence("pubmed26n1335.xml.gz")), 2026);
        assert_eq!(source_year(1_750_896_000_000_000), 0);
    }

    #[test]
    fn keys_and_ids_do_not_depend_on_order() {
        assert_eq!(drug_key(["Paclitaxel", "carboplatin ", "paclitaxel"]), "carboplatin|paclitaxel");
        let forward = combination_id("pmid:1", (0, 50), &[(3, 9), (20, 30)]);
        assert_eq!(forward, combination_id("pmid:1", (0, 50), &[(20, 30), (3, 9)]));
        assert_ne!(forward, combination_id("pmid:2", (0, 50), &[(3, 9), (20, 30)]));
        assert_eq!(forward.len(), 32);
        assert_eq!(pmcid_doc_id("123"), pmcid_doc_id("PMC123"));
    }
}
