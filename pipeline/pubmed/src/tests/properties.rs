//! Properties over random texts, damage and read sizes.

use std::io::Read;

use proptest::prelude::*;

use super::*;

/// Hands out at most `step` bytes at a time, so that every construct gets split somewhere.
pub(super) struct Dribble<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) step: usize,
}

impl Read for Dribble<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let count = self.step.min(out.len()).min(self.bytes.len());
        let (head, tail) = self.bytes.split_at(count);
        out[..count].copy_from_slice(head);
        self.bytes = tail;
        Ok(count)
    }
}

/// A piece of marked-up text: its XML and the text it stands for.
fn piece() -> impl Strategy<Value = (String, String)> {
    let plain = "[a-zA-Z0-9 .,;()%/'\"\u{a0}\u{2009}αβéß漢\u{1f600}-]{0,40}";
    let leaf = prop_oneof![
        6 => plain.prop_map(|text| (text.clone(), text)),
        1 => Just(("&amp;".to_owned(), "&".to_owned())),
        1 => Just(("&lt;".to_owned(), "<".to_owned())),
        1 => Just(("]]&gt;".to_owned(), "]]>".to_owned())),
        1 => any::<char>().prop_filter("XML character", |c| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}'))
            .prop_map(|c| (format!("&#x{:X};", c as u32), c.to_string())),
        1 => Just(("\n      ".to_owned(), " ".to_owned())),
        1 => Just(("<!-- & < </PubmedArticle> -->".to_owned(), String::new())),
        1 => Just(("<?p </PubmedArticle> ?>".to_owned(), String::new())),
        1 => Just(("<![CDATA[<PubmedArticle> & ]]>".to_owned(), "<PubmedArticle> & ".to_owned())),
        1 => Just(("&beta;".to_owned(), "&beta;".to_owned())),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        (prop::sample::select(vec!["i", "b", "sub", "sup", "u", "mml:mi"]), prop::collection::vec(inner, 0..4))
            .prop_map(|(tag, pieces)| {
                let (xml, text): (Vec<String>, Vec<String>) = pieces.into_iter().unzip();
                (format!("<{tag}>{}</{tag}>", xml.concat()), text.concat())
            })
    })
}

