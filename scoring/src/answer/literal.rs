//! Reader for JSON and for Python literals: the two notations that answers come in.
//!
//! The published code tries `json.loads` and then `ast.literal_eval`. Both grammars are read by one parser that keeps
//! the byte offsets of every value, so that errors can point at the place.

use std::borrow::Cow;

/// Nesting beyond this is refused; an answer needs three levels.
const MAX_DEPTH: usize = 64;

/// Which notation to accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grammar {
    /// JSON as Python's `json.loads` takes it (NaN and Infinity included).
    Json,
    /// Python literals as `ast.literal_eval` takes them: either quote, tuples, sets, trailing commas, None.
    Python,
}

/// A parsed value with its place in the source.
#[derive(Clone, Debug, PartialEq)]
pub struct Node<'a> {
    /// Byte offset of the first character of the value.
    pub start: usize,
    /// Byte offset just behind the value.
    pub end: usize,
    /// The value itself.
    pub value: Value<'a>,
}

/// A value of either notation.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// A string, unescaped.
    Text(Cow<'a, str>),
    /// A list `[..]`.
    List(Vec<Node<'a>>),
    /// An object `{key: value}` in source order; a repeated key counts with its last value.
    Object(Vec<(Node<'a>, Node<'a>)>),
    /// A number, true, false or null: its source text is all that scoring needs.
    Scalar,
    /// A Python tuple or set: legal, but neither a list nor an object.
    Other,
}

impl<'a> Node<'a> {
    /// The value of a key when this is an object; the last one when the key repeats.
    pub fn get(&self, key: &str) -> Option<&Node<'a>> {
        let Value::Object(entries) = &self.value else { return None };
        entries.iter().rev().find(|(name, _)| matches!(&name.value, Value::Text(text) if text == key)).map(|(_, v)| v)
    }
}

/// Where and why a literal could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at byte {position}: expected {expected}, got {got}")]
pub struct LiteralError {
    /// Byte offset in the text that was parsed.
    pub position: usize,
    /// What the grammar allows there.
    pub expected: &'static str,
    /// What stands there.
    pub got: String,
}

/// Parses the whole text as one value.
///
/// # Errors
/// [`LiteralError`] at the first byte that the grammar does not allow.
pub fn parse(text: &str, grammar: Grammar) -> Result<Node<'_>, LiteralError> {
    parse_plain(text, grammar).map_err(|Departure { position, expected }| LiteralError {
        position,
        expected,
        got: describe(text.get(position..).unwrap_or("")),
    })
}

/// [`parse`] without the wording of errors, which costs more than parsing does.
pub(super) fn parse_plain(text: &str, grammar: Grammar) -> Result<Node<'_>, Departure> {
    let mut parser = Parser { text, position: 0, grammar, depth: 0 };
    parser.skip_space();
    let node = parser.value()?;
    parser.skip_space();
    if parser.position < text.len() { Err(parser.error("end of text")) } else { Ok(node) }
}

/// Where a text departs from the grammar.
#[derive(Clone, Copy, Debug)]
pub(super) struct Departure {
    position: usize,
    expected: &'static str,
}

