//! Every real file, compared with an independent reader: a whole-tree walk over quick-xml events.

use std::io::Read;
use std::path::{Path, PathBuf};

use quick_xml::events::{BytesStart, Event};

use super::*;

/// An element of the oracle's tree.
#[derive(Default)]
struct Node {
    name: String,
    attributes: Vec<(String, String)>,
    children: Vec<Child>,
}

enum Child {
    Element(Node),
    Text(String),
}

impl Node {
    fn new(start: &BytesStart<'_>) -> Self {
        let attributes = start
            .attributes()
            .map(|attribute| {
                let attribute = attribute.unwrap();
                let value = quick_xml::escape::unescape(&attribute.value).unwrap().into_owned();
                (attribute.key.as_ref().to_owned(), value)
            })
            .collect();
        Self { name: start.name().as_ref().to_owned(), attributes, children: Vec::new() }
    }

    fn elements(&self) -> impl Iterator<Item = &Node> {
        self.children.iter().filter_map(|child| match child {
            Child::Element(node) => Some(node),
            Child::Text(_) => None,
        })
    }

    /// Nodes at a path of child names.
    fn all(&self, path: &[&str]) -> Vec<&Node> {
        match path {
            [] => vec![self],
            [first, rest @ ..] => {
                self.elements().filter(|node| node.name == *first).flat_map(|node| node.all(rest)).collect()
            }
        }
    }

    fn raw_text(&self) -> String {
        self.children
            .iter()
            .map(|child| match child {
                Child::Element(node) => node.raw_text(),
                Child::Text(text) => text.clone(),
            })
            .collect()
    }

    fn text(&self) -> String {
        let text = self.raw_text();
        text.split([' ', '\n', '\t', '\r']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    }

    fn texts(&self, path: &[&str]) -> Vec<String> {
        self.all(path).iter().map(|node| node.text()).filter(|text| !text.is_empty()).collect()
    }

    fn first_text(&self, path: &[&str]) -> String {
        self.all(path).first().map(|node| node.text()).unwrap_or_default()
    }

    fn attribute(&self, name: &str) -> Option<String> {
        let found = self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        found.filter(|value| !value.is_empty())
    }
}

fn tree(xml: &str) -> Node {
    let mut reader = quick_xml::Reader::from_str(xml);
    let mut stack = vec![Node::default()];
    loop {
        let event = reader.read_event().unwrap();
        let text = |text: &str| Child::Text(text.to_owned());
        match event {
            Event::Eof => break,
            Event::Start(start) => stack.push(Node::new(&start)),
            Event::Empty(start) => stack.last_mut().unwrap().children.push(Child::Element(Node::new(&start))),
            Event::End(_) => {
                let node = stack.pop().unwrap();
                stack.last_mut().unwrap().children.push(Child::Element(node));
            }
            Event::Text(found) => {
                let found = (*found).to_owned();
                stack.last_mut().unwrap().children.push(text(&found));
            }
            Event::CData(found) => {
                let found = (*found).to_owned();
                stack.last_mut().unwrap().children.push(text(&found));
            }
            Event::GeneralRef(found) => {
                let name = (*found).to_owned();
                let value = match found.resolve_char_ref().unwrap() {
                    Some(character) => character.to_string(),
                    None => {
                        quick_xml::escape::resolve_predefined_entity(&name).map_or(format!("&{name};"), str::to_owned)
                    }
                };
                stack.last_mut().unwrap().children.push(text(&value));
            }
            _ => {}
        }
    }
    assert_eq!(stack.len(), 1);
    stack.pop().unwrap()
}

/// Compares everything but the position.
fn compare(node: &Node, article: &PubmedRecord) {
    let pmid = &node.all(&["MedlineCitation", "PMID"])[0];
    assert_eq!(pmid.text(), article.pmid.to_string());
    assert_eq!(pmid.attribute("Version").unwrap_or("1".to_owned()), article.version.to_string());
    let inner = node.all(&["MedlineCitation", "Article"])[0];
    let (title, vernacular) = (inner.first_text(&["ArticleTitle"]), inner.first_text(&["VernacularTitle"]));
    let falls_back = ["", "[Not Available]", "[Not Available]."].contains(&title.as_str()) && !vernacular.is_empty();
    assert_eq!(article.title_is_vernacular, falls_back);
    assert_eq!(article.title, if falls_back { vernacular } else { title });
    let sections: Vec<AbstractSection> = inner
        .all(&["Abstract", "AbstractText"])
        .into_iter()
        .map(|section| AbstractSection {
            label: section.attribute("Label"),
            nlm_category: section.attribute("NlmCategory"),
            text: section.text(),
        })
        .filter(|section| !section.text.is_empty())
        .collect();
    assert_eq!(article.sections, sections, "pmid {}", article.pmid);
    let others: Vec<OtherAbstract> = node
        .all(&["MedlineCitation", "OtherAbstract"])
        .into_iter()
        .map(|other| OtherAbstract {
            language: other.attribute("Language"),
            abstract_type: other.attribute("Type"),
            text: other.texts(&["AbstractText"]).join("\n"),
        })
        .filter(|other| !other.text.is_empty())
        .collect();
    assert_eq!(article.other_abstracts, others);
    assert_eq!(article.languages, inner.texts(&["Language"]));
    assert_eq!(article.journal, inner.first_text(&["Journal", "Title"]));
    assert_eq!(article.journal_iso.clone().unwrap_or_default(), inner.first_text(&["Journal", "ISOAbbreviation"]));
    let date = &inner.all(&["Journal", "JournalIssue", "PubDate"])[0];
    assert_eq!(article.pub_date_raw, date.elements().map(Node::text).collect::<Vec<_>>().join(" "));
    let year = |text: String| text.get(..4).and_then(|year| year.parse::<i32>().ok());
    let expected =
        [date.first_text(&["Year"]), date.first_text(&["MedlineDate"]), inner.first_text(&["ArticleDate", "Year"])];
    assert_eq!(article.pub_year, expected.into_iter().find_map(year), "pmid {}", article.pmid);
    assert_eq!(article.publication_types, inner.texts(&["PublicationTypeList", "PublicationType"]));
    let own = |kind: &str| {
        let ids = node.all(&["PubmedData", "ArticleIdList", "ArticleId"]);
        ids.into_iter().find(|id| id.attribute("IdType").as_deref() == Some(kind)).map(Node::text)
    };
    let location = inner.all(&["ELocationID"]).into_iter().find(|id| {
        id.attribute("EIdType").as_deref() == Some("doi") && id.attribute("ValidYN").as_deref() != Some("N")
    });
    assert_eq!(article.doi, own("doi").or(location.map(Node::text)));
    assert_eq!(article.pmcid, own("pmc"));
    let kinds: Vec<String> = node
        .all(&["MedlineCitation", "CommentsCorrectionsList", "CommentsCorrections"])
        .iter()
        .filter_map(|reference| reference.attribute("RefType"))
        .collect();
    let is = |names: &[&str]| {
        let types = article.publication_types.iter().chain(&kinds);
        types.into_iter().any(|name| names.contains(&name.as_str()))
    };
    assert_eq!(article.is_retracted, is(&["Retracted Publication", "RetractionIn"]));
    assert_eq!(article.is_retraction_notice, is(&["Retraction of Publication", "Retraction Notice", "RetractionOf"]));
}

fn real_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            real_files(&path, found);
        } else if path.to_string_lossy().ends_with(".xml.gz") {
            found.push(path);
        }
    }
}

