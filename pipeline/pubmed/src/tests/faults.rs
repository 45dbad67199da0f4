//! Damage to the file itself: everything before it is delivered, then one fault.

use super::*;

fn fault_kind(xml: impl AsRef<[u8]>) -> FaultKind {
    let (events, fault) = read(xml);
    assert_eq!(events, []);
    fault.expect("a fault").kind
}

#[test]
fn what_is_no_medline_file() {
    let table: [(&[u8], FaultKind); 12] = [
        (b"", FaultKind::EmptyFile),
        (b" \n", FaultKind::TruncatedXml),
        (b"pmid,title\n1,x\n", FaultKind::NotXml),
        (b"{\"pmid\": 1}", FaultKind::NotXml),
        (b"<html><body>404</body></html>", FaultKind::UnexpectedRoot),
        (b"<?xml version=\"1.0\"?><PubmedArticleSets/>", FaultKind::UnexpectedRoot),
        (b"</PubmedArticleSet>", FaultKind::UnexpectedRoot),
        (b"<?xml version='1.0' encoding='ISO-8859-1'?><PubmedArticleSet/>", FaultKind::UnsupportedEncoding),
        (b"\xff\xfe<\0", FaultKind::UnsupportedEncoding),
        (b"\0<\0?", FaultKind::UnsupportedEncoding),
        (b"<?xml version=\"1.0\"?>", FaultKind::TruncatedXml),
        (b"<!DOCTYPE PubmedArticleSet [ <!ENTITY a \"", FaultKind::TruncatedXml),
    ];
    for (xml, kind) in table {
        assert_eq!(fault_kind(xml), kind, "{}", String::from_utf8_lossy(xml));
    }
    let fault = read(b"<?xml version='1.0' encoding='ISO-8859-1'?><PubmedArticleSet/>").1.unwrap();
    assert!(fault.to_string().contains("ISO-8859-1"), "{fault}");
    assert_eq!(fault.code(), "unsupported_encoding");
}