struct Parser<'a> {
    text: &'a str,
    position: usize,
    grammar: Grammar,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied()
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.position..).unwrap_or("")
    }

    fn python(&self) -> bool {
        self.grammar == Grammar::Python
    }

    fn error(&self, expected: &'static str) -> Departure {
        Departure { position: self.position, expected }
    }

    fn skip_space(&mut self) {
        while let Some(byte) = self.peek() {
            let space = matches!(byte, b' ' | b'\t' | b'\n' | b'\r') || self.python() && byte == 0x0c;
            if !space {
                break;
            }
            self.position += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.position += usize::from(found);
        found
    }

    fn value(&mut self) -> Result<Node<'a>, Departure> {
        let start = self.position;
        if self.depth >= MAX_DEPTH {
            return Err(self.error("at most 64 levels of nesting"));
        }
        self.depth += 1;
        let value = match self.peek() {
            Some(b'"') => Value::Text(self.string()?),
            Some(b'\'') if self.python() => Value::Text(self.string()?),
            Some(b'[') => Value::List(self.sequence(b']', "`,` or `]`")?),
            Some(b'{') => self.object()?,
            Some(b'(') if self.python() => {
                self.sequence(b')', "`,` or `)`")?;
                Value::Other
            }
            _ => self.scalar()?,
        };
        self.depth -= 1;
        Ok(Node { start, end: self.position, value })
    }

    fn sequence(&mut self, close: u8, expected: &'static str) -> Result<Vec<Node<'a>>, Departure> {
        self.position += 1;
        let mut items = Vec::with_capacity(2);
        self.skip_space();
        while !self.eat(close) {
            items.push(self.value()?);
            self.skip_space();
            if self.eat(b',') {
                self.skip_space();
                if !self.python() && self.peek() == Some(close) {
                    return Err(self.error("a value after `,`"));
                }
            } else if self.peek() != Some(close) {
                return Err(self.error(expected));
            }
        }
        Ok(items)
    }

    fn object(&mut self) -> Result<Value<'a>, Departure> {
        self.position += 1;
        let mut entries = Vec::with_capacity(2);
        let mut is_set = false;
        self.skip_space();
        while !self.eat(b'}') {
            if !self.python() && self.peek() != Some(b'"') {
                return Err(self.error("a quoted key"));
            }
            let key = self.value()?;
            self.skip_space();
            let first = entries.is_empty() && !is_set;
            if !is_set && self.eat(b':') {
                if !matches!(key.value, Value::Text(_) | Value::Scalar | Value::Other) {
                    return Err(Departure { position: key.start, expected: "a key" });
                }
                self.skip_space();
                let value = self.value()?;
                entries.push((key, value));
                self.skip_space();
            } else if self.python() && (first || is_set) {
                is_set = true;
            } else {
                return Err(self.error("`:`"));
            }
            if self.eat(b',') {
                self.skip_space();
                if !self.python() && self.peek() == Some(b'}') {
                    return Err(self.error("a quoted key after `,`"));
                }
            } else if self.peek() != Some(b'}') {
                return Err(self.error("`,` or `}`"));
            }
        }
        Ok(if is_set { Value::Other } else { Value::Object(entries) })
    }

    fn scalar(&mut self) -> Result<Value<'a>, Departure> {
        let rest = self.rest();
        let length = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "+-._".contains(c))).unwrap_or(rest.len());
        let word = rest.get(..length).unwrap_or("");
        let known = match self.grammar {
            Grammar::Json => matches!(word, "true" | "false" | "null" | "NaN" | "Infinity" | "-Infinity"),
            Grammar::Python => matches!(word, "True" | "False" | "None"),
        };
        let number = word.parse::<f64>().is_ok() && word.bytes().any(|byte| byte.is_ascii_digit());
        if known || number && (self.python() || is_json_number(word)) {
            self.position += length;
            Ok(Value::Scalar)
        } else {
            Err(self.error("a value"))
        }
    }

    fn string(&mut self) -> Result<Cow<'a, str>, Departure> {
        let mut text = self.string_part()?;
        // Python joins adjacent literals.
        while self.python() {
            let before = self.position;
            self.skip_space();
            if !matches!(self.peek(), Some(b'"' | b'\'')) {
                self.position = before;
                break;
            }
            let more = self.string_part()?;
            text.to_mut().push_str(&more);
        }
        Ok(text)
    }

    fn string_part(&mut self) -> Result<Cow<'a, str>, Departure> {
        let opened = self.position;
        let quote = self.peek().unwrap_or(b'"');
        self.position += 1;
        let mut owned: Option<String> = None;
        let mut run = self.position;
        loop {
            match self.peek() {
                Some(byte) if byte == quote => {
                    let tail = self.text.get(run..self.position).unwrap_or("");
                    self.position += 1;
                    return Ok(match owned {
                        None => Cow::Borrowed(tail),
                        Some(mut text) => {
                            text.push_str(tail);
                            Cow::Owned(text)
                        }
                    });
                }
                Some(b'\\') => {
                    let text = owned.get_or_insert_default();
                    text.push_str(self.text.get(run..self.position).unwrap_or(""));
                    let (unescaped, length) = super::escape::unescape(self.rest(), self.python())
                        .ok_or_else(|| self.error("a known escape sequence"))?;
                    text.extend(unescaped);
                    self.position += length;
                    run = self.position;
                }
                Some(byte) if byte < b' ' && (!self.python() || byte == b'\n' || byte == b'\r') => {
                    return Err(self.error("no line break or control character inside a string"));
                }
                Some(_) => {
                    // Ordinary characters in one go; every byte that matters is ASCII, so a character is never cut.
                    let ordinary = |&byte: &u8| byte >= b' ' && byte != quote && byte != b'\\';
                    let rest = self.text.as_bytes().get(self.position + 1..).unwrap_or(&[]);
                    self.position += 1 + rest.iter().take_while(|byte| ordinary(byte)).count();
                }
                None => {
                    self.position = opened;
                    return Err(self.error("a closing quote"));
                }
            }
        }
    }
}

