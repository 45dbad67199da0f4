use super::super::canonical;

#[test]
fn canonical_forms() {
    for (written, form) in [
        ("5-FU", "5 fu"),
        ("5FU", "5 fu"),
        ("5 – FU", "5 fu"),
        ("IFN-α2b", "ifn alpha 2 b"),
        ("IFNα-2B", "ifn alpha 2 b"),
        ("Cétuximab", "cetuximab"),
        ("Ce\u{301}tuximab", "cetuximab"),
        (" (R)-carvedilol ", "r)carvedilol"),
        ("N,N-dimethyl", "n,n dimethyl"),
        ("N , N - dimethyl", "n,n dimethyl"),
        ("St. John’s wort", "st.john s wort"),
        ("H₂O₂", "h 2 o 2"),
        ("ﬂuorouracil", "fluorouracil"),
        ("---", ""),
        ("", ""),
        ("日本", "日本"),
        ("ДИБАЗОЛ", "дибазол"),
        ("abcdefghijklmnopqrst", "abcdefghijklmnopqrst"),
        ("ABCDEFGH-IJ", "abcdefgh ij"),
    ] {
        assert_eq!(canonical(written), form, "{written:?}");
    }
}

proptest::proptest! {
    #[test]
    fn canonical_is_idempotent(text in "\\PC{0,40}") {
        let once = canonical(&text);
        proptest::prop_assert_eq!(canonical(&once), once);
    }

    #[test]
    fn canonical_ignores_case_and_hyphens_of_ascii(words in proptest::collection::vec("[a-z]{1,12}|[0-9]{1,9}", 1..6)) {
        let form = words.join(" ");
        proptest::prop_assert_eq!(canonical(&words.join("-").to_uppercase()), form.clone());
        proptest::prop_assert_eq!(canonical(&words.join(" ‑ ")), form);
    }
}
