//! Full text: articles, packages and packs through the pipeline, and the views over what they give.

use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json as value};
use tempfile::TempDir;

use crate::support::{json, rexdrug, shared, sql, stdout};

const MODEL: &str = "scripted:keyword=with";

/// A small article.
pub struct Paper<'t> {
    pub pmcid: u64,
    pub pmid: Option<u64>,
    pub licence: &'t str,
    pub methods: &'t str,
    pub results: &'t str,
}

impl Paper<'_> {
    pub fn xml(&self) -> String {
        let Self { pmcid, licence, methods, results, .. } = self;
        let pmid =
            self.pmid.map(|pmid| format!("<article-id pub-id-type=\"pmid\">{pmid}</article-id>")).unwrap_or_default();
        format!(
            "<?xml version=\"1.0\"?><!DOCTYPE article PUBLIC \"-//NLM//DTD JATS\" \"archivearticle.dtd\">\
             <article article-type=\"research-article\" xml:lang=\"en\"><front><article-meta>\
             <article-id pub-id-type=\"pmc\">{pmcid}</article-id>{pmid}<title-group><article-title>Paper {pmcid}</article-title></title-group>\
             <pub-date pub-type=\"epub\"><year>2020</year></pub-date><permissions><license xlink:href=\"https://creativecommons.org/{licence}/\"/></permissions>\
             </article-meta></front><body><sec><title>Methods</title><sec><title>Patients</title><p>{methods}</p></sec></sec>\
             <sec><title>Results</title><p>{results}</p></sec></body><back><ref-list><ref/><ref/></ref-list></back></article>"
        )
    }
}

