//! Which raised or glued text is a citation or footnote mark, and which belongs to the word before it.

/// Words for lengths, whose squares and cubes are written as they are.
const UNITS: [&str; 12] =
    ["meter", "meters", "metre", "metres", "foot", "feet", "inch", "inches", "yard", "yards", "mile", "miles"];

/// Bytes before a mark that are searched for an open bracket.
const BRACKET_REACH: usize = 160;

/// Whether an `xref` of this type points to a reference or a note.
pub(crate) fn is_note(ref_type: Option<&str>) -> bool {
    matches!(ref_type, Some("bibr" | "fn" | "table-fn" | "author-notes" | "corresp" | "aff"))
}

/// Whether `text` holds nothing but what stands between two marks.
pub(crate) fn is_separator(text: &str) -> bool {
    text.chars().all(|letter| matches!(letter, ' ' | ',' | ';' | '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{a0}'))
}

/// `12`, `3,4`, `5–8`: numbers of references.
pub(crate) fn is_number_list(text: &str) -> bool {
    let text = text.trim();
    text.starts_with(|first: char| first.is_ascii_digit())
        && text.ends_with(|last: char| last.is_ascii_digit())
        && text
            .split(|letter: char| is_separator(letter.encode_utf8(&mut [0; 4])))
            .all(|number| number.len() <= 3 && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A number list, a note's letter, or a symbol such as `*` or `†`.
pub(crate) fn is_mark(text: &str) -> bool {
    let text = text.trim();
    is_number_list(text)
        || text.chars().all(|letter| matches!(letter, '*' | '†' | '‡' | '§' | '¶' | '#' | '‖' | ',' | ' '))
        || text.chars().count() == 1
}

/// Whether a mark written right after `before` would read as part of it.
pub(crate) fn glues(before: &str) -> bool {
    match before.chars().next_back() {
        Some(last) if last.is_alphanumeric() => true,
        Some('.' | ',' | ';' | ':' | ')' | '"' | '”' | '’' | '%') => !in_bracket(before),
        _ => false,
    }
}

fn in_bracket(before: &str) -> bool {
    let from = before.floor_char_boundary(before.len().saturating_sub(BRACKET_REACH));
    let mut depth = 0i32;
    for byte in before.get(from..).unwrap_or_default().bytes() {
        match byte {
            b'[' | b'(' => depth += 1,
            b']' | b')' => depth = (depth - 1).max(0),
            _ => {}
        }
    }
    depth > 0
}

/// Whether a raised number list without any link is a citation mark: after a word of four small letters or more, or
/// after the punctuation that follows a word. `m2`, `10−9`, `Ca2+`, `R2` and `(kg/m)2` are not.
pub(crate) fn is_unlinked_citation(before: &str, text: &str) -> bool {
    if !is_number_list(text) {
        return false;
    }
    let is_power = matches!(text.trim(), "2" | "3");
    let last = before.chars().next_back();
    let (word, letters) = match last {
        Some(mark @ ('.' | ',' | ';' | ':' | ')' | '"' | '”' | '’')) => {
            if is_power && mark == ')' {
                return false;
            }
            (before.get(..before.len() - mark.len_utf8()).unwrap_or_default(), 2)
        }
        _ => (before, 4),
    };
    let small = word.chars().rev().take_while(|letter| letter.is_lowercase()).count();
    let is_unit = is_power && UNITS.iter().any(|unit| word.ends_with(unit));
    small >= letters && !is_unit
}