/// Of what reads as a number: no plus sign, no leading zero, digits on both sides of the point.
fn is_json_number(word: &str) -> bool {
    let digits = word.strip_prefix('-').unwrap_or(word);
    let odd_point = digits.ends_with('.') || digits.contains(".e") || digits.contains(".E");
    match digits.as_bytes() {
        [b'0', b'0'..=b'9', ..] => false,
        [b'0'..=b'9', ..] => !odd_point,
        _ => false,
    }
}

/// Short quotation of what stands at a place, for error messages.
pub(crate) fn describe(rest: &str) -> String {
    if rest.is_empty() {
        return "end of text".to_owned();
    }
    let shown: String = rest.chars().take(24).collect();
    let more = if shown.len() < rest.len() { "…" } else { "" };
    format!("`{}{more}`", shown.escape_debug())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn ok(text: &str, grammar: Grammar) -> bool {
        parse(text, grammar).is_ok()
    }

    #[test]
    fn accepts_what_each_notation_accepts() {
        // (text, json.loads, ast.literal_eval)
        for (text, json, python) in [
            (r#"[{"type": "POS", "ent_set": ["a", "b"]}]"#, true, true),
            (r"[{'type': 'POS', 'ent_set': ['a', 'b']}]", false, true),
            ("[1, 2,]", false, true),
            ("[1 2]", false, false),
            ("[01]", false, true),
            ("[1.]", false, true),
            ("[-0.5e3]", true, true),
            ("[null, true]", true, false),
            ("[None, True]", false, true),
            ("[NaN]", true, false),
            ("('a', 'b')", false, true),
            ("{'a', 'b'}", false, true),
            ("{'a': 1, 'b'}", false, false),
            ("{'a', 'b': 1}", false, false),
            ("['it' 's']", false, true),
            (r#"["a\/b"]"#, true, true),
            (r#"["\q"]"#, false, true),
            ("[\"a\nb\"]", false, false),
            ("[\"a\tb\"]", false, true),
            ("[", false, false),
            ("", false, false),
            ("[] x", false, false),
            ("[{]}", false, false),
            (r#"["open]"#, false, false),
        ] {
            assert_eq!(ok(text, Grammar::Json), json, "json {text:?}");
            assert_eq!(ok(text, Grammar::Python), python, "python {text:?}");
        }
    }

    #[test]
    fn keeps_offsets_and_the_last_of_repeated_keys() {
        let text = r#" {"type": "POS", "type": "NEG"}"#;
        let node = parse(text, Grammar::Json).unwrap();
        let label = node.get("type").unwrap();
        assert_eq!(label.value, Value::Text("NEG".into()));
        assert_eq!(text.get(label.start..label.end), Some("\"NEG\""));
        assert!(node.get("ent_set").is_none());
    }

    #[test]
    fn errors_point_at_the_place() {
        let error = parse(r#"[{"type" "POS"}]"#, Grammar::Json).unwrap_err();
        assert_eq!(error.to_string(), r#"at byte 9: expected `:`, got `\"POS\"}]`"#);
        let error = parse("[1,", Grammar::Json).unwrap_err();
        assert_eq!((error.position, error.got.as_str()), (3, "end of text"));
    }

    #[test]
    fn refuses_deep_nesting() {
        assert!(!ok(&"[".repeat(100_000), Grammar::Python));
        assert!(ok(&format!("{}{}", "[".repeat(60), "]".repeat(60)), Grammar::Json));
    }
}
