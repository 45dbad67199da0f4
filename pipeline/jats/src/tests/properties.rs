//! Invariants over generated text.

use proptest::prelude::*;

use super::{paragraph, read};

proptest! {
    /// Whatever is raised, words on either side of it stay apart from digits of links, and nothing but marks is lost.
    #[test]
    fn only_marks_are_lost(words in prop::collection::vec("[a-z]{5,9}", 1..6), marks in prop::collection::vec(1_u32..300, 5)) {
        let linked: String = words.iter().zip(&marks)
            .map(|(word, mark)| format!("{word}<sup><xref ref-type=\"bibr\" rid=\"r\">{mark}</xref></sup> "))
            .chain(words.iter().skip(marks.len()).cloned())
            .collect();
        prop_assert_eq!(paragraph(&linked), words.join(" "));
    }

    /// An element, an exponent or a formula keeps its digits.
    #[test]
    fn chemistry_is_whole(symbol in "[A-Z][a-z]?", count in 2_u32..20, charge in "[0-9]?[+−]") {
        let xml = format!("{symbol}<sub>{count}</sub>O<sup>{charge}</sup>");
        prop_assert_eq!(paragraph(&xml), format!("{symbol}{count}O{charge}"));
    }

    /// Reading is a function of the bytes, and what was read can be written and read again.
    #[test]
    fn text_survives_being_written_as_an_article(lines in prop::collection::vec("[a-zA-Z<>&α-ω][a-zA-Z<>&α-ω ]{0,20}[a-z]", 1..5)) {
        let lines: Vec<String> = lines.iter().map(|line| line.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")).collect();
        let escape = |line: &String| line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let body: String = lines.iter().map(|line| format!("<p>{}</p>", escape(line))).collect();
        let found = read(&super::article(&format!("<body>{body}</body>"))).unwrap();
        prop_assert_eq!(&found.sections[0].text, &lines.join("\n"));
    }
}
