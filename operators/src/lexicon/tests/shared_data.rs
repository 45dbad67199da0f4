//! Recall and precision on annotated data, when it is there.

use std::path::{Path, PathBuf};

use super::super::{Lexicon, LexiconBuilder, LexiconSource, MatchScratch};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).to_owned()
}

fn shared(name: &str) -> Option<PathBuf> {
    let path = repository().parent().unwrap_or(Path::new(".")).join("shared/data").join(name);
    if !path.exists() {
        eprintln!("skipped: shared data {name} is not there");
    }
    path.exists().then_some(path)
}

fn seed() -> Option<LexiconBuilder> {
    let folder = repository().join("data/lexicon");
    if !folder.join("ingredients.tsv").exists() {
        eprintln!("skipped: the seed lexicon is not there");
        return None;
    }
    Some(LexiconBuilder::new().source(LexiconSource::Seed(folder)))
}

/// A text and its gold spans in bytes.
type Annotated = (String, Vec<(usize, usize)>);

fn drugcomb(path: &Path) -> Vec<Annotated> {
    let rows = std::fs::read_to_string(path).unwrap();
    let rows = rows.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    rows.map(|row| {
        let text = row["sentence"].as_str().unwrap().to_owned();
        let offsets: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        let at = |value: &serde_json::Value| offsets[value.as_u64().unwrap() as usize];
        let spans = row["spans"].as_array().unwrap().iter().map(|span| (at(&span["start"]), at(&span["end"])));
        let spans = spans.collect();
        (text, spans)
    })
    .collect()
}

fn iob(path: &Path) -> Vec<Annotated> {
    let mut annotated = Vec::new();
    let (mut text, mut spans): (String, Vec<(usize, usize)>) = (String::new(), Vec::new());
    for line in std::fs::read_to_string(path).unwrap().lines().chain([""]) {
        let Some((word, tag)) = line.split_once('\t') else {
            annotated.push((std::mem::take(&mut text), std::mem::take(&mut spans)));
            continue;
        };
        if !text.is_empty() {
            text.push(' ');
        }
        let start = text.len();
        text.push_str(word);
        match (tag.as_bytes().first(), spans.last_mut()) {
            (Some(b'B'), _) => spans.push((start, text.len())),
            (Some(b'I'), Some(last)) => last.1 = text.len(),
            _ => {}
        }
    }
    annotated
}

/// Exact-span recall and precision.
fn score(lexicon: &Lexicon, data: &[Annotated]) -> (f64, f64) {
    let (mut scratch, mut mentions) = (MatchScratch::new(), Vec::new());
    let (mut gold, mut found, mut hit) = (0usize, 0usize, 0usize);
    for (text, spans) in data {
        lexicon.find_drugs(text, &mut scratch, &mut mentions);
        let is_found = |span: &&(usize, usize)| mentions.iter().any(|m| (m.start as usize, m.end as usize) == **span);
        gold += spans.len();
        found += mentions.len();
        hit += spans.iter().filter(is_found).count();
    }
    (hit as f64 / gold.max(1) as f64, hit as f64 / found.max(1) as f64)
}

fn load(builder: &LexiconBuilder) -> Lexicon {
    Lexicon::from_bytes(&builder.compile().unwrap().bytes).unwrap()
}

#[test]
fn the_seed_lexicon_finds_the_drugs_of_drugcomb() {
    let (Some(path), Some(seed)) = (shared("drugcomb/train.jsonl"), seed()) else { return };
    let (recall, precision) = score(&load(&seed), &drugcomb(&path));
    println!("seed on DrugComb train: recall {recall:.4} precision {precision:.4}");
    assert!(recall >= 0.93, "exact-span recall {recall:.4}");
    assert!(precision >= 0.70, "exact-span precision {precision:.4}");
}

#[test]
fn open_vocabularies_add_to_the_seed() {
    let (Some(drugbank), Some(mesh)) = (shared("lexicon/drugbank_vocabulary.csv"), shared("lexicon/mesh_drugs.csv"))
    else {
        return;
    };
    let (Some(train), Some(chemicals)) = (shared("drugcomb/train.jsonl"), shared("bc5cdr/chem-devel.iob.tsv")) else {
        return;
    };
    let open = LexiconBuilder::new()
        .source(LexiconSource::DrugBank(drugbank.clone()))
        .source(LexiconSource::Mesh(mesh.clone()));
    let (recall, precision) = score(&load(&open), &drugcomb(&train));
    println!("DrugBank and MeSH on DrugComb train: recall {recall:.4} precision {precision:.4}");
    assert!(recall >= 0.93, "exact-span recall {recall:.4}");
    let Some(seed) = seed() else { return };
    let all = load(&seed.source(LexiconSource::DrugBank(drugbank)).source(LexiconSource::Mesh(mesh)));
    for (name, data, least) in [("DrugComb train", drugcomb(&train), 0.94), ("BC5CDR devel", iob(&chemicals), 0.75)] {
        let (recall, precision) = score(&all, &data);
        println!("seed, DrugBank and MeSH on {name}: recall {recall:.4} precision {precision:.4}");
        assert!(recall >= least, "exact-span recall {recall:.4} on {name}");
    }
}