/// The text policy, said once more in the plainest way.
fn collapsed(text: &str) -> String {
    let words: Vec<&str> = text.split([' ', '\n', '\t', '\r']).filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

fn sample_file() -> Vec<u8> {
    let mut records = String::new();
    for pmid in 1..=12 {
        records.push_str(&citation(
            pmid,
            "<ArticleTitle>A <i>title</i> &amp; more</ArticleTitle><Abstract><AbstractText Label=\"X\">Text \u{e9}.\
             <!-- note --></AbstractText></Abstract><AuthorList><Author>N</Author></AuthorList>",
        ));
    }
    set(&format!("{records}<DeleteCitation><PMID Version=\"1\">77</PMID></DeleteCitation>")).into_bytes()
}

/// Numbers must run 1, 2, 3, … over delivered and rejected records, and a fault must name the next one.
fn assert_numbering(events: &[PubmedEvent], fault: Option<&FileFault>) {
    let mut expected = 0;
    let mut last_offset = None;
    for event in events {
        let (number, offset, counts) = match event {
            PubmedEvent::Article(article) => (article.record, article.offset, true),
            PubmedEvent::Rejected(record) => (record.record, record.offset, record.record != expected),
            PubmedEvent::Deleted(_) => continue,
        };
        if counts {
            expected += 1;
            assert!(last_offset < Some(offset), "offsets grow");
            last_offset = Some(offset);
        }
        assert_eq!(number, expected);
    }
    if let Some(fault) = fault {
        assert_eq!(fault.record, expected + 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn marked_up_text_comes_back_plain(pieces in prop::collection::vec(piece(), 0..8), step in 1usize..600) {
        let (xml, text): (Vec<String>, Vec<String>) = pieces.into_iter().unzip();
        let (xml, text) = (xml.concat(), text.concat());
        let article = citation(1, &format!(
            "<ArticleTitle>{xml}</ArticleTitle><Abstract><AbstractText>{xml}</AbstractText></Abstract>"));
        let file = set(&format!("{article}{}", titled(2, "after")));
        let (events, fault) = collect(PubmedReader::new(Dribble { bytes: file.as_bytes(), step }));
        prop_assert_eq!(fault, None);
        let found = articles(&events);
        prop_assert_eq!(found.len(), 2);
        prop_assert_eq!(&found[0].title, &collapsed(&text));
        let body: String = found[0].sections.iter().map(|section| section.text.as_str()).collect();
        prop_assert_eq!(body, collapsed(&text));
        prop_assert_eq!(&found[1].title, "after");
    }

    #[test]
    fn read_size_changes_nothing(step in 1usize..300) {
        let file = sample_file();
        let whole = read(&file);
        let dribbled = collect(PubmedReader::new(Dribble { bytes: &file, step }));
        prop_assert_eq!(whole, dribbled);
    }

    #[test]
    fn damage_costs_only_what_it_touches(flips in prop::collection::vec((any::<prop::sample::Index>(), 0u8..8), 1..4)) {
        let mut file = sample_file();
        let sound = read(&file);
        for (at, bit) in &flips {
            let at = at.index(file.len());
            file[at] ^= 1 << bit;
        }
        let (events, fault) = read(&file);
        assert_numbering(&events, fault.as_ref());
        // A damaged root or its end may cost the file; otherwise one flip reaches at most the two records it joins.
        if fault.is_none() {
            let kept = articles(&events).iter()
                .filter(|found| articles(&sound.0).iter().any(|before| before.pmid == found.pmid))
                .count();
            prop_assert!(kept + 2 * flips.len() >= 12, "{} kept", kept);
        }
    }

    #[test]
    fn any_cut_is_a_prefix(at in any::<prop::sample::Index>()) {
        let file = sample_file();
        let sound = events(&file);
        let (events, fault) = read(&file[..at.index(file.len())]);
        assert_numbering(&events, fault.as_ref());
        prop_assert!(sound.starts_with(&events));
    }

    #[test]
    fn cut_or_damaged_gzip_never_panics(at in any::<prop::sample::Index>(), bit in 0u8..8, cut in any::<bool>()) {
        let mut file = gzip(&sample_file());
        let at = at.index(file.len());
        if cut { file.truncate(at) } else { file[at] ^= 1 << bit }
        let (events, fault) = read_gzip(&file);
        assert_numbering(&events, fault.as_ref());
        if cut { prop_assert!(fault.is_some()) }
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let (events, fault) = read(&bytes);
        assert_numbering(&events, fault.as_ref());
        let mut inside = HEAD.as_bytes().to_vec();
        inside.extend(&bytes);
        let (events, fault) = read(&inside);
        assert_numbering(&events, fault.as_ref());
    }

    #[test]
    fn tag_soup_never_panics(parts in prop::collection::vec(prop::sample::select(vec![
        "<PubmedArticle>", "</PubmedArticle>", "<PubmedBookArticle>", "</PubmedBookArticle>", "<DeleteCitation>",
        "</DeleteCitation>", "<PMID>1</PMID>", "<MedlineCitation>", "</MedlineCitation>", "<!--", "-->", "<![CDATA[",
        "]]>", "<?", "?>", "</PubmedArticleSet>", "<PubmedArticleSet>", "<AuthorList>", "</AuthorList>", "<", ">", "&",
        "\"", "x", "<a b='", "/>", "\u{e9}", "PubmedArticle", "<!", "</",
    ]), 0..40), step in 1usize..40, limit in 20usize..400) {
        let file = set(&parts.concat());
        let options = ReaderOptions { max_record_bytes: limit };
        let whole = collect(PubmedReader::with_options(file.as_bytes(), options));
        assert_numbering(&whole.0, whole.1.as_ref());
        let unlimited = collect(PubmedReader::new(file.as_bytes()));
        let dribbled = collect(PubmedReader::new(Dribble { bytes: file.as_bytes(), step }));
        prop_assert_eq!(unlimited, dribbled);
    }

    #[test]
    fn gzip_reader_agrees_with_flate2(bytes in prop::collection::vec(any::<u8>(), 0..5000), split in any::<prop::sample::Index>(), step in 1usize..700) {
        let (left, right) = bytes.split_at(if bytes.is_empty() { 0 } else { split.index(bytes.len()) });
        let mut file = gzip(left);
        file.extend(gzip(right));
        let mut ours = Vec::new();
        GzipReader::new(Dribble { bytes: &file, step }).read_to_end(&mut ours).unwrap();
        prop_assert_eq!(&ours, &bytes);
        let mut theirs = Vec::new();
        flate2::read::MultiGzDecoder::new(&file[..]).read_to_end(&mut theirs).unwrap();
        prop_assert_eq!(ours, theirs);
    }
}
