//! Short cut for the list in its usual notation: nearly every answer, read in one pass without a tree of values.

use std::borrow::Cow;

use super::RawItem;
use super::literal::Grammar;

/// Reads a list of strings and of objects that have exactly a string `type` and a list `ent_set` of strings, in either
/// order; no escape sequences. Strings are JSON's, or Python's in either quote. `None` for anything else, right or
/// wrong: the general parser decides.
pub(super) fn items(text: &str, grammar: Grammar) -> Option<Vec<RawItem<'_>>> {
    let mut scan = Scan { text, at: 0, grammar };
    let mut items = Vec::with_capacity(2);
    scan.space();
    scan.expect(b'[')?;
    loop {
        items.push(scan.item()?);
        if scan.comma_or(b']')? {
            scan.space();
            return (scan.at == text.len()).then_some(items);
        }
    }
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
    grammar: Grammar,
}

impl<'a> Scan<'a> {
    fn space(&mut self) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or(&[]);
        self.at += rest.iter().take_while(|byte| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')).count();
    }

    /// Passes over one byte and the white space behind it.
    fn expect(&mut self, byte: u8) -> Option<()> {
        if self.text.as_bytes().get(self.at) != Some(&byte) {
            return None;
        }
        self.at += 1;
        self.space();
        Some(())
    }

    /// True behind the closing byte, false behind a comma.
    fn comma_or(&mut self, close: u8) -> Option<bool> {
        if self.text.as_bytes().get(self.at) == Some(&b',') {
            self.expect(b',')?;
            return Some(false);
        }
        self.expect(close)?;
        Some(true)
    }

    fn string(&mut self) -> Option<&'a str> {
        let quote = *self.text.as_bytes().get(self.at)?;
        if quote != b'"' && (quote != b'\'' || self.grammar == Grammar::Json) {
            return None;
        }
        let start = self.at + 1;
        let rest = self.text.as_bytes().get(start..)?;
        let length = rest.iter().position(|&byte| byte == quote || byte == b'\\' || byte < b' ')?;
        let string = self.text.get(start..start + length)?;
        self.at = start + length;
        self.expect(quote)?;
        Some(string)
    }

    fn item(&mut self) -> Option<RawItem<'a>> {
        let (mut label, mut drugs) = (None, None);
        if self.expect(b'{').is_none() {
            self.string()?;
            return Some(RawItem { is_object: false, label, drugs });
        }
        loop {
            match self.string()? {
                "type" if label.is_none() => {
                    self.expect(b':')?;
                    label = Some(Cow::Borrowed(self.string()?));
                }
                "ent_set" if drugs.is_none() => {
                    self.expect(b':')?;
                    drugs = Some(self.names()?);
                }
                _ => return None,
            }
            if self.comma_or(b'}')? {
                return (label.is_some() && drugs.is_some()).then_some(RawItem { is_object: true, label, drugs });
            }
        }
    }

    fn names(&mut self) -> Option<Vec<Cow<'a, str>>> {
        self.expect(b'[')?;
        let mut names = Vec::new();
        if self.expect(b']').is_some() {
            return Some(names);
        }
        loop {
            names.push(Cow::Borrowed(self.string()?));
            if self.comma_or(b']')? {
                return Some(names);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::items_of;
    use crate::answer::literal::parse;

    #[test]
    fn takes_the_usual_notation_only() {
        for (text, taken) in [
            (r#"[{"type": "POS", "ent_set": ["a", "b"]}, {"ent_set":[],"type":"NO_COMB"} ]"#, true),
            (r#"[{"type": "POS", "ent_set": ["a\n", "b"]}]"#, false),
            (r#"[{"type": "POS", "ent_set": ["a", "b",]}]"#, false),
            (r#"[{"type": "POS", "ent_set": ["a", "b"],}]"#, false),
            (r#"[{"type": "POS", "ent_set": ["a"], "type": "NEG"}]"#, false),
            (r#"[{"type": "POS"}]"#, false),
            (r#"[{"type": "POS", "ent_set": []}] x"#, false),
            ("[]", false),
            (r#"["x", {"type": "POS", "ent_set": []}]"#, true),
            (r"[{'type': 'POS', 'ent_set': ['a', 'b']}]", false),
        ] {
            assert_eq!(items(text, Grammar::Json).is_some(), taken, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn agrees_with_the_general_parser(
            text in "\\[\\{(\"type\"|'ent_set'|\"ent_set\"|\"x\"|: |, |'β b'|\\[|\\]|\\{|\\}|\"\"|''|\n|\t|1|\\\\){0,24}\\}\\]",
            objects in proptest::collection::vec("(\\{['\"]type['\"]: ['\"]P['\"], ['\"]ent_set['\"]:\\[('a', 'b'|\"a'b\"|'' 'c'|'d',)?\\]\\}|'y'|\"z\")", 1..4),
        ) {
            for text in [text, format!("[{}]", objects.join(", "))] {
                for grammar in [Grammar::Json, Grammar::Python] {
                    if let Some(found) = items(&text, grammar) {
                        let general = parse(&text, grammar).ok().and_then(|node| items_of(node, &text));
                        proptest::prop_assert_eq!(Some(found), general, "{}", text);
                    }
                }
            }
        }

        #[test]
        fn agrees_on_answers(pairs in proptest::collection::vec(("(POS|pos|x)", proptest::collection::vec("[a-z α\"\\\\]{0,4}", 0..4)), 1..4)) {
            let list: Vec<_> = pairs.iter().map(|(label, names)| serde_json::json!({"type": label, "ent_set": names})).collect();
            let text = serde_json::Value::from(list).to_string();
            let general = parse(&text, Grammar::Json).ok().and_then(|node| items_of(node, &text));
            proptest::prop_assert!(general.is_some());
            if let Some(found) = items(&text, Grammar::Json) {
                proptest::prop_assert_eq!(Some(found), general);
            } else {
                proptest::prop_assert!(text.contains('\\'), "{}", text);
            }
        }
    }
}
