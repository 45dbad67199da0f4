//! Document ids as sorted keys, and the test whether a file can hold any of them.

/// The number of `pmid:123`; none for other ids.
pub(crate) fn pmid_of(doc_id: &str) -> Option<i64> {
    doc_id.strip_prefix("pmid:").and_then(|digits| digits.parse().ok())
}

/// The same for ids that are written as this number is, of which there is one only: not for `pmid:007`.
fn plain_pmid(doc_id: &str) -> Option<i64> {
    let digits = doc_id.strip_prefix("pmid:")?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits.len() == 1 || !digits.starts_with('0'));
    if plain { digits.parse().ok() } else { None }
}

/// Smallest and largest keys of a file or row group; unknown sides match everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct KeyRange {
    /// Range of `pmid` among rows that have one.
    pub(crate) pmid: Option<(i64, i64)>,
    /// No row has a `pmid`.
    pub(crate) no_pmid: bool,
    /// Range of `doc_id`, by bytes.
    pub(crate) doc_id: Option<(String, String)>,
}

impl KeyRange {
    pub(crate) fn unknown() -> Self {
        Self::default()
    }
}

/// A set of document ids, sorted for range tests.
///
/// PubMed ids are tested as numbers: as strings, the first baseline file spans nearly every id (`pmid:1` to
/// `pmid:9999`). And they are kept as numbers only: the strings of a baseline file's 30,000 would take megabytes.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeySet {
    pmids: Vec<i64>,
    others: Vec<String>,
}

impl KeySet {
    pub(crate) fn new(ids: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let mut keys = Self::default();
        for id in ids {
            match plain_pmid(id.as_ref()) {
                Some(pmid) => keys.pmids.push(pmid),
                None => keys.others.push(id.as_ref().to_owned()),
            }
        }
        keys.pmids.sort_unstable();
        keys.pmids.dedup();
        keys.others.sort_unstable();
        keys.others.dedup();
        keys
    }

    pub(crate) fn contains(&self, doc_id: &str) -> bool {
        match plain_pmid(doc_id) {
            Some(pmid) => self.pmids.binary_search(&pmid).is_ok(),
            None => self.others.binary_search_by(|id| id.as_str().cmp(doc_id)).is_ok(),
        }
    }

    /// False only when no row of that range can have one of these ids.
    pub(crate) fn overlaps(&self, range: &KeyRange) -> bool {
        let pmids = !range.no_pmid
            && match &range.pmid {
                None => !self.pmids.is_empty(),
                Some((low, high)) => {
                    let at = self.pmids.partition_point(|pmid| pmid < low);
                    self.pmids.get(at).is_some_and(|pmid| pmid <= high)
                }
            };
        let others = match &range.doc_id {
            None => !self.others.is_empty(),
            Some((low, high)) => {
                let at = self.others.partition_point(|id| id < low);
                self.others.get(at).is_some_and(|id| id <= high)
            }
        };
        pmids || others
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges_without_statistics_match_everything_of_their_kind() {
        let keys = KeySet::new(["pmid:5"]);
        assert!(keys.overlaps(&KeyRange::unknown()));
        assert!(!keys.overlaps(&KeyRange { no_pmid: true, ..KeyRange::unknown() }));
        assert!(!KeySet::default().overlaps(&KeyRange::unknown()));
        let articles = KeySet::new(["pmcid:PMC7"]);
        assert!(articles.overlaps(&KeyRange { no_pmid: true, ..KeyRange::unknown() }));
        let elsewhere = Some(("pmid:1".to_owned(), "pmid:9".to_owned()));
        assert!(!articles.overlaps(&KeyRange { doc_id: elsewhere, ..KeyRange::unknown() }));
    }

    #[test]
    fn ids_that_stand_for_one_number_are_different_documents() {
        for id in ["pmid:7", "pmid:007", "pmid:+7", "pmid:", "pmid:-7", "pmid:99999999999999999999", "doi:10.1/7"] {
            let keys = KeySet::new([id, id]);
            for other in
                ["pmid:7", "pmid:007", "pmid:+7", "pmid:", "pmid:-7", "pmid:99999999999999999999", "doi:10.1/7"]
            {
                assert_eq!(keys.contains(other), id == other, "{other} in a set of {id}");
            }
            let all = KeyRange { doc_id: Some((id.to_owned(), id.to_owned())), ..KeyRange::unknown() };
            assert!(keys.overlaps(&all), "{id}");
        }
    }

    proptest! {
        #[test]
        fn overlap_is_exact_for_numbers(keys in prop::collection::vec(0_i64..60, 0..12), low in 0_i64..60, width in 0_i64..9) {
            let set = KeySet::new(keys.iter().map(|pmid| format!("pmid:{pmid}")));
            let range = KeyRange { pmid: Some((low, low + width)), no_pmid: false, doc_id: None };
            prop_assert_eq!(set.overlaps(&range), keys.iter().any(|pmid| (low..=low + width).contains(pmid)));
        }
    }
}