fn both(pmcid: u64, pmid: Option<u64>, licence: &str) -> String {
    Paper {
        pmcid,
        pmid,
        licence,
        methods: "We gave cisplatin<sup>12</sup> with gemcitabine to mice.",
        results: "Nothing else happened.",
    }
    .xml()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn ingest(input: &Path, warehouse: &Path, more: &[&str]) -> Value {
    let (input, warehouse) = (input.to_string_lossy(), warehouse.to_string_lossy());
    let mut args = vec!["run", &input, "--warehouse", &warehouse, "--model", MODEL, "--json"];
    args.extend(more);
    json(&args)
}

#[test]
fn articles_of_every_form_end_in_the_same_tables() {
    let (input, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let by = "licenses/by/4.0";
    std::fs::create_dir(input.path().join("PMC000xxxxxx")).unwrap();
    std::fs::write(input.path().join("PMC000xxxxxx/PMC1.nxml"), both(1, None, by)).unwrap();
    std::fs::write(input.path().join("PMC000xxxxxx/PMC2.xml"), both(2, None, by)).unwrap();
    std::fs::write(input.path().join("PMC3.xml.gz"), gzip(both(3, None, by).as_bytes())).unwrap();
    let broken = both(4, None, by).replace("</sec></sec>", "</sec>");
    std::fs::write(input.path().join("PMC4.nxml"), &broken).unwrap();
    let files = ["PMC5.xml", "PMC6.xml"].map(|name| (name, both(name[3..4].parse().unwrap(), None, by)));
    package(&input.path().join("oa_comm_xml.incr.2026-01-31.tar.gz"), &files);

    let summary = ingest(input.path(), folder.path(), &["--max-quarantine", "1"]);
    assert_eq!((&summary["files_committed"], &summary["files_failed"]), (&2.into(), &0.into()), "{summary}");
    let documents = sql(
        folder.path(),
        "SELECT doc_id, source_member, licence, language, pub_year, version, excluded['references'] AS refs, \
         excluded['marks'] AS marks FROM documents ORDER BY doc_id",
    );
    let names = [
        (1, "PMC1.nxml"),
        (2, "PMC2.xml"),
        (3, "PMC3.xml.gz"),
        (5, "PMC000xxxxxx/PMC5.xml"),
        (6, "PMC000xxxxxx/PMC6.xml"),
    ];
    let expected = names.map(|(id, name)| {
        value!({"doc_id": format!("pmcid:PMC{id}"), "source_member": name, "licence": "cc-by-4.0", "language": "eng",
            "pub_year": 2020, "version": 1, "refs": 2, "marks": 1})
    });
    assert_eq!(documents, expected);
    let combinations = sql(folder.path(), "SELECT DISTINCT section, sentence, drug_key FROM combinations");
    assert_eq!(
        combinations,
        [
            value!({"section": "Methods > Patients", "sentence": "We gave cisplatin with gemcitabine to mice.", "drug_key": "cisplatin|gemcitabine"})
        ]
    );
    let refused = sql(folder.path(), "SELECT reason, source_member, byte_offset FROM quarantine");
    let at = broken.find("</body>").unwrap();
    assert_eq!(refused, [value!({"reason": "malformed_markup", "source_member": "PMC4.nxml", "byte_offset": at})]);
    let warehouse = folder.path().to_string_lossy();
    assert!(stdout(&["verify", "--warehouse", &warehouse]).contains("sound"));

    // Nothing has changed: nothing is read. One article changes: it alone is.
    let again = ingest(input.path(), folder.path(), &[]);
    assert_eq!((&again["files_committed"], &again["articles_known"]), (&0.into(), &4.into()), "{again}");
    std::fs::write(input.path().join("PMC000xxxxxx/PMC2.xml"), both(2, None, "publicdomain/zero/1.0")).unwrap();
    let changed = ingest(input.path(), folder.path(), &[]);
    assert_eq!((&changed["files_committed"], &changed["counts"]["records_read"]), (&1.into(), &1.into()), "{changed}");
    let licence = sql(folder.path(), "SELECT licence FROM documents WHERE pmcid = 'PMC2'");
    assert_eq!(licence, [value!({"licence": "cc0-1.0"})]);
    assert!(stdout(&["verify", "--warehouse", &warehouse]).contains("sound"));
}

fn package(path: &Path, files: &[(&str, String)]) {
    let mut builder = tar::Builder::new(GzEncoder::new(std::fs::File::create(path).unwrap(), Compression::fast()));
    for (name, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append_data(&mut header, format!("PMC000xxxxxx/{name}"), text.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap();
}

#[test]
fn only_allowed_licences_are_read_and_a_wider_choice_reads_the_rest() {
    let (input, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    for (id, licence) in [(1, "licenses/by/4.0"), (2, "licenses/by-nc/4.0"), (3, "publicdomain/zero/1.0")] {
        std::fs::write(input.path().join(format!("PMC{id}.nxml")), both(id, None, licence)).unwrap();
    }
    let summary = ingest(input.path(), folder.path(), &["--licence", "cc0,CC-BY"]);
    assert_eq!(summary["counts"]["records_unlicensed"], 1, "{summary}");
    assert_eq!(sql(folder.path(), "SELECT count(*) AS n FROM documents")[0]["n"], 2);
    let refused = sql(folder.path(), "SELECT doc_id, reason FROM quarantine");
    assert_eq!(refused, [value!({"doc_id": "pmcid:PMC2", "reason": "licence_not_allowed"})]);
    let wider = ingest(input.path(), folder.path(), &[]);
    assert_eq!((&wider["articles_known"], &wider["counts"]["records_read"]), (&2.into(), &1.into()), "{wider}");
    assert_eq!(sql(folder.path(), "SELECT count(*) AS n FROM documents")[0]["n"], 3);
    let output = rexdrug(&["run", "x.nxml", "--licence", "cc-bye"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("unknown licence `cc-bye`"));
}

#[test]
fn one_paper_in_pubmed_and_pmc_counts_once() {
    let (input, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let record = |pmid: u64, pmcid: &str, text: &str| {
        format!(
            "<PubmedArticle><MedlineCitation><PMID Version=\"1\">{pmid}</PMID><Article><ArticleTitle>T.</ArticleTitle>\
             <Abstract><AbstractText Label=\"CONCLUSIONS\">{text}</AbstractText></Abstract></Article></MedlineCitation>\
             <PubmedData><ArticleIdList>{pmcid}</ArticleIdList></PubmedData></PubmedArticle>"
        )
    };
    let drugs = "Cisplatin with gemcitabine worked.";
    let records = [
        record(10, "", drugs),
        record(20, "<ArticleId IdType=\"pmc\">PMC2</ArticleId>", drugs),
        record(30, "", "Cisplatin with gemcitabine with paclitaxel worked."),
    ];
    std::fs::write(
        input.path().join("t26n0001.xml"),
        format!("<PubmedArticleSet>{}</PubmedArticleSet>", records.concat()),
    )
    .unwrap();
    // PMC1 names its PMID; PMC2 does not, but the PubMed record names it; PMC3 has no PubMed record.
    for (id, pmid) in [(1, Some(10)), (2, None), (3, None)] {
        std::fs::write(input.path().join(format!("PMC{id}.nxml")), both(id, pmid, "licenses/by/4.0")).unwrap();
    }
    ingest(input.path(), folder.path(), &[]);
    let papers = sql(folder.path(), "SELECT doc_id, paper_id FROM papers ORDER BY doc_id");
    let pairs: Vec<(&str, &str)> =
        papers.iter().map(|row| (row["doc_id"].as_str().unwrap(), row["paper_id"].as_str().unwrap())).collect();
    assert_eq!(
        pairs,
        [
            ("pmcid:PMC1", "pmid:10"),
            ("pmcid:PMC2", "pmid:20"),
            ("pmcid:PMC3", "pmcid:PMC3"),
            ("pmid:10", "pmid:10"),
            ("pmid:20", "pmid:20"),
            ("pmid:30", "pmid:30")
        ]
    );
    let summary = sql(
        folder.path(),
        "SELECT arity, papers, evidence, papers_pos + papers_neg + papers_comb AS effects, first_year FROM combination_summary \
         WHERE drug_key = 'cisplatin|gemcitabine'",
    );
    assert_eq!(summary, [value!({"arity": 2, "papers": 3, "evidence": 5, "effects": 3, "first_year": 2020})]);
    let sections =
        sql(folder.path(), "SELECT section_kind, papers, evidence FROM combinations_by_section ORDER BY section_kind");
    assert_eq!(
        sections,
        [
            value!({"section_kind": "CONCLUSIONS", "papers": 3, "evidence": 3}),
            value!({"section_kind": "METHODS", "papers": 3, "evidence": 3})
        ]
    );
    let pairs = sql(
        folder.path(),
        "SELECT drug_a, drug_b, sum(papers) AS papers FROM combinations_by_pair GROUP BY 1, 2 ORDER BY 1, 2",
    );
    assert_eq!(
        pairs,
        [
            value!({"drug_a": "cisplatin", "drug_b": "gemcitabine", "papers": 4}),
            value!({"drug_a": "cisplatin", "drug_b": "paclitaxel", "papers": 1}),
            value!({"drug_a": "gemcitabine", "drug_b": "paclitaxel", "papers": 1}),
        ]
    );
    for view in ["combinations_by_year", "combinations_by_effect", "evidence"] {
        assert!(!sql(folder.path(), &format!("SELECT * FROM {view}")).is_empty(), "{view}");
    }
    assert!(sql(folder.path(), "SELECT * FROM contradictory_evidence").is_empty());
}

#[test]
fn an_abbreviation_defined_once_holds_for_the_article() {
    let (input, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let paper = |pmcid, methods| Paper {
        pmcid,
        pmid: None,
        licence: "licenses/by/4.0",
        methods,
        results: "Cisplatin with GCB prolonged survival.",
    };
    std::fs::write(input.path().join("PMC1.nxml"), paper(1, "Mice got gemcitabine (GCB).").xml()).unwrap();
    std::fs::write(input.path().join("PMC2.nxml"), paper(2, "Mice got nothing.").xml()).unwrap();
    ingest(input.path(), folder.path(), &[]);
    let rows = sql(folder.path(), "SELECT doc_id, section, drug_key FROM combinations");
    assert_eq!(rows, [value!({"doc_id": "pmcid:PMC1", "section": "Results", "drug_key": "cisplatin|gemcitabine"})]);
}

#[test]
fn a_combination_in_a_table_traces_to_its_table_and_row() {
    let (input, folder, without) = (TempDir::new().unwrap(), TempDir::new().unwrap(), TempDir::new().unwrap());
    let table = "<table-wrap><label>Table 2</label><caption><p>Regimens tried.</p></caption><table><thead><tr><th>Regimen</th>\
        <th>Survival</th></tr></thead><tbody><tr><td>none</td><td>5</td></tr><tr><td rowspan=\"2\">cisplatin with gemcitabine.</td>\
        <td>12 mo. Overall</td></tr><tr><td>9 mo</td></tr></tbody></table></table-wrap>";
    let text = both(1, None, "licenses/by/4.0").replace("Nothing else happened.</p>", &format!("Nothing.</p>{table}"));
    std::fs::write(input.path().join("PMC1.nxml"), text).unwrap();
    ingest(input.path(), folder.path(), &["--tables"]);
    let rows = sql(
        folder.path(),
        "SELECT section, section_kind, sentence FROM evidence WHERE section_kind <> 'METHODS' ORDER BY section",
    );
    let row = |number: u32, survival: &str| {
        value!({"section": format!("Results > Table 2 > Row {number}"), "section_kind": "TABLE_ROW",
            "sentence": format!("Regimen: cisplatin with gemcitabine.; Survival: {survival}")})
    };
    assert_eq!(rows, [row(2, "12 mo. Overall"), row(3, "9 mo")]);
    let sections = sql(
        folder.path(),
        "SELECT s['label'] AS label, s['nlm_category'] AS kind, substr(text, s['start'] + 1, s['end'] - s['start']) AS line \
         FROM (SELECT text, unnest(sections) AS s FROM documents) WHERE s['nlm_category'] LIKE 'TABLE%'",
    );
    assert_eq!(sections.len(), 4);
    assert_eq!(sections[1]["line"], "Regimen: none; Survival: 5");
    let excluded = "SELECT excluded['tables'] AS tables FROM documents";
    assert_eq!(sql(folder.path(), excluded)[0]["tables"], 0);
    assert!(stdout(&["verify", "--warehouse", &folder.path().to_string_lossy()]).contains("sound"));
    // Without the flag the same article has no rows, and says that a table was left out.
    ingest(input.path(), without.path(), &[]);
    assert_eq!(
        sql(without.path(), "SELECT DISTINCT section FROM combinations"),
        [value!({"section": "Methods > Patients"})]
    );
    assert_eq!(sql(without.path(), excluded)[0]["tables"], 1);
}

#[test]
fn real_articles_end_in_sound_tables() {
    let Some(input) = shared("pmc") else { return };
    let folder = TempDir::new().unwrap();
    let summary = ingest(&input, folder.path(), &[]);
    assert_eq!((&summary["files_committed"], &summary["counts"]["records_read"]), (&1.into(), &4.into()), "{summary}");
    let documents =
        sql(folder.path(), "SELECT pmcid, pmid, cardinality(sections) AS sections FROM documents ORDER BY pmcid");
    let ids: Vec<&str> = documents.iter().map(|row| row["pmcid"].as_str().unwrap()).collect();
    assert_eq!(ids, ["PMC2994229", "PMC3166277", "PMC3460867", "PMC3585041"]);
    assert!(documents.iter().all(|row| row["pmid"].as_i64().is_some() && row["sections"].as_i64().unwrap() > 8));
    let warehouse = folder.path().to_string_lossy();
    assert!(stdout(&["verify", "--warehouse", &warehouse]).contains("sound"));

    // With the rows of their tables: as many as the files have, and every section where its offsets say.
    let rows = TempDir::new().unwrap();
    ingest(&input, rows.path(), &["--tables"]);
    let counted = sql(
        rows.path(),
        "SELECT pmcid, count(*) AS rows, bool_and(length(substr(text, s['start'] + 1, s['end'] - s['start'])) > 0 \
         AND strpos(substr(text, s['start'] + 1, s['end'] - s['start']), chr(10)) = 0) AS lines \
         FROM (SELECT pmcid, text, unnest(sections) AS s FROM documents) WHERE s['nlm_category'] = 'TABLE_ROW' \
         GROUP BY pmcid ORDER BY pmcid",
    );
    let expected = [("PMC2994229", 85), ("PMC3166277", 51), ("PMC3460867", 29), ("PMC3585041", 54)];
    assert_eq!(counted, expected.map(|(id, rows)| value!({"pmcid": id, "rows": rows, "lines": true})));
    assert!(stdout(&["verify", "--warehouse", &rows.path().to_string_lossy()]).contains("sound"));
}
