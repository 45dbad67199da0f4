#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod artefact;
mod defined;
mod differential;
mod folding;
mod matching;
mod properties;
mod shared_data;
mod sources;

use std::path::Path;

use super::{Lexicon, LexiconBuilder, LexiconSource};

const INGREDIENTS: &str = "name\tclass\tsynonyms\tbrands\tabbreviations
# cytotoxic agents
cisplatin\tantineoplastic\tcisplatinum|cis-platinum|cis-diamminedichloroplatinum\tPlatinol\tCDDP|DDP
carboplatin\tantineoplastic\t\tParaplatin\tCBDCA
paclitaxel\tantineoplastic\t\tTaxol\tPTX
docetaxel\tantineoplastic\t\tTaxotere\tDTX
fluorouracil\tantineoplastic\t5-fluorouracil\tAdrucil\t5-FU
leucovorin\tantidote\tfolinic acid|calcium folinate\t\tLV
oxaliplatin\tantineoplastic\t\tEloxatin\tL-OHP
doxorubicin\tantineoplastic\tAdriamycin|hydroxydaunorubicin\tDoxil\tDOX|ADM
liposomal doxorubicin\tantineoplastic\tpegylated liposomal doxorubicin\tCaelyx\tPLD
cyclophosphamide\tantineoplastic\t\tCytoxan\tCTX
vincristine\tantineoplastic\t\tOncovin\tVCR
prednisone\tcorticosteroid\t\t\t
rituximab\tantibody\t\tMabThera|Rituxan\t
cytarabine\tantineoplastic\tcytosine arabinoside\t\tAra-C
interferon alfa\tcytokine\tinterferon-alpha\t\tIFN-α
interferon alfa-2b\tcytokine\t\tIntron A\t
tretinoin\tretinoid\tall-trans retinoic acid|vitamin A acid\t\tATRA
vitamin A\tvitamin\tretinol\t\t
sulfamethoxazole\tantibacterial\t\t\tSMX
trimethoprim\tantibacterial\t\t\tTMP
lopinavir\tantiretroviral\t\t\tLPV
ritonavir\tantiretroviral\t\tNorvir\tRTV
artesunate\tantimalarial\t\t\tAS
amodiaquine\tantimalarial\t\t\tAQ
lead\theavy metal\t\t\t
gold\tantirheumatic\t\t\t
time\tplaceholder\t\t\t
dopamine\tcatecholamine\t\t\t
insulin\thormone\t\t\t
tamoxifen\tantioestrogen\t\tNolvadex\tTAM
amphotericin B\tantifungal\tamphotericin\t\tAmB
exituximab\tantibody\t\t\t
metformin\tantidiabetic\t\tGlucophage\t
temozolomide\tantineoplastic\t\tTemodar\tTMZ
St. John's wort\therb\thypericum\t\t
beta-carotene\tcarotenoid\t\t\t
peginterferon alfa-2a\tcytokine\t\tPegasys\t
etoposide\tantineoplastic\t\tVepesid\tVP-16
";
const REGIMENS: &str = "name\tsynonyms\tmembers
FOLFOX\tmFOLFOX6|FOLFOX4\tfluorouracil|leucovorin|oxaliplatin
CHOP\t\tcyclophosphamide|doxorubicin|vincristine|prednisone
R-CHOP\t\trituximab|CHOP
7+3\t\tcytarabine|doxorubicin
DC\t\tdocetaxel|cyclophosphamide
";
const PRODUCTS: &str = "name\tsynonyms\tmembers
co-trimoxazole\tBactrim|trimethoprim-sulfamethoxazole\tsulfamethoxazole|trimethoprim
Z-1\tTZ-1\tsulfamethoxazole|trimethoprim
";
const CLASSES: &str = "name\tsynonyms
taxane\ttaxoid
platinum\tplatinum compound
anthracycline\t
tyrosine kinase inhibitor\tTKI
";
const SALTS: &str = "suffix\nhydrochloride\nHCl\nmesylate\nsodium\nsulfate\nacetate\nchloride\n";
const AMBIGUOUS: &str = "term\trule\tnote
time\tdrop\teveryday word
lead\tcontext\tthe metal or the verb
gold\tcontext\tgold standard
AS\tuppercase_only\tpreposition
TAM\tcase_sensitive\ttumour-associated macrophage
Z-1\tcontext\tZ1 protein
7+3\tcontext\tnumbers
";
const STEMS: &str = "stem\tkind\tmin_length\texceptions
-tinib\tsuffix\t8\t
-mab\tsuffix\t7\tmymab
-ciclib\tsuffix\t9\t
-vir\tsuffix\t7\tsequevir|elzevir
cef-\tprefix\t8\t
";

/// Writes the seed tables of these tests, with `change` applied to each.
fn write_seed(folder: &Path, change: impl Fn(&str, &str) -> String) {
    for (name, table) in [
        ("ingredients.tsv", INGREDIENTS),
        ("regimens.tsv", REGIMENS),
        ("products.tsv", PRODUCTS),
        ("classes.tsv", CLASSES),
        ("salts.tsv", SALTS),
        ("ambiguous.tsv", AMBIGUOUS),
        ("stems.tsv", STEMS),
    ] {
        std::fs::write(folder.join(name), change(name, table)).unwrap();
    }
}

fn seed_bytes() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    write_seed(folder.path(), |_, table| table.to_owned());
    let compiled = LexiconBuilder::new().source(LexiconSource::Seed(folder.path().to_owned())).compile().unwrap();
    assert_eq!(compiled.report.bad_rows, []);
    assert_eq!(compiled.report.unresolved_members, Vec::<String>::new());
    compiled.bytes
}

fn lexicon() -> &'static Lexicon {
    static LEXICON: std::sync::OnceLock<Lexicon> = std::sync::OnceLock::new();
    LEXICON.get_or_init(|| Lexicon::from_bytes(&seed_bytes()).unwrap())
}

/// A lexicon of bare names.
fn lexicon_of(names: &[String]) -> Option<Lexicon> {
    let folder = tempfile::tempdir().unwrap();
    let mut table = String::from("name\n");
    names.iter().for_each(|name| table.push_str(&format!("{name}\n")));
    std::fs::write(folder.path().join("ingredients.tsv"), table).unwrap();
    let limits = super::ReadLimits { bad_rows: usize::MAX, bad_share: 1.0 };
    let builder = LexiconBuilder::new().limits(limits).source(LexiconSource::Seed(folder.path().to_owned()));
    builder.compile().ok().map(|compiled| Lexicon::from_bytes(&compiled.bytes).unwrap())
}

/// Surface and id of each mention.
fn find<'t>(lexicon: &Lexicon, text: &'t str) -> Vec<(&'t str, String)> {
    let (mut scratch, mut mentions) = (super::MatchScratch::new(), Vec::new());
    lexicon.find_drugs(text, &mut scratch, &mut mentions);
    mentions.iter().map(|mention| (mention.surface(text), lexicon.drug_id(mention, text).into_owned())).collect()
}
