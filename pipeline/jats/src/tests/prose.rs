//! What becomes of the text.

use super::{article, paragraph, read, sections};
use crate::SectionKind;

#[test]
fn marks_do_not_glue_to_words_and_chemistry_keeps_its_letters() {
    for (xml, expected) in [
        ("cisplatin<sup>12</sup> and", "cisplatin and"),
        ("cisplatin<sup><xref ref-type=\"bibr\" rid=\"b1\">12</xref></sup> and", "cisplatin and"),
        ("cisplatin<xref ref-type=\"bibr\" rid=\"b1\"><sup>12</sup></xref> and", "cisplatin and"),
        ("cisplatin<xref ref-type=\"bibr\" rid=\"b1\">12</xref> and", "cisplatin and"),
        (
            "worked.<sup><xref ref-type=\"bibr\">1</xref>,<xref ref-type=\"bibr\">2</xref>–<xref ref-type=\"bibr\">4</xref></sup> Then",
            "worked. Then",
        ),
        (
            "a <xref ref-type=\"bibr\"><sup>1</sup></xref><sup>,</sup><xref ref-type=\"bibr\"><sup>2</sup></xref> b",
            "a b",
        ),
        ("survival.<sup>3,4</sup> Next", "survival. Next"),
        ("cisplatin<sup>12</sup>and", "cisplatin and"),
        ("died<xref ref-type=\"table-fn\"><sup>a</sup></xref> early", "died early"),
        ("known [<xref ref-type=\"bibr\">1</xref>-<xref ref-type=\"bibr\">9</xref>].", "known [1-9]."),
        (
            "known (<xref ref-type=\"bibr\">Roe <italic>et al</italic>, 1993</xref>; <xref ref-type=\"bibr\">Poe, 2001</xref>).",
            "known (Roe et al, 1993; Poe, 2001).",
        ),
        ("said<xref ref-type=\"bibr\">Roe 1993</xref>.", "said Roe 1993."),
        ("known <xref ref-type=\"bibr\">[2]</xref>, <xref ref-type=\"bibr\">[3]</xref>.", "known [2], [3]."),
        ("see Figure <xref ref-type=\"fig\">2</xref>A", "see Figure 2A"),
        ("H<sub>2</sub>O and vitamin D<sub>3</sub>", "H2O and vitamin D3"),
        (
            "Ca<sup>2+</sup>, <sup>18</sup>F, 10<sup>−9</sup> M, 10<sup>12</sup>, kg/m<sup>2</sup>, R<sup>2</sup>, (a/b)<sup>2</sup>",
            "Ca2+, 18F, 10−9 M, 1012, kg/m2, R2, (a/b)2",
        ),
        ("12 square metres, 3 metre<sup>2</sup>", "12 square metres, 3 metre2"),
        ("IC<sub>50</sub> of CD8<sup>+</sup> and Bcl<sup>high</sup> cells", "IC50 of CD8+ and Bclhigh cells"),
    ] {
        assert_eq!(paragraph(xml), expected, "{xml}");
    }
}

#[test]
fn dropped_marks_are_counted() {
    let body = "<body><p>one<sup>12</sup> cisplatin<sup>3</sup>, drug<xref ref-type=\"bibr\"><sup>1</sup></xref><sup>,</sup>\
                <xref ref-type=\"bibr\"><sup>2</sup></xref> H<sup>3</sup></p></body>";
    let article = read(&article(body)).unwrap();
    assert_eq!(article.sections[0].text, "one12 cisplatin, drug H3");
    assert_eq!(article.excluded.marks, 3);
}

#[test]
fn text_keeps_its_order_and_the_tails_of_inline_elements() {
    let xml =
        "A <italic>b <bold>c</bold> d</italic> e<ext-link>f</ext-link>g<break/>h <named-content>i</named-content>, j";
    assert_eq!(paragraph(xml), "A b c d efg h i, j");
    assert_eq!(paragraph("x<!-- & <p> -->y<?pi <p>?>z &amp; <![CDATA[<p> & ]]>&#x3b1;&beta;"), "xyz & <p> & α&beta;");
}

