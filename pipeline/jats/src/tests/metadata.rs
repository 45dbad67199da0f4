//! Ids, licence, dates, notices, abstracts.

use super::{article, read};
use crate::{ArticleReader, Licence};

/// An article with `meta` in its `article-meta`.
fn with(attributes: &str, meta: &str) -> String {
    format!(
        "<article {attributes}><front><journal-meta><journal-title-group><journal-title>J. Tests</journal-title></journal-title-group></journal-meta>\
         <article-meta>{meta}</article-meta></front></article>"
    )
}

#[test]
fn ids_versions_and_dates_come_from_their_places() {
    let meta = "<article-id pub-id-type=\"pmcid\">PMC123</article-id><article-id pub-id-type=\"pmcid-ver\">PMC123.3</article-id>\
        <article-id pub-id-type=\"pmcaid\">999</article-id><article-id pub-id-type=\"pmid\">456</article-id><article-id pub-id-type=\"doi\">10.1/x</article-id>\
        <title-group><article-title>Drugs<xref ref-type=\"fn\"><sup>*</sup></xref> <italic>in vivo</italic></article-title><subtitle>A trial</subtitle>\
        <trans-title-group><trans-title>no</trans-title></trans-title-group></title-group>\
        <pub-date pub-type=\"pmc-release\"><year>2019</year></pub-date><pub-date pub-type=\"epub\"><day>2</day><month>8</month><year>2011</year></pub-date>\
        <pub-date pub-type=\"ppub\"><season>Spring</season><year>2012</year></pub-date>";
    let found = read(&with("article-type=\"case-report\" xml:lang=\"fr\"", meta)).unwrap();
    assert_eq!((found.pmcid.as_deref(), found.pmid, found.doi.as_deref()), (Some("PMC123"), Some(456), Some("10.1/x")));
    assert_eq!((found.version, found.title.as_str()), (3, "Drugs in vivo: A trial"));
    assert_eq!((found.pub_date_raw.as_str(), found.pub_year), ("2012 Spring", Some(2012)));
    assert_eq!((found.language.as_deref(), found.journal.as_str()), (Some("fr"), "J. Tests"));
    assert_eq!(found.article_type.as_deref(), Some("case-report"));
}

#[test]
fn the_file_name_gives_what_the_article_does_not() {
    let reader = ArticleReader::default();
    let bare = with("", "<title-group><article-title>T</article-title></title-group>");
    for (name, pmcid, version) in
        [("PMC12/PMC0123.2.xml", "PMC123", 2), ("x/PMC123.nxml", "PMC123", 1), ("PMC123.1/PMC123.1.xml", "PMC123", 1)]
    {
        let found = reader.read(bare.as_bytes(), name).unwrap();
        assert_eq!((found.pmcid.as_deref(), found.version), (Some(pmcid), version), "{name}");
    }
    assert_eq!(reader.read(bare.as_bytes(), "a.nxml").unwrap_err().code(), "missing_pmcid");
    let stated = with("", "<article-id pub-id-type=\"pmc\">5</article-id>");
    assert_eq!(reader.read(stated.as_bytes(), "PMC9.2.xml").unwrap().pmcid.as_deref(), Some("PMC5"));
}

