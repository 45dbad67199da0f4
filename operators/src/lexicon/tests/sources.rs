use std::path::Path;

use super::super::{EntryKind, Lexicon, LexiconBuilder, LexiconError, LexiconSource, MatchScratch, ReadLimits};
use super::{find, write_seed};

fn write(folder: &Path, name: &str, text: &str) -> std::path::PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

const DRUGBANK: &str = "DrugBank ID,Accession Numbers,Common name,CAS,UNII,Synonyms,Standard InChI Key
DB90001,,Cisplatin,1-1-1,U,CACP | Cisplatino | Cis-DDP,K
DB90002,X | Y,Examplomab,,,\"Examplomabum | Ex, amplo\",
XX1,,Nothing,,,,
DB90003,,,,,Nameless,
DB90004,short row
DB90005,,Zinc sulfate,,,White vitriol | lead | time | Water of | 12-34,
";
const MESH: &str = "Mesh ID,Common name,Synonyms
D900001,Cis-Platinum,Neoplatin|Cisplatyl
Q1,Wrong,
D900002,Examplomab,EXM|Exmab Brand
";

#[test]
fn drugbank_and_mesh_rows_merge_by_name_and_bad_rows_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    write_seed(folder.path(), |_, table| table.to_owned());
    let compiled = LexiconBuilder::new()
        .source(LexiconSource::Seed(folder.path().to_owned()))
        .source(LexiconSource::DrugBank(write(folder.path(), "drugbank.csv", DRUGBANK)))
        .source(LexiconSource::Mesh(write(folder.path(), "mesh.csv", MESH)))
        .compile()
        .unwrap();
    let bad: Vec<String> = compiled.report.bad_rows.iter().map(ToString::to_string).collect();
    assert_eq!(
        bad,
        [
            "drugbank.csv:4: \"XX1\" is not a DrugBank ID",
            "drugbank.csv:5: drugbank:DB90003 has no name",
            "drugbank.csv:6: expected 7 cells, got 2",
            "mesh.csv:3: \"Q1\" is not a Mesh ID",
        ]
    );
    assert_eq!(compiled.report.sources[1].bad_rows, 3);
    let lexicon = Lexicon::from_bytes(&compiled.bytes).unwrap();
    let ids = |text: &str| find(&lexicon, text).into_iter().map(|(_, id)| id).collect::<Vec<_>>();
    assert_eq!(ids("Cisplatino or cis-DDP or Cisplatyl"), ["seed:cisplatin"; 3]);
    assert_eq!(ids("examplomabum, EXM, exmab brand, exm"), ["drugbank:DB90002"; 3]);
    assert_eq!(ids("zinc sulfate"), ["drugbank:DB90005"]);
    assert_eq!(ids("white vitriol"), ["drugbank:DB90005"]);
    // The ambiguity list of the seed rules every source.
    assert_eq!(ids("time, 12-34"), Vec::<String>::new());
    let (mut scratch, mut mentions) = (MatchScratch::new(), Vec::new());
    lexicon.find_drugs("cisplatin", &mut scratch, &mut mentions);
    assert_eq!(lexicon.cross_references(mentions[0].entry), ["drugbank:DB90001", "mesh:D900001"]);
}

#[test]
fn salts_merge_into_their_base_but_not_into_a_salt_word() {
    let folder = tempfile::tempdir().unwrap();
    write_seed(folder.path(), |_, table| table.to_owned());
    let table = "id\tname\tsynonyms\nx:1\tDoxorubicin hydrochloride\tRubexol\nx:2\tsodium chloride\tsaline\n";
    let plain = write(folder.path(), "plain.tsv", table);
    let compiled = LexiconBuilder::new()
        .source(LexiconSource::Seed(folder.path().to_owned()))
        .source(LexiconSource::Plain(plain))
        .compile()
        .unwrap();
    let lexicon = Lexicon::from_bytes(&compiled.bytes).unwrap();
    assert_eq!(find(&lexicon, "Rubexol, saline"), [("Rubexol", "seed:doxorubicin".into()), ("saline", "x:2".into())]);
}

