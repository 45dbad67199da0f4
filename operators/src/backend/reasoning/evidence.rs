//! Quotes in a reasoning trace against the text that the model saw.

use rexdrug_scoring::reasoning::quote::quotes;

/// Stands behind a passage in quotation marks that the text does not hold.
pub const NOT_IN_TEXT: &str = " [not in the text]";

/// A reasoning trace whose quotes were checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckedReasoning {
    /// The trace; [`NOT_IN_TEXT`] stands behind every quote that is not verbatim.
    pub text: String,
    /// Quoted passages of two or more words.
    pub quotes: u64,
    /// Those that are verbatim in the text.
    pub verbatim: u64,
}

/// Checks every quoted passage of `think` against `text` and marks those that are not there, so that a stored trace
/// never passes an invented passage for evidence.
pub fn check_quotes(think: &str, text: &str) -> CheckedReasoning {
    let mut checked = CheckedReasoning::default();
    let mut copied = 0;
    for quote in quotes(think) {
        checked.quotes += 1;
        if quote.is_verbatim_in(text) {
            checked.verbatim += 1;
            continue;
        }
        let end = quote.start + quote.passage.len();
        let mark = think.get(end..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        checked.text.push_str(think.get(copied..end + mark).unwrap_or_default());
        checked.text.push_str(NOT_IN_TEXT);
        copied = end + mark;
    }
    checked.text.push_str(think.get(copied..).unwrap_or_default());
    checked
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn invented_quotes_are_marked_and_true_ones_stay() {
        let text = "Adding β-drug to\nalphine raised response rates. No harm was seen.";
        let think = "- \"raised response rates\" and “doubled survival”, not \"raised\" alone\n- \"β-drug to alphine\"";
        let checked = check_quotes(think, text);
        assert_eq!((checked.quotes, checked.verbatim), (3, 2));
        assert_eq!(
            checked.text,
            "- \"raised response rates\" and “doubled survival” [not in the text], not \"raised\" alone\n- \"β-drug to alphine\""
        );
        assert_eq!(check_quotes("", text), CheckedReasoning::default());
    }

    proptest! {
        #[test]
        fn taking_the_marks_out_gives_the_trace_back(think in "[a-c \"“”'é\n]{0,60}", text in "[a-c ]{0,30}") {
            let checked = check_quotes(&think, &text);
            prop_assert_eq!(checked.text.replace(NOT_IN_TEXT, ""), think);
            prop_assert!(checked.verbatim <= checked.quotes);
        }
    }
}
