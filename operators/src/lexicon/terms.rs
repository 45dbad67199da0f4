//! Which names become terms, under which rule, and in which further spellings.

use std::collections::{BTreeSet, HashMap};

use super::fold::canonical;
use super::model::TermRule;
use super::rules::is_marked_pair;
use super::sources::TermRole;
use super::words::{COMMON_WORDS, SPELLINGS};

/// Longest canonical form kept: systematic names beyond it never stand in running text.
const MAX_FORM_BYTES: usize = 120;

/// The ambiguity list and the common words.
pub(crate) struct Screen {
    /// Canonical form to rule (`None` drops) and the written form of the list.
    ambiguous: HashMap<String, (Option<TermRule>, String)>,
    common: BTreeSet<&'static str>,
}

impl Screen {
    pub(crate) fn new<'a>(ambiguous: impl Iterator<Item = &'a (String, Option<TermRule>)>) -> Self {
        let mut rules = HashMap::new();
        for (term, rule) in ambiguous {
            rules.entry(canonical(term)).or_insert_with(|| (*rule, term.clone()));
        }
        let lines = COMMON_WORDS.lines().filter(|line| !line.starts_with('#'));
        Self { ambiguous: rules, common: lines.flat_map(str::split_ascii_whitespace).collect() }
    }

    /// The rule of a term and its written form, or why it is left out.
    pub(crate) fn judge(
        &self,
        form: &str,
        written: &str,
        role: TermRole,
        curated: bool,
    ) -> Result<(TermRule, String), &'static str> {
        let size = form.bytes().filter(|b| *b != b' ').count();
        let letters = form.chars().filter(|c| c.is_alphabetic()).count();
        let is_abbreviation = curated && role == TermRole::Abbreviation;
        let is_marked = curated && is_marked_pair(written) && self.ambiguous.contains_key(form);
        if letters == 0 && !is_marked {
            return Err("no letter");
        }
        if size < 2 || (size < 3 && !is_abbreviation && !is_marked) {
            return Err("shorter than three characters");
        }
        if form.len() > MAX_FORM_BYTES {
            return Err("too long for running text");
        }
        match self.ambiguous.get(form) {
            Some((None, _)) => return Err("on the ambiguity list"),
            Some((Some(rule), listed)) => {
                let written = if *rule == TermRule::CaseSensitive { listed } else { written };
                return Ok((*rule, written.to_owned()));
            }
            None => {}
        }
        if !curated && self.common.contains(form) {
            return Err("common word");
        }
        let has_digit = form.bytes().any(|b| b.is_ascii_digit());
        let is_capitals = !written.chars().any(char::is_lowercase);
        let is_one_word = !form.contains(' ');
        let rule = if is_abbreviation && letters <= 4 && !has_digit && is_one_word {
            TermRule::Abbreviation
        } else if !curated && is_capitals && letters <= 5 && !has_digit {
            TermRule::UppercaseOnly
        } else if !curated && letters <= 3 && !has_digit && is_one_word {
            TermRule::Abbreviation
        } else {
            TermRule::Any
        };
        Ok((rule, written.to_owned()))
    }

    /// Whether a derived form (plural, other spelling) is neither listed as ambiguous nor a common word.
    pub(crate) fn allows_variant(&self, form: &str) -> bool {
        !self.ambiguous.contains_key(form) && !self.common.contains(form)
    }
}

/// The canonical form with a plural `s`, for short names that end in a word of four letters or more (three for
/// abbreviations: `TKIs`).
pub(crate) fn plural(form: &str) -> Option<String> {
    let last = form.rsplit(' ').next()?;
    let is_word = last.len() >= 3 && last.bytes().all(|b| b.is_ascii_lowercase());
    (is_word && !last.ends_with('s') && form.split(' ').count() <= 3).then(|| format!("{form}s"))
}

/// Other spellings of a canonical form by general rules: alfa and alpha, sulf and sulph, estr and oestr.
pub(crate) fn spelling_variants(form: &str) -> Vec<String> {
    if form.len() > 60 || !form.is_ascii() {
        return Vec::new();
    }
    let mut variants = Vec::new();
    for (first, second) in SPELLINGS {
        for (from, to) in [(first, second), (second, first)] {
            let atoms: Vec<String> = form
                .split(' ')
                .map(|atom| atom.strip_prefix(from).map_or_else(|| atom.to_owned(), |rest| format!("{to}{rest}")))
                .collect();
            let other = atoms.join(" ");
            if other != form {
                variants.push(other);
            }
        }
    }
    variants
}
