//! Backslash sequences of JSON and Python strings.

/// Reads one sequence at the start of `rest` (which begins with a backslash).
///
/// Returns the character, if it yields one, and the byte length consumed; `None` when the notation has no such
/// sequence. A lone surrogate becomes U+FFFD: Rust strings cannot hold it, and no drug name contains one.
pub(super) fn unescape(rest: &str, python: bool) -> Option<(Option<char>, usize)> {
    let code = rest.chars().nth(1)?;
    let simple = match code {
        'n' => Some('\n'),
        't' => Some('\t'),
        'r' => Some('\r'),
        'b' => Some('\u{8}'),
        'f' => Some('\u{c}'),
        '"' | '\\' => Some(code),
        '/' if !python => Some('/'),
        '\'' if python => Some('\''),
        'a' if python => Some('\u{7}'),
        'v' if python => Some('\u{b}'),
        _ => None,
    };
    if simple.is_some() {
        return Some((simple, 2));
    }
    match code {
        'u' => Some(utf16(rest, python)?),
        'U' if python => Some((char::from_u32(hex(rest, 2, 8)?), 10)),
        'x' if python => Some((char::from_u32(hex(rest, 2, 2)?), 4)),
        '\n' if python => Some((None, 2)),
        '0'..='7' if python => {
            let digits = rest.bytes().skip(1).take(3).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
            let value = u32::from_str_radix(rest.get(1..=digits)?, 8).ok()?;
            Some((char::from_u32(value), digits + 1))
        }
        // Python keeps the backslash of a sequence it does not know.
        _ if python => Some((Some('\\'), 1)),
        _ => None,
    }
}

fn hex(rest: &str, from: usize, digits: usize) -> Option<u32> {
    let text = rest.get(from..from + digits)?;
    if text.bytes().all(|byte| byte.is_ascii_hexdigit()) { u32::from_str_radix(text, 16).ok() } else { None }
}

fn utf16(rest: &str, python: bool) -> Option<(Option<char>, usize)> {
    let unit = hex(rest, 2, 4)?;
    if let Some(c) = char::from_u32(unit) {
        return Some((Some(c), 6));
    }
    // JSON writes characters beyond the first plane as two units; Python literals do not join them.
    let low = if python || rest.get(6..8) != Some("\\u") { None } else { hex(rest, 8, 4) };
    match low {
        Some(low) if unit < 0xdc00 && (0xdc00..0xe000).contains(&low) => {
            let scalar = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
            Some((char::from_u32(scalar), 12))
        }
        _ => Some((Some('\u{fffd}'), 6)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_sequences_of_each_notation() {
        for (text, python, expected) in [
            (r"\n", false, Some((Some('\n'), 2))),
            (r"\/", false, Some((Some('/'), 2))),
            (r"\/", true, Some((Some('\\'), 1))),
            (r"\u03b2x", false, Some((Some('β'), 6))),
            (r"\ud83d\ude00", false, Some((Some('😀'), 12))),
            (r"\ud83d.", false, Some((Some('\u{fffd}'), 6))),
            (r"\u12", false, None),
            (r"\u+123", false, None),
            (r"\x41", true, Some((Some('A'), 4))),
            (r"\x41", false, None),
            (r"\101b", true, Some((Some('A'), 4))),
            (r"\U0001F600", true, Some((Some('😀'), 10))),
            ("\\\n", true, Some((None, 2))),
            (r"\'", false, None),
            ("\\", true, None),
            ("\\é", false, None),
        ] {
            assert_eq!(unescape(text, python), expected, "{text:?} python {python}");
        }
    }
}
