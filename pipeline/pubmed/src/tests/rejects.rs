//! One bad record costs one record, and says why.

use super::*;

/// Puts a damaged record between two sound ones and returns its reject.
fn reject_between(bad: &str) -> RejectedRecord {
    let xml = set(&format!("{}{bad}{}", titled(1, "before"), titled(3, "after")));
    let events = events(&xml);
    let pmids: Vec<u64> = articles(&events).iter().map(|article| article.pmid).collect();
    assert_eq!(pmids, [1, 3], "{bad}");
    let found = rejected(&events);
    assert_eq!(found.len(), 1, "{bad}: {found:?}");
    assert_eq!(found[0].record, 2);
    assert_eq!(articles(&events)[1].record, 3);
    assert_eq!(found[0].offset as usize, HEAD.len() + titled(1, "before").len());
    found[0].clone()
}

#[test]
fn each_reason_leaves_the_neighbours_alone() {
    let deep = format!("{}x{}", "<i>".repeat(300), "</i>".repeat(300));
    let table = [
        (titled(2, "a <i>b</b>"), "malformed_markup", Some(2)),
        (titled(2, "a < b"), "malformed_markup", Some(2)),
        (titled(2, "a </ b"), "malformed_markup", Some(2)),
        (titled(2, "a <i x=\"1>b</i>"), "malformed_markup", Some(2)),
        (titled(2, "<!-- never closed"), "malformed_markup", Some(2)),
        (titled(2, "<![CDATA[ never closed"), "malformed_markup", Some(2)),
        (titled(2, "<?pi never closed"), "malformed_markup", Some(2)),
        (titled(2, "<!ELEMENT x ANY>"), "malformed_markup", Some(2)),
        (titled(2, "x").replace("</Article>", ""), "malformed_markup", Some(2)),
        (titled(2, "x").replace("</PubmedArticle>", ""), "unclosed_record", Some(2)),
        (titled(2, "A & B"), "malformed_reference", Some(2)),
        (titled(2, "A &amp B"), "malformed_reference", Some(2)),
        (titled(2, "&#xZZ;"), "malformed_reference", Some(2)),
        (titled(2, "&#;"), "malformed_reference", Some(2)),
        (titled(2, "&#0;"), "invalid_character_reference", Some(2)),
        (titled(2, "&#xD800;"), "invalid_character_reference", Some(2)),
        (titled(2, "&#x110000;"), "invalid_character_reference", Some(2)),
        (titled(2, "&#99999999999999999999;"), "invalid_character_reference", Some(2)),
        (titled(2, "&#xFFFE;"), "invalid_character_reference", Some(2)),
        (titled(2, "bell \u{7}"), "invalid_character", Some(2)),
        (titled(2, &deep), "too_deep", Some(2)),
        (titled(0, "x"), "invalid_pmid", None),
        (titled(u64::MAX, "x"), "invalid_pmid", None),
        (titled(2, "x").replace(">2</PMID>", ">+2</PMID>"), "invalid_pmid", None),
        (titled(2, "x").replace(">2</PMID>", "></PMID>"), "invalid_pmid", None),
        (titled(2, "x").replace("\"1\"", "\"one\""), "invalid_version", Some(2)),
        (titled(2, "x").replace("<PMID Version=\"1\">2</PMID>", ""), "missing_pmid", None),
        ("<PubmedArticle/>".to_owned(), "missing_pmid", None),
        (
            "<PubmedBookArticle><BookDocument><PMID Version=\"1\">2</PMID></BookDocument></PubmedBookArticle>"
                .to_owned(),
            "book_article",
            Some(2),
        ),
        ("<Strange><PMID>2</PMID></Strange>".to_owned(), "unexpected_content", Some(2)),
        ("some words".to_owned(), "unexpected_content", None),
        ("</PubmedArticle>".to_owned(), "unexpected_content", None),
    ];
    for (bad, code, pmid) in table {
        let reject = reject_between(&bad);
        assert_eq!((reject.reason.code(), reject.pmid), (code, pmid), "{bad}");
        assert!(reject.excerpt.chars().count() <= 200);
        assert!(bad.starts_with(reject.excerpt.trim_end()), "{bad}");
        assert!(!reject.reason.to_string().is_empty());
    }
}

#[test]
fn missing_pmid_is_not_taken_from_a_cited_work() {
    let bad = titled(2, "x").replace("<PMID Version=\"1\">2</PMID>", "").replace(
        "</Article>",
        "</Article><CommentsCorrectionsList><CommentsCorrections RefType=\"Cites\"><PMID>99</PMID>\
         </CommentsCorrections></CommentsCorrectionsList>",
    );
    assert_eq!(reject_between(&bad).reason, RejectReason::MissingPmid);
}

#[test]
fn offsets_in_reasons_count_from_the_start_of_the_stream() {
    let mut xml = set(&format!("{}{}{}", titled(1, "é"), titled(2, "a #b"), titled(3, "c"))).into_bytes();
    let at = xml.iter().position(|&byte| byte == b'#').unwrap();
    xml[at] = 0xff;
    let events = events(&xml);
    assert_eq!(rejected(&events)[0].reason, RejectReason::InvalidUtf8 { offset: at as u64 });
    assert!(rejected(&events)[0].excerpt.contains('\u{fffd}'));
    xml[at] = 1;
    assert_eq!(rejected(&super::events(&xml))[0].reason, RejectReason::InvalidCharacter { offset: at as u64 });
    xml[at] = b'&';
    assert_eq!(rejected(&super::events(&xml))[0].reason, RejectReason::MalformedReference { offset: at as u64 });
}