#[test]
fn vocabularies_lose_hopeless_names() {
    let folder = tempfile::tempdir().unwrap();
    let long = "methyl-".repeat(30);
    let table =
        format!("id\tname\tsynonyms\nx:1\tRealdrugol\tII|12-3|water|Advantage|{long}|EXD|ab\n\tnoid\t\nx:2\t\t\n");
    let path = write(folder.path(), "plain.tsv", &table);
    let compiled = LexiconBuilder::new().source(LexiconSource::Plain(path)).compile().unwrap();
    assert_eq!(compiled.report.dropped.get("no letter"), Some(&1));
    assert_eq!(compiled.report.dropped.get("too long for running text"), Some(&1));
    assert_eq!(compiled.report.dropped.get("shorter than three characters"), Some(&2));
    assert_eq!(compiled.report.dropped.get("common word"), Some(&1));
    let bad: Vec<String> = compiled.report.bad_rows.iter().map(ToString::to_string).collect();
    assert_eq!(bad, ["plain.tsv:3: empty id", "plain.tsv:4: x:2 has no name"]);
    let lexicon = Lexicon::from_bytes(&compiled.bytes).unwrap();
    assert_eq!(find(&lexicon, "the advantage to exd EXD"), [("EXD", "x:1".into())]);
}

const RXNCONSO: &str = "\
11|ENG||||||11A|||||RXNORM|IN|11|alphadrug||N||
bad line
12|ENG||||||12A|||||RXNORM|IN|12|betadrug||N||
";

/// One RXNCONSO row with its 18 fields.
fn concept(cui: &str, source: &str, term_type: &str, name: &str, suppress: &str) -> String {
    format!("{cui}|ENG||||||{cui}A||||{source}|{term_type}|{cui}|{name}||{suppress}||\n")
}

fn relation(first: &str, second: &str, kind: &str) -> String {
    format!("{first}||CUI|RN|{second}||CUI|{kind}|||RXNORM|RXNORM|||||\n")
}

#[test]
fn rxnorm_links_brands_forms_and_combinations() {
    let folder = tempfile::tempdir().unwrap();
    let concepts = [
        concept("5", "RXNORM", "BN", "Alphabrand", "N"),
        concept("11", "RXNORM", "IN", "alphadrug", "N"),
        concept("11", "RXNORM", "SY", "alphadrugum", "N"),
        concept("11", "RXNORM", "TMSY", "alphaDRUG", "N"),
        concept("12", "RXNORM", "IN", "betadrug", "N"),
        concept("13", "RXNORM", "PIN", "alphadrug mesylate", "N"),
        concept("14", "RXNORM", "MIN", "alphadrug / betadrug", "N"),
        concept("15", "RXNORM", "BN", "Twobrand", "N"),
        concept("16", "RXNORM", "BN", "Lonebrand", "N"),
        concept("17", "RXNORM", "SCD", "alphadrug 5 MG Oral Tablet", "N"),
        concept("18", "MTHSPL", "SU", "otherdrug", "N"),
        concept("19", "RXNORM", "IN", "olddrugol", "O"),
        concept("x", "RXNORM", "IN", "wrongid", "N"),
        concept("20", "RXNORM", "IN", " ", "N"),
        RXNCONSO.lines().nth(1).map(|line| format!("{line}\n")).unwrap(),
    ]
    .concat();
    let relations = [
        relation("11", "5", "tradename_of"),
        relation("15", "11", "has_tradename"),
        relation("12", "15", "tradename_of"),
        relation("11", "13", "form_of"),
        relation("11", "14", "part_of"),
        relation("12", "14", "part_of"),
        relation("11", "12", "interacts_with"),
        relation("y", "12", "part_of"),
        "short|row|\n".to_owned(),
    ]
    .concat();
    let source = LexiconSource::RxNorm {
        concepts: write(folder.path(), "RXNCONSO.RRF", &concepts),
        relations: Some(write(folder.path(), "RXNREL.RRF", &relations)),
    };
    let compiled = LexiconBuilder::new().source(source).compile().unwrap();
    let bad: Vec<String> = compiled.report.bad_rows.iter().map(ToString::to_string).collect();
    assert_eq!(
        bad,
        [
            "RXNCONSO.RRF:13: RXCUI \"x\" is not a number",
            "RXNCONSO.RRF:14: RXCUI 20 has an empty name",
            "RXNCONSO.RRF:15: expected 18 fields, got 1",
            "RXNREL.RRF:8: RXCUI \"y\" or \"12\" is not a number",
            "RXNREL.RRF:9: expected 16 fields, got 2",
        ]
    );
    let lexicon = Lexicon::from_bytes(&compiled.bytes).unwrap();
    let ids = |text: &str| find(&lexicon, text).into_iter().map(|(_, id)| id).collect::<Vec<_>>();
    assert_eq!(ids("alphabrand, alphadrugum, ALPHADRUG, alphadrug mesylate"), ["rxnorm:11"; 4]);
    assert_eq!(ids("Twobrand; Lonebrand; otherdrug; olddrugol"), ["rxnorm:15", "rxnorm:16"]);
    assert_eq!(ids("alphadrug/betadrug"), ["rxnorm:14"]);
    for id in ["rxnorm:14", "rxnorm:15"] {
        let entry = lexicon.entry_ids().find(|&entry| lexicon.entry_drug_id(entry) == Some(id)).unwrap();
        assert_eq!(lexicon.kind(entry), EntryKind::Product);
        let members: Vec<&str> = lexicon.members(entry).iter().filter_map(|&m| lexicon.entry_drug_id(m)).collect();
        assert_eq!(members, ["rxnorm:11", "rxnorm:12"]);
    }
}

