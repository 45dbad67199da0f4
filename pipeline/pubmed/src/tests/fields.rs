//! Each field from its own place, each pitfall of the format.

use super::*;

const FULL: &str = r#"<PubmedArticle>
  <MedlineCitation Status="MEDLINE" Owner="NLM">
    <PMID Version="2">4711</PMID>
    <Article PubModel="Print">
      <Journal>
        <ISSN IssnType="Print">0000-0000</ISSN>
        <JournalIssue CitedMedium="Print">
          <Volume>3</Volume>
          <PubDate>
            <Year>2001</Year>
            <Month>Jun</Month>
            <Day>15</Day>
          </PubDate>
        </JournalIssue>
        <Title>Journal of Invented Trials</Title>
        <ISOAbbreviation>J Inv Trials</ISOAbbreviation>
      </Journal>
      <ArticleTitle>Exhaled CO<sub>2</sub> under <i>drug&#160;A</i>
        plus drug&#x2009;B: P&lt;0.05 &amp; more.</ArticleTitle>
      <ELocationID EIdType="pii" ValidYN="Y">S1</ELocationID>
      <ELocationID EIdType="doi" ValidYN="Y">10.1/elocation</ELocationID>
      <Abstract>
        <AbstractText Label="BACKGROUND" NlmCategory="OBJECTIVE">One<sup>2</sup>
           two.</AbstractText>
        <AbstractText Label="" NlmCategory="">Three <b>fo<u>u</u>r</b>.</AbstractText>
        <AbstractText Label="A &amp; B"><DispFormula><mml:math><mml:mi>x</mml:mi><mml:mo>=</mml:mo><mml:mn>1</mml:mn></mml:math></DispFormula></AbstractText>
        <AbstractText/>
        <CopyrightInformation>Copyright nobody.</CopyrightInformation>
      </Abstract>
      <AuthorList CompleteYN="Y"><Author><LastName>Nobody</LastName></Author></AuthorList>
      <Language>eng</Language>
      <Language>ger</Language>
      <PublicationTypeList>
        <PublicationType UI="D016428">Journal Article</PublicationType>
        <PublicationType UI="D016441">Retracted Publication</PublicationType>
      </PublicationTypeList>
      <VernacularTitle>Nicht gebraucht.</VernacularTitle>
      <ArticleDate DateType="Electronic"><Year>1999</Year><Month>01</Month><Day>02</Day></ArticleDate>
    </Article>
    <CommentsCorrectionsList>
      <CommentsCorrections RefType="CommentIn"><RefSource>X</RefSource><PMID Version="1">999</PMID></CommentsCorrections>
    </CommentsCorrectionsList>
    <OtherAbstract Type="Publisher" Language="fre"><AbstractText>Un.</AbstractText><AbstractText>Deux.</AbstractText>
      <CopyrightInformation>Copyright personne.</CopyrightInformation></OtherAbstract>
  </MedlineCitation>
  <PubmedData>
    <ReferenceList><Reference><Citation>Cited.</Citation><ArticleIdList><ArticleId IdType="doi">10.9/cited</ArticleId>
      <ArticleId IdType="pmc">PMC999</ArticleId></ArticleIdList></Reference></ReferenceList>
    <ArticleIdList>
      <ArticleId IdType="pubmed">4711</ArticleId>
      <ArticleId IdType="pmc">PMC42</ArticleId>
      <ArticleId IdType="doi">10.1/own</ArticleId>
    </ArticleIdList>
  </PubmedData>
</PubmedArticle>
"#;

#[test]
fn every_field_of_a_full_record() {
    let article = only_article(set(FULL));
    assert_eq!((article.pmid, article.version), (4711, 2));
    assert_eq!(article.title, "Exhaled CO2 under drug\u{a0}A plus drug\u{2009}B: P<0.05 & more.");
    assert!(!article.title_is_vernacular);
    let section = |label: Option<&str>, category: Option<&str>, text: &str| AbstractSection {
        label: label.map(str::to_owned),
        nlm_category: category.map(str::to_owned),
        text: text.to_owned(),
    };
    assert_eq!(
        article.sections,
        [
            section(Some("BACKGROUND"), Some("OBJECTIVE"), "One2 two."),
            section(None, None, "Three four."),
            section(Some("A & B"), None, "x=1"),
        ]
    );
    assert_eq!(
        article.other_abstracts,
        [OtherAbstract {
            language: Some("fre".to_owned()),
            abstract_type: Some("Publisher".to_owned()),
            text: "Un.\nDeux.".to_owned()
        }]
    );
    assert_eq!(article.languages, ["eng", "ger"]);
    assert_eq!(article.journal, "Journal of Invented Trials");
    assert_eq!(article.journal_iso.as_deref(), Some("J Inv Trials"));
    assert_eq!((article.pub_date_raw.as_str(), article.pub_year), ("2001 Jun 15", Some(2001)));
    assert_eq!(article.publication_types, ["Journal Article", "Retracted Publication"]);
    assert_eq!(article.doi.as_deref(), Some("10.1/own"));
    assert_eq!(article.pmcid.as_deref(), Some("PMC42"));
    assert!(article.is_retracted && !article.is_retraction_notice);
    assert_eq!((article.record, article.offset), (1, HEAD.len() as u64));
}