#[test]
fn sections_have_paths_and_captions_follow_their_paragraph() {
    let body = "<body><p>Before.</p><sec sec-type=\"methods\"><label>2</label><title>Methods:</title><p>M1 <fig id=\"f\"><label>Figure 1</label>\
        <caption><title>Flow.</title><p>Of all<sup>+</sup>.</p></caption><graphic/></fig>goes on.</p><sec><title>Patients &amp; <italic>drugs</italic></title>\
        <p>P1.</p><list><list-item><label>a</label><p>L1</p></list-item><list-item><p>L2</p></list-item></list><p>P2.</p></sec><p>M2</p></sec>\
        <sec><p>No title.</p></sec></body><back><app-group><app><title>Appendix A</title><p>App.</p></app></app-group></back>";
    let expected = [
        ("", "Before."),
        ("Methods", "M1 goes on."),
        ("Methods > Figure 1", "Flow.\nOf all+."),
        ("Methods > Patients & drugs", "P1.\nL1\nL2\nP2."),
        ("Methods", "M2"),
        ("", "No title."),
        ("Appendix A", "App."),
    ];
    assert_eq!(sections(body), expected.map(|(path, text)| (path.to_owned(), text.to_owned())));
}

#[test]
fn what_is_left_out_is_counted() {
    let body = "<body><p>See <disp-formula><mml:math><mml:mi>x</mml:mi></mml:math></disp-formula> and <inline-formula><alternatives>\
        <tex-math>\\x</tex-math><mml:math><mml:mi>k</mml:mi><mml:mo>=</mml:mo><mml:mn>2</mml:mn><mml:annotation>no</mml:annotation></mml:math>\
        </alternatives></inline-formula>, <inline-formula><tex-math>\\y</tex-math></inline-formula> <inline-formula>CO<sub>2</sub></inline-formula>.\
        <fn><p>Note.</p></fn></p><table-wrap><label>Table 1</label><caption><p>Doses</p></caption><alternatives><graphic/><table><tr><td>1</td><td>2 <sup>a</sup></td></tr></table></alternatives>\
        <table-wrap-foot><fn><p>f</p></fn><fn><p>g</p></fn></table-wrap-foot></table-wrap><sec sec-type=\"supplementary-material\"><title>S</title>\
        <supplementary-material/><supplementary-material><p>x</p></supplementary-material></sec></body>\
        <back><ack><p>Thanks.</p></ack><ref-list><title>References</title><ref id=\"r1\"><note><p>n</p></note></ref><ref id='r2'/></ref-list></back>\
        <sub-article><body><p>Review.</p></body></sub-article>";
    let xml = article(body);
    let found = read(&xml).unwrap();
    let texts: Vec<&str> = found.sections.iter().map(|section| section.text.as_str()).collect();
    assert_eq!(texts, ["See and k=2, CO2.", "Doses"]);
    let excluded = found.excluded;
    assert_eq!((excluded.references, excluded.tables, excluded.formulas, excluded.supplementary), (2, 1, 2, 2));
    assert_eq!((excluded.footnotes, excluded.back_matter, excluded.sub_articles, excluded.marks), (3, 1, 1, 0));
}

#[test]
fn headings_say_what_a_section_is() {
    for (path, kind) in [
        ("Methods > Patients", SectionKind::Methods),
        ("2. Materials and methods", SectionKind::Methods),
        ("Statistical analysis", SectionKind::Methods),
        ("Results and discussion", SectionKind::Results),
        ("RESULTS", SectionKind::Results),
        ("Abstract > Background", SectionKind::Background),
        ("Introduction", SectionKind::Background),
        ("BACKGROUND AND AIMS", SectionKind::Background),
        ("Results > Table 1", SectionKind::Table),
        ("Results > Table 1 > Row 12", SectionKind::Row),
        ("Results > Row of houses", SectionKind::Results),
        ("Fig. 3", SectionKind::Figure),
        ("Figures of speech in medicine", SectionKind::Unassigned),
        ("Case presentation", SectionKind::Case),
        ("Concluding remarks", SectionKind::Conclusions),
        ("TITLE", SectionKind::Title),
        ("Competing interests", SectionKind::Appendix),
        ("Discussion > Methods of others", SectionKind::Discussion),
        ("", SectionKind::Unassigned),
        ("Something else", SectionKind::Unassigned),
    ] {
        assert_eq!(SectionKind::of_path(path), kind, "{path}");
    }
    assert_eq!(SectionKind::of_type("materials|methods"), SectionKind::Methods);
    assert_eq!(SectionKind::of_type("intro"), SectionKind::Background);
}
