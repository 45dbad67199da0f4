//! The reader against the whole-tree walk, on generated articles and on real ones.

use proptest::prelude::*;

use super::tree::paragraphs;
use super::{article, read};

/// Path and line of every paragraph that the reader found outside the abstract.
pub(super) fn read_paragraphs(xml: &str) -> Vec<(String, String)> {
    let found = read(xml).unwrap();
    let body = found.sections.iter().filter(|section| section.path.split(" > ").next() != Some("Abstract"));
    body.flat_map(|section| section.text.split('\n').map(|line| (section.path.clone(), line.to_owned()))).collect()
}

fn letters() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[a-zA-Z ,;()αβ漢\u{a0}]{0,14}",
        1 => Just("&amp;".to_owned()),
        1 => Just("&#x3b2;&#10;".to_owned()),
        1 => Just("\n   ".to_owned()),
        1 => Just("<!-- <p> -->".to_owned()),
        1 => Just("<![CDATA[<p> & ]]>".to_owned()),
        1 => Just("<break/>".to_owned()),
        1 => Just("<disp-formula><mml:math>x</mml:math></disp-formula>".to_owned()),
        1 => Just("<fn><p>note</p></fn>".to_owned()),
        1 => Just("<graphic/>".to_owned()),
    ]
}

fn inline() -> impl Strategy<Value = String> {
    letters().prop_recursive(3, 12, 4, |inner| {
        (
            prop::sample::select(vec!["italic", "bold", "sub", "named-content", "ext-link", "sc"]),
            prop::collection::vec(inner, 0..4),
        )
            .prop_map(|(tag, parts)| format!("<{tag}>{}</{tag}>", parts.concat()))
    })
}

pub(super) fn runs() -> impl Strategy<Value = String> {
    prop::collection::vec(inline(), 0..5).prop_map(|parts| parts.concat())
}

fn float() -> impl Strategy<Value = String> {
    (prop::bool::ANY, prop::option::of("[A-Z][a-z]{0,5} [0-9]"), runs(), runs()).prop_map(
        |(figure, label, title, text)| {
            let (tag, inside) =
                if figure { ("fig", "<graphic/>") } else { ("table-wrap", "<table><tr><td>1</td></tr></table>") };
            let label = label.map(|label| format!("<label>{label}</label>")).unwrap_or_default();
            format!("<{tag}>{label}<caption><title>{title}</title><p>{text}</p></caption>{inside}</{tag}>")
        },
    )
}

fn block() -> impl Strategy<Value = String> {
    prop_oneof![
        5 => runs().prop_map(|text| format!("<p>{text}</p>")),
        2 => (runs(), float(), runs()).prop_map(|(before, float, after)| format!("<p>{before}{float}{after}</p>")),
        2 => (runs(), runs(), runs()).prop_map(|(before, item, after)| {
            format!("<p>{before}<list><list-item><label>1</label><p>{item}</p></list-item></list>{after}</p>")
        }),
        1 => float(),
        1 => Just("<supplementary-material><p>File</p></supplementary-material>".to_owned()),
    ]
}

fn section() -> impl Strategy<Value = String> {
    let leaf = prop::collection::vec(block(), 0..4).prop_map(|blocks| blocks.concat());
    leaf.prop_recursive(4, 24, 3, |inner| {
        (prop::option::of(runs()), prop::collection::vec(prop_oneof![2 => inner, 1 => block()], 0..4)).prop_map(
            |(title, parts)| {
                let title = title.map(|title| format!("<title>{title}</title>")).unwrap_or_default();
                format!("<sec>{title}{}</sec>", parts.concat())
            },
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(384))]

    #[test]
    fn generated_articles_read_as_the_tree_walk_reads_them(parts in prop::collection::vec(section(), 0..5), back in section()) {
        let xml = article(&format!("<body>{}</body><back>{back}<ref-list><ref/></ref-list></back>", parts.concat()));
        prop_assert_eq!(read_paragraphs(&xml), paragraphs(&xml), "{}", xml);
    }
}
