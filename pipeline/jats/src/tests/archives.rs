//! Packages.

use std::io::Write;
use std::ops::ControlFlow;

use super::article;
use crate::{Members, is_archive};

fn package(files: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (name, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append_data(&mut header, name, text.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

fn names(bytes: &[u8], limit: usize) -> (Vec<(String, Option<&'static str>)>, Members) {
    let mut found = Vec::new();
    let members = Members::read(bytes, limit, &mut |member| {
        found.push((
            member.name,
            member.content.err().map(|fault| match fault.code() {
                "too_large" => "too_large",
                _ => "other",
            }),
        ));
        ControlFlow::Continue(())
    });
    (found, members)
}

#[test]
fn a_package_yields_its_articles_and_says_what_else_it_held() {
    let text = article("");
    let big = article(&"<body><p>x</p></body>".repeat(100));
    let bytes =
        package(&[("PMC1/PMC1.nxml", &text), ("PMC1/f.jpg", "jpg"), ("PMC2/PMC2.xml", &big), ("PMC3.nxml", &text)]);
    let (found, members) = names(&bytes, 1000);
    assert_eq!(
        found,
        [
            ("PMC1/PMC1.nxml".to_owned(), None),
            ("PMC2/PMC2.xml".to_owned(), Some("too_large")),
            ("PMC3.nxml".to_owned(), None)
        ]
    );
    assert_eq!((members.articles, members.other, members.fault), (3, 1, None));
    let mut plain = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&bytes[..]), &mut plain).unwrap();
    assert_eq!(names(&plain, 1000).0, found);
}

#[test]
fn a_damaged_package_yields_what_comes_before_the_damage() {
    let texts: Vec<String> =
        (0..40).map(|number| article(&format!("<body><p>{number} {}</p></body>", "zqx".repeat(number)))).collect();
    let files: Vec<(String, &str)> =
        texts.iter().enumerate().map(|(number, text)| (format!("PMC{number}.nxml"), text.as_str())).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), *text)).collect();
    let bytes = package(&files);
    let (all, whole) = names(&bytes, 1 << 20);
    assert_eq!((all.len(), whole.fault), (40, None));
    let (some, cut) = names(&bytes[..bytes.len() / 2], 1 << 20);
    assert_eq!(cut.fault.as_ref().unwrap().code(), "truncated_gzip");
    assert!(some.len() < 40 && all.starts_with(&some), "{}", some.len());
    let mut flipped = bytes.clone();
    let end = flipped.len() - 6;
    flipped[end] ^= 1;
    let (found, bad) = names(&flipped, 1 << 20);
    assert_eq!((found.len(), bad.fault.unwrap().code()), (40, "checksum_mismatch"));
    let mut nonsense = Vec::new();
    nonsense.write_all(&[7u8; 2048]).unwrap();
    assert_eq!(names(&nonsense, 1 << 20).1.fault.unwrap().code(), "corrupt_archive");
    assert!(
        is_archive("oa_comm_xml.PMC000xxxxxx.baseline.2024-06-18.tar.gz")
            && is_archive("A.TGZ")
            && !is_archive("a.xml.gz")
    );
}