#[test]
fn seed_rows_that_cannot_be_used_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    write_seed(folder.path(), |name, table| match name {
        "regimens.tsv" => format!("{table}EMPTY\t\t\nXY-Z\t\tcisplatin|unheardof\n"),
        "ambiguous.tsv" => format!("{table}word\tmaybe\t\n"),
        "stems.tsv" => format!("{table}-ab\tsuffix\t\t\n-limus\tsuffix\tmany\t\n"),
        "salts.tsv" => format!("{table}a\tb\n"),
        _ => table.to_owned(),
    });
    let compiled = LexiconBuilder::new().source(LexiconSource::Seed(folder.path().to_owned())).compile().unwrap();
    let bad: Vec<String> = compiled.report.bad_rows.iter().map(ToString::to_string).collect();
    assert_eq!(
        bad,
        [
            "regimens.tsv:7: regimen \"EMPTY\" has no members",
            "salts.tsv:9: expected at most 1 cells, got 2",
            "ambiguous.tsv:9: unknown rule \"maybe\", expected drop, case_sensitive, uppercase_only or context",
            "stems.tsv:7: stem \"-ab\" is not at least three ASCII letters",
            "stems.tsv:8: min_length \"many\" is not a number",
        ]
    );
    assert_eq!(compiled.report.unresolved_members, ["XY-Z: unheardof"]);
}

#[test]
fn too_many_bad_rows_missing_columns_and_empty_lists_stop_the_build() {
    let folder = tempfile::tempdir().unwrap();
    let bad = write(folder.path(), "bad.tsv", &format!("id\tname\n{}x:1\tgooddrugol\n", "\tnoid\n".repeat(30)));
    let error = LexiconBuilder::new().source(LexiconSource::Plain(bad.clone())).compile().unwrap_err();
    assert!(matches!(&error, LexiconError::TooManyBadRows { bad: 30, rows: 31, limit: 20, .. }), "{error}");
    assert!(error.to_string().contains("bad.tsv:2: empty id"), "{error}");
    let limits = ReadLimits { bad_rows: 30, bad_share: 0.0 };
    assert!(LexiconBuilder::new().limits(limits).source(LexiconSource::Plain(bad)).compile().is_ok());

    let other = write(folder.path(), "other.csv", "a,b,c\n1,2,3\n");
    let error = LexiconBuilder::new().source(LexiconSource::DrugBank(other)).compile().unwrap_err();
    assert!(matches!(&error, LexiconError::MissingColumn { column, .. } if column == "DrugBank ID"), "{error}");
    let error = LexiconBuilder::new().source(LexiconSource::Seed(folder.path().join("none"))).compile().unwrap_err();
    assert!(matches!(error, LexiconError::Io { .. }), "{error}");
    assert!(matches!(LexiconBuilder::new().compile(), Err(LexiconError::Empty { sources: 0 })));
}