#[test]
fn an_unclosed_record_ends_where_the_next_thing_starts() {
    let open = titled(2, "x").replace("</PubmedArticle>", "");
    let deletion = "<DeleteCitation><PMID Version=\"1\">9</PMID></DeleteCitation>";
    let found = events(set(&format!("{open}{deletion}")));
    assert_eq!(reject_codes(&found), ["unclosed_record"]);
    assert_eq!(found[1], PubmedEvent::Deleted(vec![PmidVersion { pmid: 9, version: 1 }]));
    let book = "<PubmedBookArticle></PubmedBookArticle>";
    assert_eq!(
        reject_codes(&events(set(&format!("{open}{book}{}", titled(3, "y"))))),
        ["unclosed_record", "book_article"]
    );
    assert_eq!(reject_codes(&events(set(&open))), ["unclosed_record"]);
}

#[test]
fn a_bad_deletion_entry_keeps_the_others() {
    let found = events(set("<DeleteCitation><PMID>0</PMID><PMID>5</PMID><PMID>x</PMID></DeleteCitation>"));
    assert_eq!(found[0], PubmedEvent::Deleted(vec![PmidVersion { pmid: 5, version: 1 }]));
    assert_eq!(rejected(&found)[0].reason, RejectReason::InvalidDeletion { count: 2 });
    assert_eq!(found.len(), 2);
}

#[test]
fn records_over_the_limit_are_skipped() {
    let options = ReaderOptions { max_record_bytes: 2000 };
    for long in [3_000, 300_000, 3_000_000] {
        let big = titled(2, &"word ".repeat(long / 5));
        for bad in [big.clone(), big.replace("</PubmedArticle>", "")] {
            let xml = set(&format!("{}{bad}{}", titled(1, "a"), titled(3, "c")));
            let (events, fault) = collect(PubmedReader::with_options(xml.as_bytes(), options));
            assert_eq!(fault, None);
            assert_eq!(articles(&events).iter().map(|article| article.pmid).collect::<Vec<_>>(), [1, 3]);
            assert_eq!(rejected(&events)[0].reason, RejectReason::TooLarge { limit: 2000 });
            assert_eq!(rejected(&events)[0].pmid, Some(2));
            assert_eq!(articles(&events)[1].record, 3);
        }
    }
}

#[test]
fn a_record_over_the_limit_hides_no_neighbour_wherever_reads_are_split() {
    let options = ReaderOptions { max_record_bytes: 400 };
    for (index, step) in (1..=60).chain(380..460).enumerate() {
        let big = titled(2, &"w".repeat(450 + index % 7)).replace("</PubmedArticle>", "");
        let xml = set(&format!("{}{big}{}", titled(1, "a"), titled(3, "c")));
        let input = super::properties::Dribble { bytes: xml.as_bytes(), step };
        let (events, fault) = collect(PubmedReader::with_options(input, options));
        assert_eq!(fault, None);
        assert_eq!(articles(&events).iter().map(|article| article.pmid).collect::<Vec<_>>(), [1, 3], "step {step}");
        assert_eq!(reject_codes(&events), ["too_large"], "step {step}");
    }
}

#[test]
fn a_comment_without_end_in_every_record_stays_linear() {
    // Each record opens a construct that nothing in the file closes. Searching for its end from each record anew
    // would read 4,000 times 1 MB; the test then takes minutes instead of milliseconds.
    for opening in ["<!--", "<![CDATA[", "<?pi"] {
        let records: String = (1..=4000).map(|pmid| titled(pmid, opening)).collect();
        let found = events(set(&records));
        assert_eq!(reject_codes(&found), vec!["malformed_markup"; 4000]);
        assert_eq!(rejected(&found)[3999].pmid, Some(4000));
    }
}

/// Counts what a reader holds through what it asks for: a stream without end must not be swallowed.
struct Endless {
    head: Vec<u8>,
    at: usize,
    left: usize,
}

impl std::io::Read for Endless {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        assert!(out.len() <= 4 << 20, "window grew to ask for {} bytes", out.len());
        if self.at < self.head.len() {
            let count = out.len().min(self.head.len() - self.at);
            out[..count].copy_from_slice(&self.head[self.at..self.at + count]);
            self.at += count;
            return Ok(count);
        }
        let count = out.len().min(self.left);
        out[..count].fill(b'a');
        self.left -= count;
        Ok(count)
    }
}

#[test]
fn endless_records_comments_and_stray_text_take_bounded_memory() {
    let options = ReaderOptions { max_record_bytes: 1 << 20 };
    for (head, rejects) in [
        (format!("{HEAD}<PubmedArticle><MedlineCitation>"), vec!["too_large"]),
        (format!("{HEAD}<PubmedArticle "), vec!["too_large"]),
        (format!("{HEAD}<PubmedArticle><!-- "), vec!["too_large"]),
        (format!("{HEAD}stray "), vec!["unexpected_content"]),
        (format!("{HEAD}<!-- "), vec![]),
    ] {
        let reader = PubmedReader::with_options(Endless { head: head.into_bytes(), at: 0, left: 64 << 20 }, options);
        let (events, fault) = collect(reader);
        assert_eq!(reject_codes(&events), rejects);
        assert_eq!(fault.unwrap().kind, FaultKind::TruncatedXml);
    }
    let doctype = Endless { head: b"<!DOCTYPE x [".to_vec(), at: 0, left: 64 << 20 };
    let (_, fault) = collect(PubmedReader::with_options(doctype, options));
    assert_eq!(fault.unwrap().kind, FaultKind::PrologTooLarge);
}
