//! The text policy: markup vanishes, references are decoded, runs of ASCII white space become one space, and nothing
//! else changes.

use super::fault::RejectReason;

/// Bytes judged at a time; a fixed width lets the compiler use vector instructions.
const LANE: usize = 32;

/// Appends text in which references are still encoded. `offset` is the text's byte offset in the record.
///
/// # Errors
/// On a malformed reference, a reference to a code point outside XML's range, or a raw control character.
pub fn push_text(out: &mut String, text: &str, offset: usize) -> Result<(), RejectReason> {
    push(out, text, offset, true)
}

/// Appends the inside of a CDATA section, where `&` is just a character.
///
/// # Errors
/// On a raw control character.
pub fn push_literal(out: &mut String, text: &str, offset: usize) -> Result<(), RejectReason> {
    push(out, text, offset, false)
}

/// Removes the space that collapsed white space may have left at the end.
pub fn finish(out: &mut String) {
    if out.ends_with(' ') {
        out.pop();
    }
}

fn push(out: &mut String, text: &str, offset: usize, decode: bool) -> Result<(), RejectReason> {
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if out.is_empty() || out.ends_with(' ') {
            let trimmed = rest.trim_start_matches([' ', '\n', '\t', '\r']);
            if trimmed.len() < rest.len() {
                at += rest.len() - trimmed.len();
                continue;
            }
        }
        let clean = clean_length(rest.as_bytes());
        out.push_str(rest.get(..clean).unwrap_or_default());
        at += clean;
        let here = (offset + at) as u64;
        match rest.as_bytes().get(clean) {
            None => {}
            Some(b'&') if decode => at += push_reference(out, rest.get(clean..).unwrap_or_default(), here)?,
            Some(b'&') => {
                out.push('&');
                at += 1;
            }
            Some(b' ' | b'\n' | b'\t' | b'\r') => {
                push_space(out);
                at += 1;
            }
            Some(_) => return Err(RejectReason::InvalidCharacter { offset: here }),
        }
    }
    Ok(())
}

fn push_space(out: &mut String) {
    if !out.is_empty() && !out.ends_with(' ') {
        out.push(' ');
    }
}

/// Length of the prefix that can be copied as it is: no `&`, no control character, no second space in a row.
fn clean_length(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let (Some(lane), Some(next)) = (bytes.get(at..at + LANE), bytes.get(at + 1..at + 1 + LANE)) {
        let mut dirty = false;
        for (&byte, &following) in lane.iter().zip(next) {
            dirty |= (byte < b' ') | (byte == b'&') | ((byte == b' ') & (following == b' '));
        }
        if dirty {
            break;
        }
        at += LANE;
    }
    while let Some(&byte) = bytes.get(at) {
        if byte < b' ' || byte == b'&' {
            return at;
        }
        at += 1;
        if byte == b' ' && bytes.get(at) == Some(&b' ') {
            return at;
        }
    }
    at
}

/// Appends the reference that `text` starts with and returns its length. An entity that XML does not predefine stays as
/// it is written: no declaration is read, so none can be expanded.
fn push_reference(out: &mut String, text: &str, offset: u64) -> Result<usize, RejectReason> {
    let malformed = RejectReason::MalformedReference { offset };
    let inside = text.get(1..).unwrap_or_default();
    let end = inside.bytes().position(|byte| !is_reference_byte(byte)).ok_or(malformed)?;
    let name = inside.get(..end).unwrap_or_default();
    if name.is_empty() || inside.as_bytes().get(end) != Some(&b';') {
        return Err(malformed);
    }
    let length = end + 2;
    match name {
        "amp" => out.push('&'),
        "lt" => out.push('<'),
        "gt" => out.push('>'),
        "quot" => out.push('"'),
        "apos" => out.push('\''),
        _ => match name.strip_prefix('#') {
            Some(number) => match decode_number(number, offset)? {
                ' ' | '\n' | '\t' | '\r' => push_space(out),
                character => out.push(character),
            },
            None => out.push_str(text.get(..length).unwrap_or_default()),
        },
    }
    Ok(length)
}

fn is_reference_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80 || matches!(byte, b'#' | b'.' | b'-' | b'_' | b':')
}

fn decode_number(number: &str, offset: u64) -> Result<char, RejectReason> {
    let (digits, radix) = match number.strip_prefix('x') {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return Err(RejectReason::MalformedReference { offset });
    }
    u32::from_str_radix(digits, radix)
        .ok()
        .and_then(char::from_u32)
        .filter(|&character| is_xml_character(character))
        .ok_or(RejectReason::InvalidCharacterReference { offset })
}

/// XML 1.0's `Char` production.
fn is_xml_character(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}