#[test]
fn identifiers_of_cited_works_are_never_taken() {
    let without_own = FULL
        .replace("      <ArticleId IdType=\"pmc\">PMC42</ArticleId>\n", "")
        .replace("      <ArticleId IdType=\"doi\">10.1/own</ArticleId>\n", "");
    let article = only_article(set(&without_own));
    assert_eq!(article.doi.as_deref(), Some("10.1/elocation"));
    assert_eq!(article.pmcid, None);
    let invalid = without_own.replace("EIdType=\"doi\" ValidYN=\"Y\"", "EIdType=\"doi\" ValidYN=\"N\"");
    assert_eq!(only_article(set(&invalid)).doi, None);
}

#[test]
fn references_to_other_articles_set_the_retraction_flags() {
    let with =
        |kind: &str| only_article(set(&FULL.replace("CommentIn", kind).replace("Retracted Publication", "Review")));
    let flags = |record: PubmedRecord| (record.is_retracted, record.is_retraction_notice);
    assert_eq!(flags(with("CommentIn")), (false, false));
    assert_eq!(flags(with("RetractionIn")), (true, false));
    assert_eq!(flags(with("RetractionOf")), (false, true));
    for notice in ["Retraction of Publication", "Retraction Notice"] {
        assert_eq!(flags(only_article(set(&FULL.replace("Retracted Publication", notice)))), (false, true));
    }
}

#[test]
fn vernacular_titles_stand_in_for_missing_ones() {
    let title = |english: &str, vernacular: &str| {
        let article = only_article(set(&citation(
            1,
            &format!("<ArticleTitle>{english}</ArticleTitle><VernacularTitle>{vernacular}</VernacularTitle>"),
        )));
        (article.title, article.title_is_vernacular)
    };
    for missing in ["[Not Available].", "[Not Available]", "", " \n "] {
        assert_eq!(title(missing, "Ein Titel."), ("Ein Titel.".to_owned(), true), "{missing:?}");
    }
    assert_eq!(title("[Not Available].", ""), ("[Not Available].".to_owned(), false));
    assert_eq!(title("[A title].", "Ein Titel."), ("[A title].".to_owned(), false));
    assert_eq!(only_article(set(&citation(1, "<ArticleTitle/>"))).title, "");
}

#[test]
fn dates_keep_their_text_and_their_leading_year() {
    let date = |date: &str, electronic: &str| {
        let article = only_article(set(&citation(
            1,
            &format!("<Journal><JournalIssue><PubDate>{date}</PubDate></JournalIssue></Journal>{electronic}"),
        )));
        (article.pub_date_raw, article.pub_year)
    };
    let table: [(&str, &str, &str, Option<i32>); 7] = [
        ("<Year>2001</Year><Season>Spring</Season>", "", "2001 Spring", Some(2001)),
        ("<Year>1987</Year>", "", "1987", Some(1987)),
        ("<MedlineDate>1998 Dec-1999 Jan</MedlineDate>", "", "1998 Dec-1999 Jan", Some(1998)),
        ("<MedlineDate>1978-1979</MedlineDate>", "", "1978-1979", Some(1978)),
        ("<MedlineDate>Winter</MedlineDate>", "<ArticleDate><Year>2010</Year></ArticleDate>", "Winter", Some(2010)),
        ("<MedlineDate>19981 x</MedlineDate>", "", "19981 x", None),
        ("", "", "", None),
    ];
    for (xml, electronic, raw, year) in table {
        assert_eq!(date(xml, electronic), (raw.to_owned(), year), "{xml}");
    }
}