#[test]
fn what_is_accepted_around_the_records() {
    let record = titled(1, "x");
    for xml in [
        format!("<PubmedArticleSet>{record}</PubmedArticleSet>"),
        format!(
            "\u{feff}<?xml version=\"1.0\" encoding=\"UTF-8\"?><PubmedArticleSet a=\"b\">{record}</PubmedArticleSet >"
        ),
        format!("<?xml version='1.0' encoding = 'us-ascii' standalone='no'?>\n<!-- c -->{record}"),
        record.clone(),
        format!(
            "<!DOCTYPE PubmedArticleSet [ <!ENTITY x \"]>\"> <!-- ' ]> --> <?p ]>?> ]><PubmedArticleSet>{record}</PubmedArticleSet>"
        ),
        record
            .replace("<PubmedArticle>", "<PubmedArticle xmlns:mml=\"m\">")
            .replace("</PubmedArticle>", "</PubmedArticle >"),
    ] {
        assert_eq!(only_article(&xml).title, "x", "{xml}");
    }
    assert_eq!(events("<PubmedArticleSet/>"), []);
    assert_eq!(events(set("")), []);
    let twice = events(format!("{}{}", set(&titled(1, "a")), set(&titled(2, "b"))));
    assert_eq!(articles(&twice).iter().map(|article| article.record).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn entities_are_inert() {
    let mut bomb = String::from("<!DOCTYPE PubmedArticleSet [\n<!ENTITY a0 \"lol\">\n");
    for level in 1..40 {
        bomb.push_str(&format!("<!ENTITY a{level} \"{}\">\n", format!("&a{};", level - 1).repeat(10)));
    }
    bomb.push_str(
        "<!ENTITY file SYSTEM \"file:///etc/hostname\">\n<!ENTITY % p SYSTEM \"http://localhost:1/x\"> %p;\n]>",
    );
    let article =
        only_article(format!("{bomb}<PubmedArticleSet>{}</PubmedArticleSet>", titled(1, "&a39; &file; &amp;")));
    assert_eq!(article.title, "&a39; &file; &");
}

#[test]
fn xml_cut_anywhere_delivers_what_came_before() {
    let records: Vec<String> = (1..=3).map(|pmid| titled(pmid, "a <i>b</i> &amp; c")).collect();
    let xml = set(&records.concat());
    let end = xml.rfind("</PubmedArticleSet>").unwrap() + TAIL.trim_end().len();
    for cut in HEAD.len()..end {
        let (events, fault) = read(&xml.as_bytes()[..cut]);
        let complete = (1..=3).filter(|&count| HEAD.len() + records[..count].concat().trim_end().len() <= cut).count();
        assert_eq!(articles(&events).len(), complete, "cut at {cut}");
        assert_eq!(events.len(), complete, "cut at {cut}");
        let fault = fault.unwrap();
        assert_eq!((fault.kind, fault.record), (FaultKind::TruncatedXml, complete as u64 + 1), "cut at {cut}");
        assert_eq!(fault.offset, cut as u64);
    }
    assert_eq!(read(&xml.as_bytes()[..end]).1, None);
}

/// Incompressible enough that many deflate blocks and buffers are crossed.
fn big_file() -> (String, usize) {
    let mut state = 7u64;
    let mut records = String::new();
    let count = 600;
    for pmid in 1..=count {
        let mut title = String::new();
        for _ in 0..300 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            title.push_str(&format!("{:x} ", state >> 40));
        }
        records.push_str(&titled(pmid, &title));
    }
    (set(&records), count as usize)
}

#[test]
fn gzip_faults_are_told_apart_and_lose_nothing_before_them() {
    let (xml, count) = big_file();
    let sound = gzip(xml.as_bytes());
    let (events, fault) = read_gzip(&sound);
    assert_eq!((articles(&events).len(), fault), (count, None));

    let (events, fault) = read_gzip(&sound[..sound.len() / 2]);
    let fault = fault.unwrap();
    assert_eq!(fault.code(), "truncated_gzip");
    assert_eq!(fault.record as usize, articles(&events).len() + 1);
    // Every record that the first half of the stream can yield was delivered.
    let mut recovered = Vec::new();
    let mut inflate = flate2::Decompress::new(false);
    recovered.reserve(xml.len());
    let _ = inflate.decompress_vec(&sound[10..sound.len() / 2], &mut recovered, flate2::FlushDecompress::None);
    let recoverable = String::from_utf8_lossy(&recovered).matches("</PubmedArticle>").count();
    assert_eq!(articles(&events).len(), recoverable);
    assert_eq!(fault.offset, recovered.len() as u64);

    let mut wrong_crc = sound.clone();
    let at = wrong_crc.len() - 6;
    wrong_crc[at] ^= 1;
    let (events, fault) = read_gzip(&wrong_crc);
    assert_eq!((articles(&events).len(), fault.unwrap().code()), (count, "checksum_mismatch"));

    for cut in 1..8 {
        let (events, fault) = read_gzip(&sound[..sound.len() - cut]);
        assert_eq!((articles(&events).len(), fault.unwrap().code()), (count, "truncated_gzip"));
    }

    // A block type that does not exist, at the start of a second member.
    let mut second = sound.clone();
    second.extend_from_slice(&sound[..10]);
    second.extend_from_slice(&[0xff; 64]);
    let (events, fault) = read_gzip(&second);
    assert_eq!((articles(&events).len(), fault.unwrap().code()), (count, "corrupt_deflate"));

    let mut garbage = sound.clone();
    garbage.extend_from_slice(b"garbage");
    let (events, fault) = read_gzip(&garbage);
    assert_eq!((articles(&events).len(), fault.unwrap().code()), (count, "corrupt_gzip_header"));
}

#[test]
fn corrupt_deflate_in_the_middle_delivers_the_records_before_it() {
    let (xml, _) = big_file();
    let sound = gzip(xml.as_bytes());
    for at in [sound.len() / 3, sound.len() / 2] {
        let mut damaged = sound.clone();
        damaged[at..at + 512].fill(0xff);
        let (events, fault) = read_gzip(&damaged);
        assert!(["corrupt_deflate", "checksum_mismatch"].contains(&fault.unwrap().code()));
        let mut before = Vec::with_capacity(xml.len());
        let _ =
            flate2::Decompress::new(false).decompress_vec(&sound[10..at], &mut before, flate2::FlushDecompress::None);
        let whole = String::from_utf8_lossy(&before).matches("</PubmedArticle>").count();
        assert!(articles(&events).len() >= whole, "{} of {whole}", articles(&events).len());
    }
}

#[test]
fn members_padding_and_optional_headers_are_read() {
    let xml = set(&format!("{}{}", titled(1, "a"), titled(2, "b")));
    let (left, right) = xml.as_bytes().split_at(xml.len() / 2);
    let mut members = gzip(left);
    members.extend(gzip(b""));
    members.extend(gzip(right));
    members.extend([0; 512]);
    let (events, fault) = read_gzip(&members);
    assert_eq!((articles(&events).len(), fault), (2, None));

    use std::io::Write;
    let mut encoder = flate2::GzBuilder::new()
        .filename("name.xml")
        .comment("a comment")
        .extra(vec![1, 2, 3])
        .write(Vec::new(), flate2::Compression::fast());
    encoder.write_all(xml.as_bytes()).unwrap();
    let (events, fault) = read_gzip(&encoder.finish().unwrap());
    assert_eq!((articles(&events).len(), fault), (2, None));
    assert_eq!(read_gzip(&gzip(b"")).1.unwrap().kind, FaultKind::EmptyFile);
    assert_eq!(read_gzip(b"\x1f\x8b").1.unwrap().kind, FaultKind::TruncatedGzip);
}

#[test]
fn read_errors_are_faults() {
    struct Failing(usize);
    impl std::io::Read for Failing {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            self.0 += 1;
            match self.0 {
                1 => Err(std::io::Error::from(std::io::ErrorKind::Interrupted)),
                2 => {
                    let bytes = format!("{HEAD}{}<Pubmed", titled(1, "a")).into_bytes();
                    out[..bytes.len()].copy_from_slice(&bytes);
                    Ok(bytes.len())
                }
                _ => Err(std::io::Error::other("connection reset")),
            }
        }
    }
    let (events, fault) = collect(PubmedReader::new(Failing(0)));
    assert_eq!(articles(&events).len(), 1);
    let fault = fault.unwrap();
    assert_eq!((fault.code(), fault.record), ("io", 2));
    assert!(fault.message.contains("connection reset"));
}