#[test]
fn licences_are_one_code() {
    let licence = |inside: &str| {
        let meta = format!("<article-id pub-id-type=\"pmc\">1</article-id><permissions>{inside}</permissions>");
        read(&with("", &meta)).unwrap().licence.map(|licence| licence.to_string())
    };
    for (xml, expected) in [
        (
            "<license xlink:href=\"https://creativecommons.org/licenses/by-nc-nd/4.0/\"><license-p>Free.</license-p></license>",
            Some("cc-by-nc-nd-4.0"),
        ),
        (
            "<license><ali:license_ref>http://creativecommons.org/licenses/by/3.0/igo/</ali:license_ref></license>",
            Some("cc-by-3.0"),
        ),
        (
            "<license><license-p>See <ext-link xlink:href=\"http://creativecommons.org/publicdomain/zero/1.0/\">here</ext-link>.</license-p></license>",
            Some("cc0-1.0"),
        ),
        (
            "<license license-type=\"open-access\"><license-p>Under the Creative Commons Attribution License.</license-p></license>",
            Some("cc-by"),
        ),
        (
            "<license><license-p>Creative Commons Attribution-NonCommercial-ShareAlike terms</license-p></license>",
            Some("cc-by-nc-sa"),
        ),
        ("<license license-type=\"cc-by-nc\"><license-p>Words.</license-p></license>", Some("cc-by-nc")),
        ("<license><license-p>All rights reserved.</license-p></license>", Some("other")),
        ("<copyright-statement>© us</copyright-statement>", None),
    ] {
        assert_eq!(licence(xml).as_deref(), expected, "{xml}");
    }
    for (code, expected) in [
        ("CC BY", Some("cc-by")),
        ("CC BY-NC 4.0", Some("cc-by-nc-4.0")),
        ("cc0", Some("cc0")),
        ("CC BY-SA", Some("cc-by-sa")),
        ("TDM", Some("tdm")),
        ("NO-CC CODE", Some("other")),
        ("by", Some("other")),
        (" ", None),
    ] {
        assert_eq!(Licence::from_code(code).map(|licence| licence.to_string()).as_deref(), expected, "{code}");
    }
}

#[test]
fn notices_are_told_from_what_they_are_about() {
    let found = |kind: &str, relation: &str| {
        let meta = format!(
            "<article-id pub-id-type=\"pmc\">1</article-id><related-article related-article-type=\"{relation}\" ext-link-type=\"doi\" xlink:href=\"10.1/y\" id=\"r\"/>"
        );
        let found = read(&with(&format!("article-type=\"{kind}\""), &meta)).unwrap();
        assert_eq!(found.related[0].id.as_deref(), Some("10.1/y"));
        (found.is_retracted, found.is_retraction_notice, found.is_corrected, found.is_correction_notice)
    };
    assert_eq!(found("research-article", "retraction-forward"), (true, false, false, false));
    assert_eq!(found("retraction", "retracted-article"), (false, true, false, false));
    assert_eq!(found("research-article", "correction-forward"), (false, false, true, false));
    assert_eq!(found("correction", "corrected-article"), (false, false, false, true));
    assert_eq!(found("research-article", "companion"), (false, false, false, false));
    let titled = article("").replace("On drugs", "RETRACTED: On drugs");
    assert!(read(&titled).unwrap().is_retracted);
}

#[test]
fn abstracts_are_sections_and_other_abstracts_are_apart() {
    let meta = "<article-id pub-id-type=\"pmc\">1</article-id><abstract><title>Abstract</title><sec><title>Methods</title><p>We tried.</p></sec><p>Bare.</p></abstract>\
        <abstract abstract-type=\"summary\"><title>Author Summary</title><p>In short<xref ref-type=\"bibr\"><sup>1</sup></xref>.</p></abstract>\
        <trans-abstract xml:lang=\"es\"><p>Hola.</p><p>Fin.</p></trans-abstract>";
    let found = read(&with("", meta)).unwrap();
    let sections: Vec<(&str, &str)> =
        found.sections.iter().map(|section| (section.path.as_str(), section.text.as_str())).collect();
    assert_eq!(sections, [("Abstract > Methods", "We tried."), ("Abstract", "Bare.")]);
    let others: Vec<(Option<&str>, Option<&str>, &str)> = found
        .other_texts
        .iter()
        .map(|other| (other.language.as_deref(), other.abstract_type.as_deref(), other.text.as_str()))
        .collect();
    assert_eq!(others, [(None, Some("summary"), "In short."), (Some("es"), None, "Hola.\nFin.")]);
}
