use super::super::{CountPolicy, EntryKind, MatchScratch, Verdict};
use super::{find, lexicon};

/// Text, then surface and id (without `seed:`) of each mention.
type Case = (&'static str, &'static [(&'static str, &'static str)]);

const CASES: &[Case] = &[
    // Plain names, brands, synonyms, abbreviations.
    ("", &[]),
    ("No drug at all.", &[]),
    ("cisplatin", &[("cisplatin", "cisplatin")]),
    ("Cisplatin was given.", &[("Cisplatin", "cisplatin")]),
    ("CISPLATIN", &[("CISPLATIN", "cisplatin")]),
    ("cisplatinum and Platinol", &[("cisplatinum", "cisplatin"), ("Platinol", "cisplatin")]),
    ("cis-platinum", &[("cis-platinum", "cisplatin")]),
    ("CDDP (cisplatin)", &[("CDDP", "cisplatin"), ("cisplatin", "cisplatin")]),
    ("taxol, Taxotere", &[("taxol", "paclitaxel"), ("Taxotere", "docetaxel")]),
    ("VP-16", &[("VP-16", "etoposide")]),
    ("VP16 and VP 16", &[("VP16", "etoposide"), ("VP 16", "etoposide")]),
    // Hyphens and spaces.
    ("5-FU", &[("5-FU", "fluorouracil")]),
    ("5FU", &[("5FU", "fluorouracil")]),
    ("5 FU", &[("5 FU", "fluorouracil")]),
    ("5 - FU", &[("5 - FU", "fluorouracil")]),
    (
        "5‑FU, 5–FU, 5−FU, 5‐FU",
        &[("5‑FU", "fluorouracil"), ("5–FU", "fluorouracil"), ("5−FU", "fluorouracil"), ("5‐FU", "fluorouracil")],
    ),
    ("5-fluoro", &[]),
    ("5-fluorouracil", &[("5-fluorouracil", "fluorouracil")]),
    ("Ara-C, ara C, AraC", &[("Ara-C", "cytarabine"), ("ara C", "cytarabine")]),
    ("all trans-retinoic\u{a0}acid", &[("all trans-retinoic\u{a0}acid", "tretinoin")]),
    ("folinic\u{2009}acid", &[("folinic\u{2009}acid", "leucovorin")]),
    ("folinic\nacid", &[("folinic\nacid", "leucovorin")]),
    ("15-FU", &[]),
    ("5-FUX", &[]),
    // Greek, accents, marks.
    ("interferon-α", &[("interferon-α", "interferon-alfa")]),
    ("interferon alpha", &[("interferon alpha", "interferon-alfa")]),
    ("Interferon Alfa", &[("Interferon Alfa", "interferon-alfa")]),
    (
        "IFN-α and IFNα and IFN alpha",
        &[("IFN-α", "interferon-alfa"), ("IFNα", "interferon-alfa"), ("IFN alpha", "interferon-alfa")],
    ),
    ("interferon α-2b", &[("interferon α-2b", "interferon-alfa-2b")]),
    ("interferon alpha2b", &[("interferon alpha2b", "interferon-alfa-2b")]),
    ("peginterferon-alfa 2a", &[("peginterferon-alfa 2a", "peginterferon-alfa-2a")]),
    ("β-carotene", &[("β-carotene", "beta-carotene")]),
    ("cisplatiné", &[]),
    ("císplatin", &[("císplatin", "cisplatin")]),
    ("ci\u{301}splatin", &[("ci\u{301}splatin", "cisplatin")]),
    ("cis\u{ad}platin", &[("cis\u{ad}platin", "cisplatin")]),
    ("Taxol® and Taxol™", &[("Taxol", "paclitaxel"), ("Taxol", "paclitaxel")]),
    ("ｃisplatin", &[("ｃisplatin", "cisplatin")]),
    // Word boundaries.
    ("precisplatin", &[]),
    ("cisplatinx", &[]),
    ("cisplatin2", &[]),
    ("2cisplatin", &[]),
    ("xβcisplatin", &[]),
    ("cisplatin\u{200b}", &[("cisplatin", "cisplatin")]),
    ("carboplatin/paclitaxel", &[("carboplatin", "carboplatin"), ("paclitaxel", "paclitaxel")]),
    ("carboplatin / paclitaxel", &[("carboplatin", "carboplatin"), ("paclitaxel", "paclitaxel")]),
    ("cisplatin+etoposide", &[("cisplatin", "cisplatin"), ("etoposide", "etoposide")]),
    ("cisplatin-etoposide", &[("cisplatin", "cisplatin"), ("etoposide", "etoposide")]),
    ("cisplatin—etoposide", &[("cisplatin", "cisplatin"), ("etoposide", "etoposide")]),
    ("paclitaxel-based", &[("paclitaxel", "paclitaxel")]),
    ("cisplatin-induced", &[("cisplatin", "cisplatin")]),
    ("non-cisplatin", &[("cisplatin", "cisplatin")]),
    ("cisplatin- and paclitaxel-based", &[("cisplatin", "cisplatin"), ("paclitaxel", "paclitaxel")]),
    ("lopinavir/r", &[("lopinavir", "lopinavir")]),
    (
        "lopinavir/ritonavir(LPV/RTV)",
        &[("lopinavir", "lopinavir"), ("ritonavir", "ritonavir"), ("LPV", "lopinavir"), ("RTV", "ritonavir")],
    ),
    ("(cisplatin)", &[("cisplatin", "cisplatin")]),
    ("cisplatin's", &[("cisplatin", "cisplatin")]),
    (
        "cisplatin,paclitaxel;docetaxel.",
        &[("cisplatin", "cisplatin"), ("paclitaxel", "paclitaxel"), ("docetaxel", "docetaxel")],
    ),
    ("cisplatin_paclitaxel", &[("cisplatin", "cisplatin"), ("paclitaxel", "paclitaxel")]),
    // Plurals.
    ("taxanes", &[("taxanes", "class-taxane")]),
    ("TKIs and a TKI", &[("TKIs", "class-tyrosine-kinase-inhibitor"), ("TKI", "class-tyrosine-kinase-inhibitor")]),
    ("insulins", &[("insulins", "insulin")]),
    ("anthracyclines", &[("anthracyclines", "class-anthracycline")]),
    // Longest match.
    ("liposomal doxorubicin", &[("liposomal doxorubicin", "liposomal-doxorubicin")]),
    ("pegylated liposomal doxorubicin", &[("pegylated liposomal doxorubicin", "liposomal-doxorubicin")]),
    ("pegylated doxorubicin", &[("doxorubicin", "doxorubicin")]),
    ("vitamin A acid", &[("vitamin A acid", "tretinoin")]),
    ("vitamin A acids", &[("vitamin A acids", "tretinoin")]),
    ("vitamin A acidity", &[("vitamin A", "vitamin-a")]),
    ("vitamin AB", &[]),
    ("amphotericin B", &[("amphotericin B", "amphotericin-b")]),
    ("amphotericin and", &[("amphotericin", "amphotericin-b")]),
    ("interferon alfa-2c", &[("interferon alfa", "interferon-alfa")]),
    ("tyrosine kinase", &[]),
    ("tyrosine kinase inhibitors", &[("tyrosine kinase inhibitors", "class-tyrosine-kinase-inhibitor")]),
    ("trimethoprim-sulfamethoxazole", &[("trimethoprim-sulfamethoxazole", "product-co-trimoxazole")]),
    ("trimethoprim/sulphamethoxazole", &[("trimethoprim", "trimethoprim"), ("sulphamethoxazole", "sulfamethoxazole")]),
    ("St. John's wort", &[("St. John's wort", "st-john-s-wort")]),
    ("St. John’s Wort", &[("St. John’s Wort", "st-john-s-wort")]),
    // Regimens and products.
    ("FOLFOX", &[("FOLFOX", "regimen-folfox")]),
    ("folfox-4 or mFOLFOX6", &[("folfox-4", "regimen-folfox"), ("mFOLFOX6", "regimen-folfox")]),
    ("FOLFOX7", &[]),
    ("R-CHOP", &[("R-CHOP", "regimen-r-chop")]),
    ("R CHOP vs. CHOP", &[("R CHOP", "regimen-r-chop"), ("CHOP", "regimen-chop")]),
    ("Bactrim", &[("Bactrim", "product-co-trimoxazole")]),
    // Salts.
    ("doxorubicin hydrochloride", &[("doxorubicin hydrochloride", "doxorubicin")]),
    ("doxorubicin HCl,", &[("doxorubicin HCl", "doxorubicin")]),
    ("vincristine sulphate", &[("vincristine", "vincristine")]),
    ("vincristine-sulfate", &[("vincristine-sulfate", "vincristine")]),
    ("doxorubicin, hydrochloride", &[("doxorubicin", "doxorubicin")]),
    ("taxane acetate", &[("taxane", "class-taxane")]),
    ("doxorubicin hydrochlorides", &[("doxorubicin", "doxorubicin")]),
    // Ambiguity.
    ("time to progression on cisplatin", &[("cisplatin", "cisplatin")]),
    ("lead to toxicity", &[]),
    ("lead and cisplatin", &[("lead", "lead"), ("cisplatin", "cisplatin")]),
    ("lead and gold", &[]),
    ("Lead poisoning. Cisplatin was given.", &[("Cisplatin", "cisplatin")]),
    ("as before, AS plus AQ", &[("AS", "artesunate"), ("AQ", "amodiaquine")]),
    ("As an aq solution", &[]),
    ("TAM but not tam or Tam", &[("TAM", "tamoxifen")]),
    ("lv function, Lv, LV", &[("LV", "leucovorin")]),
    // Other compounds and proteins.
    ("4-hydroxy-tamoxifen", &[]),
    ("hydroxy tamoxifen", &[("tamoxifen", "tamoxifen")]),
    ("dopamine receptors", &[]),
    ("dopamine-receptor", &[]),
    ("dopamine. Receptors", &[("dopamine", "dopamine")]),
    ("insulin-like growth factor", &[]),
    ("insulin binding protein", &[]),
    ("insulin binding", &[("insulin", "insulin")]),
    // Stems.
    ("treated with xorfatinib daily", &[("xorfatinib", "stem:xorfatinib")]),
    ("Velmortamab", &[("Velmortamab", "stem:velmortamab")]),
    ("XORFATINIB", &[]),
    ("tinib", &[]),
    ("mymab, elzevir", &[]),
    // A stem does not bring back a listed name that a rule refused.
    ("exituximab receptors", &[]),
    ("anti-exituximab antibodies", &[]),
    ("velmortamab receptors", &[("velmortamab", "stem:velmortamab")]),
    // Names of two characters, with the mark between them.
    ("Z-1 plus cisplatin", &[("Z-1", "product-z-1"), ("cisplatin", "cisplatin")]),
    ("Z‑1 plus cisplatin", &[("Z‑1", "product-z-1"), ("cisplatin", "cisplatin")]),
    ("Z1 or Z 1 plus cisplatin", &[("cisplatin", "cisplatin")]),
    ("Z-1 alone", &[]),
    ("7+3 with cisplatin", &[("7+3", "regimen-7-3"), ("cisplatin", "cisplatin")]),
    ("73, 7-3, 7/3 or 7 3 with cisplatin", &[("cisplatin", "cisplatin")]),
    ("DC with cisplatin", &[("cisplatin", "cisplatin")]),
    ("orfavir-boosted", &[("orfavir", "stem:orfavir")]),
    ("cefomurzole", &[("cefomurzole", "stem:cefomurzole")]),
    ("xorfatinib2", &[]),
    ("2xorfatinib", &[]),
    ("rituximab", &[("rituximab", "rituximab")]),
];

