//! Views over the tables: papers counted once, however many records and sentences say the same.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, StringArray};
use arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};
use datafusion::prelude::SessionContext;
use rexdrug_jats::SectionKind;

/// A view with what one row of it is.
struct View {
    name: &'static str,
    doc: &'static str,
    sql: &'static str,
}

/// The views, each on those before it.
const VIEWS: [View; 8] = [
    View {
        name: "papers",
        doc: "One row per document with the paper it is a record of. The PubMed record and the full text of one article \
              are one paper: they share a PMID, or the PMCID of one names the other.",
        sql: "SELECT d.doc_id, coalesce('pmid:' || CAST(d.pmid AS VARCHAR), 'pmid:' || CAST(link.pmid AS VARCHAR), d.doc_id) AS paper_id, d.pmid, d.pmcid, \
              d.pub_year, d.is_retracted, d.licence, d.journal \
              FROM documents d LEFT JOIN (SELECT pmcid, min(pmid) AS pmid FROM documents \
              WHERE pmid IS NOT NULL AND pmcid IS NOT NULL GROUP BY pmcid) link ON d.pmcid = link.pmcid",
    },
    View {
        name: "evidence",
        doc: "One row per combination that a sentence states, with its paper and the kind of its section (`METHODS`, \
              `RESULTS`, `BACKGROUND`, ...). `is_retracted` holds when any record of the paper says so.",
        sql: "SELECT p.paper_id, section_kind(c.section) AS section_kind, r.is_retracted, c.combination_id, c.doc_id, \
              c.pmid, c.pmcid, c.pub_year, c.section, c.sentence, c.drugs, c.drug_key, c.arity, c.effect, c.confidence, \
              c.source_file FROM combinations c JOIN papers p ON c.doc_id = p.doc_id \
              JOIN (SELECT paper_id, bool_or(is_retracted) AS is_retracted FROM papers GROUP BY paper_id) r \
              ON p.paper_id = r.paper_id",
    },
    View {
        name: "combination_summary",
        doc: "One row per combination. A paper counts once, and once per effect, wherever and however often it says it.",
        sql: "SELECT drug_key, max(arity) AS arity, count(DISTINCT paper_id) AS papers, \
              count(DISTINCT paper_id) FILTER (WHERE effect = 'POS') AS papers_pos, \
              count(DISTINCT paper_id) FILTER (WHERE effect = 'NEG') AS papers_neg, \
              count(DISTINCT paper_id) FILTER (WHERE effect = 'COMB') AS papers_comb, \
              count(DISTINCT paper_id) FILTER (WHERE is_retracted) AS papers_retracted, \
              count(*) AS evidence, min(pub_year) AS first_year, max(pub_year) AS last_year, \
              max(confidence) AS max_confidence FROM evidence GROUP BY drug_key",
    },
    View {
        name: "combinations_by_year",
        doc: "One row per combination, effect and year of publication.",
        sql: "SELECT drug_key, effect, pub_year, count(DISTINCT paper_id) AS papers, count(*) AS evidence \
              FROM evidence GROUP BY drug_key, effect, pub_year",
    },
    View {
        name: "combinations_by_effect",
        doc: "One row per effect.",
        sql: "SELECT effect, count(DISTINCT drug_key) AS combinations, count(DISTINCT paper_id) AS papers, \
              count(*) AS evidence FROM evidence GROUP BY effect",
    },
    View {
        name: "combinations_by_pair",
        doc: "One row per pair of drugs that occur together in a combination of any size, and effect; `drug_a` sorts \
              before `drug_b`.",
        sql: "SELECT a.drug AS drug_a, b.drug AS drug_b, a.effect, count(DISTINCT a.paper_id) AS papers, \
              count(*) AS evidence FROM \
              (SELECT combination_id, paper_id, effect, unnest(string_to_array(drug_key, '|')) AS drug FROM evidence) a \
              JOIN (SELECT combination_id, unnest(string_to_array(drug_key, '|')) AS drug FROM evidence) b \
              ON a.combination_id = b.combination_id AND a.drug < b.drug GROUP BY a.drug, b.drug, a.effect",
    },
    View {
        name: "combinations_by_section",
        doc: "One row per kind of section and effect. Background and introduction mostly tell of cited work, methods and \
              results of the paper's own.",
        sql: "SELECT section_kind, effect, count(DISTINCT drug_key) AS combinations, count(DISTINCT paper_id) AS papers, \
              count(*) AS evidence FROM evidence GROUP BY section_kind, effect",
    },
    View {
        name: "contradictory_evidence",
        doc: "Combinations that some paper, not retracted, calls beneficial and another harmful, or one paper both.",
        sql: "SELECT drug_key, count(DISTINCT paper_id) FILTER (WHERE effect = 'POS') AS papers_pos, \
              count(DISTINCT paper_id) FILTER (WHERE effect = 'NEG') AS papers_neg, count(*) AS evidence, \
              min(pub_year) AS first_year, max(pub_year) AS last_year FROM evidence \
              WHERE effect IN ('POS', 'NEG') AND NOT is_retracted GROUP BY drug_key \
              HAVING count(*) FILTER (WHERE effect = 'POS') > 0 AND count(*) FILTER (WHERE effect = 'NEG') > 0",
    },
];