#[test]
fn real_files_read_the_same_as_a_whole_tree_walk() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/medline");
    let mut files = Vec::new();
    real_files(&folder, &mut files);
    if files.is_empty() {
        eprintln!("skipped: no real MEDLINE files in {}", folder.display());
        return;
    }
    let mut total = 0;
    for path in files {
        let mut xml = String::new();
        let file = std::fs::File::open(&path).unwrap();
        flate2::read::MultiGzDecoder::new(file).read_to_string(&mut xml).unwrap();
        let root = tree(&xml);
        let (events, fault) = collect(open(&path).unwrap());
        assert_eq!(fault, None, "{}", path.display());
        let books = root.all(&["PubmedArticleSet", "PubmedBookArticle"]).len();
        assert_eq!(reject_codes(&events), vec!["book_article"; books], "{}", path.display());
        let nodes = root.all(&["PubmedArticleSet", "PubmedArticle"]);
        let found = articles(&events);
        assert_eq!(found.len(), nodes.len(), "{}", path.display());
        for (node, article) in nodes.into_iter().zip(found) {
            compare(node, article);
            let at = usize::try_from(article.offset).unwrap();
            assert!(xml[at..].starts_with("<PubmedArticle"));
            total += 1;
        }
        let deleted: Vec<String> = root.texts(&["PubmedArticleSet", "DeleteCitation", "PMID"]);
        let ours: Vec<String> = events
            .iter()
            .filter_map(|event| match event {
                PubmedEvent::Deleted(pmids) => Some(pmids.iter().map(|id| id.pmid.to_string())),
                _ => None,
            })
            .flatten()
            .collect();
        assert_eq!(ours, deleted, "{}", path.display());
        if sidecar_path(&path).exists() {
            assert!(matches!(check_sidecar(&path).unwrap(), SidecarCheck::Verified { .. }), "{}", path.display());
        }
    }
    eprintln!("compared {total} records");
}
