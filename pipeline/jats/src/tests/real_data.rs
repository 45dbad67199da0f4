//! Four open-access articles beside the repository: hand-checked counts and offsets, no text of theirs.

use super::differential::read_paragraphs;
use super::tree::paragraphs;
use crate::{Article, ArticleReader, SectionKind};

pub(super) fn shared(name: &str) -> Option<String> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/pmc").join(name);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(text),
        Err(_) => {
            eprintln!("skipped: {} is not there", path.display());
            None
        }
    }
}

pub(super) const NAMES: [&str; 4] =
    ["1471-2180-11-174.nxml", "6605965a.nxml", "pntd.0002065.nxml", "pone.0046493.nxml"];

fn load(name: &str) -> Option<Box<Article>> {
    shared(name).map(|text| ArticleReader::default().read(text.as_bytes(), name).unwrap())
}

#[test]
fn ids_licences_and_counts_are_those_counted_by_hand() {
    let expected = [
        ("PMC3166277", 21_810_267, Some("cc-by-2.0"), 2011, [64, 3, 1, 0]),
        ("PMC2994229", 21_045_829, None, 2010, [34, 2, 0, 1]),
        ("PMC3585041", 23_469_300, Some("cc-by"), 2013, [32, 5, 0, 1]),
        ("PMC3460867", 23_029_536, Some("cc-by"), 2012, [58, 3, 4, 1]),
    ];
    for (name, (pmcid, pmid, licence, year, counts)) in NAMES.into_iter().zip(expected) {
        let Some(article) = load(name) else { return };
        assert_eq!((article.pmcid.as_deref(), article.pmid), (Some(pmcid), Some(pmid)));
        assert_eq!(article.licence.as_ref().map(ToString::to_string).as_deref(), licence, "{name}");
        assert_eq!((article.pub_year, article.version), (Some(year), 1), "{name}");
        let excluded = article.excluded;
        let found = [excluded.references, excluded.tables, excluded.supplementary, excluded.back_matter];
        assert_eq!(found, counts, "{name}");
        assert_eq!((excluded.formulas, excluded.marks, excluded.sub_articles), (0, 0, 0), "{name}");
        assert!(!article.is_retracted && !article.is_retraction_notice && !article.is_corrected, "{name}");
    }
}

#[test]
fn captions_and_sections_are_where_a_reader_of_the_article_sees_them() {
    let count = |article: &Article, kind| article.sections.iter().filter(|section| section.kind == kind).count();
    for (name, figures, tables, depth) in
        [(NAMES[0], 4, 3, 3), (NAMES[1], 0, 2, 2), (NAMES[2], 1, 5, 3), (NAMES[3], 4, 3, 3)]
    {
        let Some(article) = load(name) else { return };
        assert_eq!(
            (count(&article, SectionKind::Figure), count(&article, SectionKind::Table)),
            (figures, tables),
            "{name}"
        );
        let deepest = article.sections.iter().map(|section| section.path.split(" > ").count()).max();
        assert_eq!(deepest, Some(depth), "{name}");
        for kind in [SectionKind::Methods, SectionKind::Results, SectionKind::Discussion] {
            assert!(count(&article, kind) > 0, "{name} {}", kind.label());
        }
    }
    // The summary for lay readers of one article stands apart from its abstract.
    let Some(article) = load(NAMES[2]) else { return };
    assert_eq!(
        article.other_texts.iter().map(|other| other.abstract_type.as_deref()).collect::<Vec<_>>(),
        [Some("summary")]
    );
}

/// Offsets into title and sections joined by line feeds, in code points, found in title and abstract without the reader.
#[test]
fn words_stand_at_the_offsets_found_by_hand() {
    let expected: [(&str, &[usize]); 4] = [
        ("MLT", &[591, 966]),
        ("colorectal", &[54, 274, 376, 506, 746, 1170, 1299]),
        ("RVF", &[131, 388, 771, 782, 1234, 1305, 1528]),
        ("MmPPOX", &[0, 908, 954]),
    ];
    for (name, (word, offsets)) in NAMES.into_iter().zip(expected) {
        let Some(article) = load(name) else { return };
        let sections = article.sections.iter().map(|section| section.text.as_str());
        let text = std::iter::once(article.title.as_str()).chain(sections).collect::<Vec<_>>().join("\n");
        let found: Vec<usize> =
            text.match_indices(word).take(offsets.len()).map(|(byte, _)| text[..byte].chars().count()).collect();
        assert_eq!(found, offsets, "{name}");
    }
}

#[test]
fn real_articles_read_as_the_tree_walk_reads_them() {
    for name in NAMES {
        let Some(text) = shared(name) else { return };
        assert_eq!(read_paragraphs(&text), paragraphs(&text), "{name}");
    }
}

#[test]
fn no_paragraph_holds_markup_or_loose_white_space() {
    for name in NAMES {
        let Some(article) = load(name) else { return };
        for section in &article.sections {
            assert!(
                !section.text.is_empty() && !section.text.contains("  ") && !section.text.contains("\n\n"),
                "{name}"
            );
            assert!(section.text.lines().all(|line| line.trim_matches(' ') == line && !line.is_empty()), "{name}");
            for tag in ["<italic", "<xref", "</", "&#x", "&amp;"] {
                assert!(!section.text.contains(tag), "{name}: {tag}");
            }
        }
    }
}