/// Registers the views, and the function `section_kind(section)` that they use. The tables stand already.
///
/// # Errors
/// When a view does not plan.
pub(crate) async fn register(ctx: &SessionContext) -> Result<()> {
    ctx.register_udf(section_kind());
    for view in &VIEWS {
        ctx.sql(&format!("CREATE OR REPLACE VIEW {} AS {}", view.name, view.sql)).await?;
    }
    Ok(())
}

/// `section_kind(section)`: what kind of section a label or a path of headings announces.
fn section_kind() -> ScalarUDF {
    let kinds = |labels: &StringArray| -> StringArray {
        labels.iter().map(|label| Some(label.map_or(SectionKind::Unassigned, SectionKind::of_path).label())).collect()
    };
    let call = move |arguments: &[ColumnarValue]| -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(arguments)?;
        let empty: ArrayRef = Arc::new(StringArray::from(Vec::<Option<&str>>::new()));
        let labels = arrays.first().unwrap_or(&empty);
        Ok(ColumnarValue::Array(Arc::new(kinds(labels.as_string::<i32>()))))
    };
    create_udf("section_kind", vec![DataType::Utf8], DataType::Utf8, Volatility::Immutable, Arc::new(call))
}

/// Markdown of `docs/views.md`: every view, what a row is, and its SQL.
pub fn views_markdown() -> String {
    use std::fmt::Write as _;
    let mut page = String::from(
        "# Views\n\nGenerated from `pipeline/src/warehouse/views.rs` by `make generate`; do not edit.\n\n\
         `rexdrug sql` has these views beside the tables, and the function `section_kind(section)`. A paper that PubMed \
         and PMC both have is one paper; its abstract and its body are separate evidence.\n\n```\n\
         rexdrug sql \"SELECT * FROM combination_summary ORDER BY papers DESC LIMIT 20\"\n\
         rexdrug sql \"SELECT sentence FROM evidence WHERE section_kind = 'RESULTS' AND drug_key = 'cisplatin|gemcitabine'\"\n\
         rexdrug sql \"SELECT * FROM combinations_by_section ORDER BY evidence DESC\"\n```\n\n\
         Kinds of sections: ",
    );
    let kinds = [
        SectionKind::Title,
        SectionKind::Background,
        SectionKind::Objective,
        SectionKind::Methods,
        SectionKind::Results,
        SectionKind::Discussion,
        SectionKind::Conclusions,
        SectionKind::Case,
        SectionKind::Figure,
        SectionKind::Table,
        SectionKind::Row,
        SectionKind::Appendix,
        SectionKind::Unassigned,
    ];
    page.push_str(&kinds.map(|kind| format!("`{}`", kind.label())).join(", "));
    page.push_str(".\n");
    for view in &VIEWS {
        let _ = write!(page, "\n## {}\n\n{}\n\n```sql\n{}\n```\n", view.name, view.doc, view.sql);
    }
    page
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn generated_views_page_is_current() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/views.md");
        if std::env::var_os("REXDRUG_BLESS").is_some() {
            std::fs::write(&path, views_markdown()).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(found == views_markdown(), "{} is not current; run `make generate`", path.display());
    }

    #[tokio::test]
    async fn evidence_contradicts_across_papers_and_within_one_unless_it_is_retracted() {
        let ctx = SessionContext::new();
        let run = async |sql: &str| ctx.sql(sql).await.unwrap().collect().await.unwrap();
        run("CREATE TABLE documents (doc_id VARCHAR, pmid BIGINT, pmcid VARCHAR, pub_year INT, is_retracted BOOLEAN, \
             licence VARCHAR, journal VARCHAR) AS VALUES ('pmid:1', 1, NULL, 2020, false, NULL, 'J'), \
             ('pmcid:PMC1', 1, 'PMC1', 2020, false, 'cc0-1.0', 'J'), ('pmid:2', 2, NULL, 2021, false, NULL, 'J'), \
             ('pmcid:PMC2', 2, 'PMC2', 2021, true, NULL, 'J'), ('pmid:3', 3, NULL, 2022, false, NULL, 'J')")
        .await;
        let row = |id: usize, doc: &str, key: &str, effect: &str| {
            format!("('c{id}', '{doc}', 'Results', 'S.', 'd', '{key}', 2, '{effect}', 0.9, 'f', NULL, NULL, 2020)")
        };
        let rows = [
            // One paper says both; two papers disagree; the one that disagrees is retracted in PMC, so in PubMed, too.
            row(1, "pmid:1", "a|b", "POS"),
            row(2, "pmcid:PMC1", "a|b", "NEG"),
            row(3, "pmid:3", "c|d", "POS"),
            row(4, "pmid:1", "c|d", "NEG"),
            row(5, "pmcid:PMC1", "c|d", "NEG"),
            row(6, "pmid:3", "e|f", "POS"),
            row(7, "pmid:2", "e|f", "NEG"),
            row(8, "pmid:3", "g|h", "POS"),
            row(9, "pmid:1", "g|h", "COMB"),
        ];
        run(&format!(
            "CREATE TABLE combinations (combination_id VARCHAR, doc_id VARCHAR, section VARCHAR, sentence VARCHAR, drugs VARCHAR, \
             drug_key VARCHAR, arity INT, effect VARCHAR, confidence FLOAT, source_file VARCHAR, pmid BIGINT, pmcid VARCHAR, \
             pub_year INT) AS VALUES {}",
            rows.join(", ")
        ))
        .await;
        register(&ctx).await.unwrap();
        let found =
            run("SELECT drug_key, papers_pos, papers_neg, evidence FROM contradictory_evidence ORDER BY 1").await;
        let expected = [
            "+----------+------------+------------+----------+",
            "| drug_key | papers_pos | papers_neg | evidence |",
            "+----------+------------+------------+----------+",
            "| a|b      | 1          | 1          | 2        |",
            "| c|d      | 1          | 1          | 3        |",
            "+----------+------------+------------+----------+",
        ];
        let shown = arrow::util::pretty::pretty_format_batches(&found).unwrap().to_string();
        assert_eq!(shown.lines().collect::<Vec<_>>(), expected);
        let found =
            run("SELECT papers, papers_retracted, evidence FROM combination_summary WHERE drug_key = 'e|f'").await;
        let shown = arrow::util::pretty::pretty_format_batches(&found).unwrap().to_string();
        assert!(shown.contains("| 2      | 1                | 2        |"), "{shown}");
    }
}