#[test]
fn the_matcher_table_holds() {
    assert!(CASES.len() >= 80);
    let mut wrong = Vec::new();
    for (text, expected) in CASES {
        let expected: Vec<(&str, String)> = expected
            .iter()
            .map(|(surface, id)| {
                (*surface, if id.starts_with("stem:") { (*id).to_owned() } else { format!("seed:{id}") })
            })
            .collect();
        let found = find(lexicon(), text);
        if found != expected {
            wrong.push(format!("{text:?}: expected {expected:?}, got {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn explain_agrees_with_find_drugs_and_names_the_rule() {
    for (text, _) in CASES {
        let found: Vec<(String, String)> =
            find(lexicon(), text).into_iter().map(|(surface, id)| (surface.to_owned(), id)).collect();
        let kept: Vec<(String, String)> = lexicon()
            .explain(text)
            .into_iter()
            .filter(|candidate| matches!(candidate.verdict, Verdict::Kept | Verdict::KeptByStem))
            .map(|candidate| (candidate.surface, candidate.drug_id))
            .collect();
        assert_eq!(kept, found, "{text:?}");
    }
    let verdict = |text: &str| lexicon().explain(text).iter().map(|c| c.verdict).collect::<Vec<_>>();
    assert_eq!(verdict("dopamine receptor"), [Verdict::ProteinHead]);
    assert_eq!(verdict("4-hydroxy-tamoxifen"), [Verdict::ChemicalPrefix]);
    assert_eq!(verdict("lead"), [Verdict::NoContext]);
    assert_eq!(verdict("tam"), [Verdict::LetterCase]);
    assert_eq!(verdict("cisplatin2"), [Verdict::InsideWord]);
    assert_eq!(verdict("amphotericin B"), [Verdict::Shorter, Verdict::Kept]);
    assert_eq!(verdict("xorfatinib"), [Verdict::KeptByStem]);
    let candidates = lexicon().explain("Platinol");
    assert_eq!((candidates[0].term.as_str(), candidates[0].source.as_str()), ("Platinol", "seed"));
}

#[test]
fn distinct_drugs_counts_ingredients() {
    let count = |text: &str, policy: CountPolicy| {
        let (mut scratch, mut mentions) = (MatchScratch::new(), Vec::new());
        lexicon().find_drugs(text, &mut scratch, &mut mentions);
        lexicon().distinct_drugs(text, &mentions, policy)
    };
    let default = CountPolicy::default();
    let plain = CountPolicy { count_regimen_members: false, count_classes: false };
    for (text, members, without) in [
        ("nothing", 0, 0),
        ("cisplatin, Platinol and CDDP", 1, 1),
        ("cisplatin and etoposide", 2, 2),
        ("FOLFOX", 3, 1),
        ("FOLFOX (5-FU, leucovorin, oxaliplatin)", 3, 4),
        ("R-CHOP", 5, 1),
        ("R-CHOP after CHOP and rituximab", 5, 3),
        ("Bactrim", 2, 1),
        ("Bactrim with trimethoprim", 2, 2),
        ("taxanes and cisplatin", 2, 1),
        ("xorfatinib and Xorfatinib", 1, 1),
        ("xorfatinib and morfatinib", 2, 2),
    ] {
        assert_eq!(count(text, default), members, "{text}");
        assert_eq!(count(text, plain), without, "{text}");
    }
}

#[test]
fn entries_tell_what_they_are() {
    let lexicon = lexicon();
    let (mut scratch, mut mentions) = (MatchScratch::new(), Vec::new());
    let text = "R-CHOP, taxanes, Bactrim, Oncovin, xorfatinib";
    lexicon.find_drugs(text, &mut scratch, &mut mentions);
    let kinds: Vec<EntryKind> = mentions.iter().map(|m| lexicon.kind(m.entry)).collect();
    assert_eq!(kinds, [EntryKind::Regimen, EntryKind::Class, EntryKind::Product, EntryKind::Drug, EntryKind::Stem]);
    let names: Vec<String> = mentions.iter().map(|m| lexicon.name(m, text).into_owned()).collect();
    assert_eq!(names, ["R-CHOP", "taxane", "co-trimoxazole", "vincristine", "xorfatinib"]);
    let members: Vec<&str> =
        lexicon.members(mentions[0].entry).iter().filter_map(|&m| lexicon.entry_drug_id(m)).collect();
    assert_eq!(members, ["seed:rituximab", "seed:regimen-chop"]);
    assert_eq!(lexicon.entry_class(mentions[3].entry), "antineoplastic");
    assert_eq!(lexicon.source(mentions[3].entry), "seed");
}