#[test]
fn text_policy() {
    let table = [
        ("a  b\t\n c ", "a b c"),
        ("  <i> a </i> <b> b</b>", "a b"),
        ("a<i/>b", "ab"),
        ("\u{a0}a\u{2009}\u{a0}b\u{a0}", "\u{a0}a\u{2009}\u{a0}b\u{a0}"),
        ("&lt;i&gt; &quot;x&quot; &apos;y&apos; &amp;amp;", "<i> \"x\" 'y' &amp;"),
        ("&#65;&#x42;&#x1F600;&#0065;", "AB\u{1f600}A"),
        ("a&#10;&#32; b", "a b"),
        ("&alpha;-tocopherol &unknown.name;", "&alpha;-tocopherol &unknown.name;"),
        ("<![CDATA[a <b> & &amp; c]]>", "a <b> & &amp; c"),
        ("a<!-- <ArticleTitle> & -->b<?pi <x> ?>c", "abc"),
        ("e\u{301} \u{feff}x Ångström ∆9", "e\u{301} \u{feff}x Ångström ∆9"),
        ("a <sup class='x>y' id=\">\">2</sup> b", "a 2 b"),
        ("a<sup >2</sup >\n", "a2"),
    ];
    for (xml, text) in table {
        assert_eq!(only_article(set(&titled(1, xml))).title, text, "{xml}");
    }
}

#[test]
fn long_texts_are_the_same_at_every_length() {
    // Crosses each boundary of the wide copy loop with each special byte.
    for special in ["&amp;", "  ", "\n", " <i>x</i> ", "é", ""] {
        for length in 0..100 {
            let (head, tail) = ("a".repeat(length), "b c".repeat(40));
            let title = only_article(set(&titled(1, &format!("{head}{special}{tail}")))).title;
            let plain = match special {
                "&amp;" => "&",
                "  " | "\n" if length == 0 => "",
                "  " | "\n" => " ",
                " <i>x</i> " if length == 0 => "x ",
                " <i>x</i> " => " x ",
                other => other,
            };
            assert_eq!(title, format!("{head}{plain}{tail}"), "{special:?} after {length}");
        }
    }
}

#[test]
fn deletions_carry_versions() {
    let xml = set("<DeleteCitation><PMID Version=\"3\">7</PMID>\n<PMID>8</PMID></DeleteCitation>");
    let expected = vec![PmidVersion { pmid: 7, version: 3 }, PmidVersion { pmid: 8, version: 1 }];
    assert_eq!(events(xml), [PubmedEvent::Deleted(expected)]);
    assert_eq!(events(set("<DeleteCitation/>")), []);
}

#[test]
fn version_defaults_to_one() {
    let article = only_article(set(&titled(5, "x").replace(" Version=\"1\"", "")));
    assert_eq!((article.pmid, article.version), (5, 1));
}

#[test]
fn records_are_numbered_and_located() {
    let (first, second) = (titled(1, "one"), titled(2, "two"));
    let xml = set(&format!("{first}<!-- <PubmedArticle> --><?x <PubmedArticle> ?>{second}"));
    let events = events(&xml);
    let found = articles(&events);
    assert_eq!(found.iter().map(|article| article.record).collect::<Vec<_>>(), [1, 2]);
    for article in found {
        let at = usize::try_from(article.offset).unwrap();
        assert!(xml[at..].starts_with(if article.pmid == 1 { &first } else { &second }));
    }
}

#[test]
fn comments_and_cdata_hide_record_tags() {
    let xml = set(&format!(
        "{}{}{}",
        titled(1, "a<!-- </PubmedArticle><PubmedArticle> -->b"),
        titled(2, "<![CDATA[</PubmedArticle>]]><?p </PubmedArticle> ?>c"),
        titled(3, "PubmedArticle and PubmedArticleSet as text")
    ));
    let events = events(xml);
    let titles: Vec<&str> = articles(&events).iter().map(|article| article.title.as_str()).collect();
    assert_eq!(titles, ["ab", "</PubmedArticle>c", "PubmedArticle and PubmedArticleSet as text"]);
}

#[test]
fn unread_lists_do_not_hide_what_follows() {
    for list in [
        "<AuthorList><Author><LastName>A</LastName></Author></AuthorList>",
        "<AuthorList><!-- </AuthorList><ArticleTitle>wrong</ArticleTitle> --></AuthorList>",
        "<AuthorList><![CDATA[</AuthorList>]]></AuthorList>",
        "<AuthorList>AuthorList</AuthorList >",
        "<AuthorList/>",
        "<ReferenceList><ReferenceList></ReferenceList><ArticleTitle>wrong</ArticleTitle></ReferenceList>",
    ] {
        let article = only_article(set(&citation(1, &format!("{list}<ArticleTitle>right</ArticleTitle>"))));
        assert_eq!(article.title, "right", "{list}");
    }
}
