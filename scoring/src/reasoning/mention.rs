//! Whole-word search of names in text, letter case and spacing ignored.

use std::borrow::Cow;

use crate::names::normalize;

/// A text prepared for searching.
#[derive(Clone, Debug)]
pub struct Searchable<'a> {
    normal: Cow<'a, str>,
}

impl<'a> Searchable<'a> {
    /// Normalises the text as names are normalised.
    pub fn new(text: &'a str) -> Self {
        Self { normal: normalize(text) }
    }

    /// Whether the name, in normalised form, stands in the text with no letter or digit touching it.
    pub fn mentions(&self, name: &str) -> bool {
        if name.is_empty() {
            return false;
        }
        let touches = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        self.normal.match_indices(name).any(|(at, found)| {
            let before = self.normal.get(..at).and_then(|text| text.chars().next_back());
            let after = self.normal.get(at + found.len()..).and_then(|text| text.chars().next());
            !touches(before) && !touches(after)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_whole_names_only() {
        let text = Searchable::new("Folinic  Acid plus 5-FU; interferon-α, not methotrexates.");
        for (name, expected) in [
            ("folinic acid", true),
            ("5-fu", true),
            ("interferon", true),
            ("interferon-α", true),
            ("methotrexate", false),
            ("acid plus", true),
            ("", false),
        ] {
            assert_eq!(text.mentions(name), expected, "{name}");
        }
    }

    #[test]
    fn a_later_whole_match_counts_after_a_partial_one() {
        assert!(Searchable::new("penicillins and penicillin").mentions("penicillin"));
    }
}
