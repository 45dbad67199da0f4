//! What a lexicon is made of: entries, terms, the rules attached to terms, and the mentions found in a text.

use serde::{Deserialize, Serialize};

/// What an entry stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// One active ingredient.
    Drug,
    /// A named regimen of several drugs, such as `FOLFOX`.
    Regimen,
    /// A combination product, such as co-trimoxazole.
    Product,
    /// A class of drugs, such as `taxane`.
    Class,
    /// A name that is in no list but ends like an international non-proprietary name.
    Stem,
}

impl EntryKind {
    pub(crate) fn to_byte(self) -> u8 {
        match self {
            Self::Drug => 0,
            Self::Regimen => 1,
            Self::Product => 2,
            Self::Class => 3,
            Self::Stem => 4,
        }
    }

    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => Self::Drug,
            1 => Self::Regimen,
            2 => Self::Product,
            3 => Self::Class,
            _ => return None,
        })
    }

    /// Lower-case name, as written in tables and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Drug => "drug",
            Self::Regimen => "regimen",
            Self::Product => "product",
            Self::Class => "class",
            Self::Stem => "stem",
        }
    }
}

/// When a term counts as a mention.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TermRule {
    /// In any case.
    Any,
    /// Only with the letter case of the list.
    CaseSensitive,
    /// Only without lower-case letters (a plural `s` is allowed).
    UppercaseOnly,
    /// Only with another, unambiguous drug in the same sentence.
    Context,
    /// A short abbreviation: at least two capitals or digits.
    Abbreviation,
}

impl TermRule {
    pub(crate) fn to_byte(self) -> u8 {
        match self {
            Self::Any => 0,
            Self::CaseSensitive => 1,
            Self::UppercaseOnly => 2,
            Self::Context => 3,
            Self::Abbreviation => 4,
        }
    }

    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => Self::Any,
            1 => Self::CaseSensitive,
            2 => Self::UppercaseOnly,
            3 => Self::Context,
            4 => Self::Abbreviation,
            _ => return None,
        })
    }
}

/// Number of an entry in one lexicon, or of an INN stem for names that are in no list. Meaningless across lexicons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryId(pub(crate) u32);

const STEM_BIT: u32 = 1 << 31;

impl EntryId {
    pub(crate) fn stem(index: usize) -> Self {
        Self(STEM_BIT | (index as u32 & !STEM_BIT))
    }

    /// Whether this is an INN-stem hit; then id and name come from the surface (see `Lexicon::drug_id`).
    pub fn is_stem(self) -> bool {
        self.0 & STEM_BIT != 0
    }

    pub(crate) fn index(self) -> usize {
        (self.0 & !STEM_BIT) as usize
    }
}

/// One mention: `start..end` are byte offsets into the text given to `find_drugs`, on character boundaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DrugMention {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// The lexicon entry.
    pub entry: EntryId,
}

impl DrugMention {
    /// The text of the mention; empty when `text` is not the text it was found in.
    pub fn surface<'t>(&self, text: &'t str) -> &'t str {
        text.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) kind: EntryKind,
    pub(crate) source: u16,
    pub(crate) class: String,
    pub(crate) members: Vec<EntryId>,
    pub(crate) xrefs: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Term {
    /// Canonical form (see `fold`).
    pub(crate) canonical: String,
    /// As the source writes it; needed for case-sensitive terms and for `explain`.
    pub(crate) written: String,
    pub(crate) entry: EntryId,
    pub(crate) rule: TermRule,
    pub(crate) source: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stem {
    /// Lower-case ASCII letters, at least three.
    pub(crate) letters: String,
    pub(crate) is_prefix: bool,
    pub(crate) min_length: u16,
    /// Sorted lower-case words that end so without being drugs.
    pub(crate) exceptions: Vec<String>,
}
