//! RxNorm's Rich Release Format: `RXNCONSO.RRF` (names) and `RXNREL.RRF` (relations), fields ended by `|`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::super::error::LexiconError;
use super::super::model::EntryKind;
use super::{Record, SourceData, TermRole, file_name, read_text};

/// Fields of RXNCONSO that are read, by position.
const RXCUI: usize = 0;
const LANGUAGE: usize = 1;
const SOURCE: usize = 11;
const TERM_TYPE: usize = 12;
const NAME: usize = 14;
const SUPPRESS: usize = 16;
const CONCEPT_FIELDS: usize = 18;
const RELATION_FIELDS: usize = 16;

#[derive(Default)]
struct Concept {
    /// Type of the preferred name: IN, PIN, MIN or BN.
    term_type: String,
    name: String,
    synonyms: Vec<String>,
    line: u64,
}

pub(super) fn read(concepts: &Path, relations: Option<&Path>) -> Result<SourceData, LexiconError> {
    let (text, file) = read_text(concepts)?;
    let mut data = SourceData { name: "rxnorm".to_owned(), files: vec![file], ..SourceData::default() };
    let mut found: BTreeMap<u64, Concept> = BTreeMap::new();
    let name = file_name(concepts);
    for (line, fields) in rows(&text) {
        data.rows += 1;
        if fields.len() != CONCEPT_FIELDS {
            data.bad(&name, line, format!("expected {CONCEPT_FIELDS} fields, got {}", fields.len()));
            continue;
        }
        let field = |at: usize| fields.get(at).copied().unwrap_or_default();
        if field(SOURCE) != "RXNORM" || field(LANGUAGE) != "ENG" || !matches!(field(SUPPRESS), "N" | "") {
            continue;
        }
        let is_preferred = match field(TERM_TYPE) {
            "IN" | "PIN" | "MIN" | "BN" => true,
            "SY" | "TMSY" => false,
            _ => continue,
        };
        let Ok(cui) = field(RXCUI).parse::<u64>() else {
            data.bad(&name, line, format!("RXCUI {:?} is not a number", field(RXCUI)));
            continue;
        };
        if field(NAME).trim().is_empty() {
            data.bad(&name, line, format!("RXCUI {cui} has an empty name"));
            continue;
        }
        let concept = found.entry(cui).or_default();
        if is_preferred && concept.name.is_empty() {
            concept.term_type = field(TERM_TYPE).to_owned();
            concept.name = field(NAME).to_owned();
            concept.line = line;
        } else {
            concept.synonyms.push(field(NAME).to_owned());
        }
    }
    // Synonyms of forms and packs that were not read have no preferred name here.
    found.retain(|_, concept| !concept.name.is_empty());
    let links = match relations {
        Some(path) => read_links(path, &found, &mut data)?,
        None => BTreeMap::new(),
    };
    // Ingredients first, so that an entry keeps the id of its ingredient and not of a brand.
    for ingredients in [true, false] {
        for (cui, concept) in found.iter().filter(|(_, concept)| (concept.term_type == "IN") == ingredients) {
            push(*cui, concept, &found, &links, &name, &mut data);
        }
    }
    Ok(data)
}

fn rows(text: &str) -> impl Iterator<Item = (u64, Vec<&str>)> {
    text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).map(|(index, line)| {
        let line = line.strip_suffix('|').unwrap_or(line);
        (index as u64 + 1, line.split('|').collect())
    })
}

/// Brand, form or combination to its ingredients. Both directions of a relation are in the file; the types of the two
/// concepts tell which is which.
fn read_links(
    path: &Path,
    found: &BTreeMap<u64, Concept>,
    data: &mut SourceData,
) -> Result<BTreeMap<u64, BTreeSet<u64>>, LexiconError> {
    let (text, file) = read_text(path)?;
    data.files.push(file);
    let name = file_name(path);
    let mut links: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
    for (line, fields) in rows(&text) {
        data.rows += 1;
        if fields.len() != RELATION_FIELDS {
            data.bad(&name, line, format!("expected {RELATION_FIELDS} fields, got {}", fields.len()));
            continue;
        }
        let field = |at: usize| fields.get(at).copied().unwrap_or_default();
        if field(2) != "CUI" || field(6) != "CUI" {
            continue;
        }
        if !matches!(field(7), "tradename_of" | "has_tradename" | "form_of" | "has_form" | "has_part" | "part_of") {
            continue;
        }
        let (Ok(first), Ok(second)) = (field(0).parse::<u64>(), field(4).parse::<u64>()) else {
            data.bad(&name, line, format!("RXCUI {:?} or {:?} is not a number", field(0), field(4)));
            continue;
        };
        let type_of = |cui: &u64| found.get(cui).map(|concept| concept.term_type.as_str());
        match (type_of(&first), type_of(&second)) {
            (Some("IN"), Some("BN" | "PIN" | "MIN")) => links.entry(second).or_default().insert(first),
            (Some("BN" | "PIN" | "MIN"), Some("IN")) => links.entry(first).or_default().insert(second),
            _ => continue,
        };
    }
    Ok(links)
}

fn push(
    cui: u64,
    concept: &Concept,
    found: &BTreeMap<u64, Concept>,
    links: &BTreeMap<u64, BTreeSet<u64>>,
    file: &str,
    data: &mut SourceData,
) {
    let linked: Vec<&Concept> = links.get(&cui).into_iter().flatten().filter_map(|cui| found.get(cui)).collect();
    let names =
        |concept: &Concept| std::iter::once(concept.name.clone()).chain(concept.synonyms.iter().cloned()).collect();
    let all_names: Vec<String> = names(concept);
    let with_role = |role: TermRole, names: Vec<String>| names.into_iter().map(|name| (role, name)).collect();
    let mut record = Record {
        id: format!("rxnorm:{cui}"),
        name: concept.name.clone(),
        kind: EntryKind::Drug,
        class: String::new(),
        terms: with_role(TermRole::Synonym, concept.synonyms.clone()),
        members: Vec::new(),
        file: file.to_owned(),
        line: concept.line,
    };
    match (concept.term_type.as_str(), linked.as_slice()) {
        // One ingredient behind it: another name of that ingredient.
        ("BN", [ingredient]) => {
            record.name.clone_from(&ingredient.name);
            record.terms = with_role(TermRole::Brand, all_names);
        }
        ("PIN", [ingredient]) => {
            record.name.clone_from(&ingredient.name);
            record.terms = with_role(TermRole::Synonym, all_names);
        }
        ("BN" | "MIN", [_, _, ..]) => {
            record.kind = EntryKind::Product;
            record.members = linked.iter().map(|member| member.name.clone()).collect();
        }
        ("MIN", _) => {
            let members: Vec<String> = concept.name.split(" / ").map(|part| part.trim().to_owned()).collect();
            if members.len() > 1 {
                record.kind = EntryKind::Product;
                record.members = members;
            }
        }
        _ => {}
    }
    data.records.push(record);
}
