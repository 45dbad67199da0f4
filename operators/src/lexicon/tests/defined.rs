//! Short forms that a document defines.

use super::super::{DefinedDrugs, DrugMention, MatchScratch};
use super::lexicon;

/// Surface and id of the mentions of `sentence` in `document`.
fn find(document: &str, sentence: &str) -> Vec<(String, String)> {
    let lexicon = lexicon();
    let (mut scratch, mut mentions) = (MatchScratch::new(), Vec::new());
    let mut defined = DefinedDrugs::default();
    defined.read(lexicon, document, &mut scratch);
    lexicon.find_drugs(sentence, &mut scratch, &mut mentions);
    defined.add(sentence, &mut mentions);
    assert!(mentions.windows(2).all(|pair| pair[0].end <= pair[1].start), "{mentions:?}");
    let show =
        |mention: &DrugMention| (mention.surface(sentence).to_owned(), lexicon.drug_id(mention, sentence).into_owned());
    mentions.iter().map(show).collect()
}

#[test]
fn a_definition_holds_in_every_sentence_of_its_document() {
    for (document, sentence, expected) in [
        (
            "We gave oxaliplatin (OXP).",
            "OXP-based, OXP/5-FU and (OXP).",
            vec![("OXP", "oxaliplatin"), ("OXP", "oxaliplatin"), ("5-FU", "fluorouracil"), ("OXP", "oxaliplatin")],
        ),
        ("OXP (oxaliplatin) was given.", "OXP", vec![("OXP", "oxaliplatin")]),
        ("We gave oxaliplatin (OXP).", "oxp, OXPs, FOXP, OXP-21", vec![]),
        // A gene of that name, and a combination with another short form.
        ("metformin (Met)", "c-Met, v-Met; Met", vec![("Met", "metformin")]),
        ("oxaliplatin (OXP)", "GEM-OXP and B6-OXP", vec![("OXP", "oxaliplatin"), ("OXP", "oxaliplatin")]),
        ("No definition.", "OXP", vec![]),
        ("The overall ox percentage (OXP).", "OXP", vec![]),
        // The document's own meaning of letters that the list knows otherwise.
        ("We gave docetaxel (DOX).", "DOX then cisplatin", vec![("DOX", "docetaxel"), ("cisplatin", "cisplatin")]),
        ("Nothing.", "DOX", vec![("DOX", "doxorubicin")]),
        // Two drugs in the long form are no drug of their own.
        ("cisplatin paclitaxel (CP)", "CP", vec![]),
        // A short form inside a longer name is left to the name.
        ("interferon alfa (IFN)", "IFN-α", vec![("IFN-α", "interferon-alfa")]),
    ] {
        let expected: Vec<(String, String)> =
            expected.into_iter().map(|(surface, id)| (surface.to_owned(), format!("seed:{id}"))).collect();
        assert_eq!(find(document, sentence), expected, "{document} | {sentence}");
    }
}
