//! Drug names as they are compared, and sets of them.

use std::borrow::Cow;

/// White space as the published code splits on it: Unicode white space and the four ASCII information separators.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// Lower-cases a name, trims it and collapses inner white space to single spaces. Borrows when nothing changes.
pub fn normalize(name: &str) -> Cow<'_, str> {
    if is_normal_ascii(name) {
        return Cow::Borrowed(name);
    }
    if name.is_ascii() && has_single_spaces(name) {
        return Cow::Owned(name.to_ascii_lowercase());
    }
    let mut normal = String::with_capacity(name.len());
    // Lower-casing the whole string first keeps context rules such as the Greek final sigma.
    let lower = if name.is_ascii() { name.to_ascii_lowercase() } else { name.to_lowercase() };
    for word in lower.split(is_space).filter(|word| !word.is_empty()) {
        if !normal.is_empty() {
            normal.push(' ');
        }
        normal.push_str(word);
    }
    Cow::Owned(normal)
}

/// [`normalize`] for a name that may be owned already.
pub(crate) fn normalized(name: Cow<'_, str>) -> Cow<'_, str> {
    match name {
        Cow::Borrowed(name) => normalize(name),
        Cow::Owned(name) => Cow::Owned(normalize(&name).into_owned()),
    }
}

/// True for ASCII text that `normalize` would return unchanged.
fn is_normal_ascii(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) && has_single_spaces(name)
}

/// True when white space occurs only as single spaces between other characters.
fn has_single_spaces(name: &str) -> bool {
    let mut after_space = true;
    for &byte in name.as_bytes() {
        if byte < b' ' || byte == b' ' && after_space {
            return false;
        }
        after_space = byte == b' ';
    }
    !after_space || name.is_empty()
}

/// A set of normalised drug names, sorted, without repeats.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DrugSet<'a> {
    names: Vec<Cow<'a, str>>,
}

impl<'a> DrugSet<'a> {
    /// Normalises the names and keeps each once; what normalises to nothing is kept as an empty name, as published.
    pub fn new<S: AsRef<str> + ?Sized + 'a>(names: impl IntoIterator<Item = &'a S>) -> Self {
        let mut names: Vec<Cow<'a, str>> = names.into_iter().map(|name| normalize(name.as_ref())).collect();
        names.sort_unstable();
        names.dedup();
        Self { names }
    }

    /// Number of different names: the arity.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// True when there is no name.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The names in sorted order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| name.as_ref())
    }

    /// Whether a name, given in normalised form, is in the set.
    pub fn contains(&self, normal: &str) -> bool {
        self.names.binary_search_by(|name| name.as_ref().cmp(normal)).is_ok()
    }

    /// Number of names both sets hold.
    pub fn shared(&self, other: &DrugSet<'_>) -> usize {
        let (mut left, mut right) = (self.iter().peekable(), other.iter().peekable());
        let mut shared = 0;
        while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
            match a.cmp(b) {
                std::cmp::Ordering::Less => drop(left.next()),
                std::cmp::Ordering::Greater => drop(right.next()),
                std::cmp::Ordering::Equal => {
                    shared += 1;
                    left.next();
                    right.next();
                }
            }
        }
        shared
    }

    /// Jaccard similarity when at least two names are shared, else 0. Between 0 and 1.
    pub fn partial(&self, other: &DrugSet<'_>) -> f64 {
        overlap(self.shared(other), self.len(), other.len())
    }

    /// True when every name is in `other`.
    pub fn is_subset(&self, other: &DrugSet<'_>) -> bool {
        self.shared(other) == self.len()
    }

    /// A copy that does not borrow.
    pub fn into_owned(self) -> DrugSet<'static> {
        DrugSet { names: self.names.into_iter().map(|name| Cow::Owned(name.into_owned())).collect() }
    }
}

/// Jaccard similarity from counts when at least two elements are shared, else 0.
pub(crate) fn overlap(shared: usize, left: usize, right: usize) -> f64 {
    if shared < 2 { 0.0 } else { shared as f64 / (left + right - shared) as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalises_case_edges_and_inner_space() {
        for (raw, normal) in [
            ("", ""),
            ("   ", ""),
            ("cisplatin", "cisplatin"),
            (" Nab-Paclitaxel\t", "nab-paclitaxel"),
            ("all-trans  retinoic\n acid", "all-trans retinoic acid"),
            ("a b ", "a b"),
            ("INTERFERON\u{a0}ALPHA", "interferon alpha"),
            ("Β-LACTAM", "β-lactam"),
            ("x\u{1f}y", "x y"),
        ] {
            assert_eq!(normalize(raw), normal, "{raw:?}");
        }
        assert!(matches!(normalize("folinic acid"), Cow::Borrowed(_)));
    }

    #[test]
    fn sets_count_each_name_once() {
        let left = DrugSet::new(["Aspirin", " aspirin", "clopidogrel", "Heparin"]);
        let right = DrugSet::new(["heparin", "ASPIRIN"]);
        assert_eq!((left.len(), right.len(), left.shared(&right)), (3, 2, 2));
        assert_eq!(left.partial(&right), 2.0 / 3.0);
        assert!(right.is_subset(&left) && !left.is_subset(&right));
        assert!(left.contains("heparin") && !left.contains("Heparin"));
    }

    #[test]
    fn one_shared_name_is_no_overlap() {
        assert_eq!(DrugSet::new(["a", "b"]).partial(&DrugSet::new(["a", "c"])), 0.0);
        assert_eq!(DrugSet::new(["a"]).partial(&DrugSet::new(["a"])), 0.0);
    }
}
