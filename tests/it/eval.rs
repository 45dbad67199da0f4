//! `rexdrug eval` over gold files written here.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use std::sync::atomic::Ordering;

use crate::llm::{Server, joins_known_drugs};
use crate::support::{json as run_json, rexdrug, root, stdout};

const TINY_DDI13: &str = "operators/src/backend/fixtures/tiny-ddi13";
/// A random decoder that was trained on nothing: its answers are valid and worthless.
pub const TINY_LLM: &str = "operators/src/backend/fixtures/tiny-llm";

/// A DrugComb item; spans are the given names, searched for from left to right.
pub fn item(doc_id: &str, sentence: &str, names: &[&str], rels: &[(&str, &[u32])]) -> Value {
    let mut from = 0;
    let spans: Vec<Value> = names
        .iter()
        .enumerate()
        .map(|(id, name)| {
            let byte = from + sentence[from..].find(name).unwrap();
            from = byte + name.len();
            let start = sentence[..byte].chars().count();
            json!({"span_id": id, "text": name, "start": start, "end": start + name.chars().count(),
                   "token_start": 0, "token_end": 1})
        })
        .collect();
    let rels: Vec<Value> = rels
        .iter()
        .map(|(class, spans)| json!({"class": class, "spans": spans, "is_context_needed": *class == "NEG"}))
        .collect();
    json!({"doc_id": doc_id, "sentence": sentence, "spans": spans, "rels": rels,
           "paragraph": format!("A first sentence. {sentence} A last one."), "source": null})
}

pub fn gold() -> Vec<Value> {
    vec![
        item("a", "Cisplatin with gemcitabine <was> good .", &["Cisplatin", "gemcitabine"], &[("POS", &[0, 1])]),
        item("b", "β-blockers aside , cisplatin or paclitaxel was given .", &["cisplatin", "paclitaxel"], &[]),
        item("c", "Warfarin with aspirin caused bleeding .", &["Warfarin", "aspirin"], &[("NEG", &[0, 1])]),
        item("d", "Paclitaxel with a new drug and carboplatin .", &["Paclitaxel", "carboplatin"], &[("COMB", &[0, 1])]),
    ]
}

pub fn write(folder: &Path, name: &str, lines: &[Value]) -> String {
    let path = folder.join(name);
    let text: Vec<String> = lines.iter().map(Value::to_string).collect();
    std::fs::write(&path, text.join("\n")).unwrap();
    path.to_string_lossy().into_owned()
}

pub fn f1(section: &Value, rule: &str, score: &str) -> f64 {
    section[rule][score]["f1"].as_f64().unwrap_or_else(|| panic!("no {rule} {score} in {section}"))
}

#[test]
fn a_model_is_judged_with_gold_mentions_and_end_to_end() {
    let folder = TempDir::new().unwrap();
    let gold = write(folder.path(), "gold.jsonl", &gold());
    let report = folder.path().join("report.html").to_string_lossy().into_owned();
    let args = ["eval", "drugcomb", "--gold", &gold, "--model", "scripted:keyword=with", "--json", "--report", &report];
    let found = run_json(&args);
    for section in [&found["gold_mentions"], &found["end_to_end"]] {
        // The script says POS wherever `with` stands: three sets of which one has the right label.
        assert_eq!(f1(section, "leaderboard", "any_exact"), 1.0, "{found}");
        assert_eq!(section["leaderboard"]["pos_exact"]["p"], 1.0 / 3.0);
        assert_eq!(section["leaderboard"]["pos_exact"]["r"], 1.0);
        // Beside POS, which is right once, NO_COMB of item b counts under the RexDrug rule.
        assert_eq!(f1(section, "rexdrug", "any_exact"), 1.0);
        assert_eq!(
            (&section["by_label"]["NEG"]["gold"], &section["by_context"]["needed"]["gold"]),
            (&json!(1), &json!(1))
        );
        assert_eq!(section["errors"]["gold"], json!({"mention": 0, "set": 0, "label": 2}));
    }
    assert_eq!(found["gold_mentions"]["mentions"], Value::Null, "they were given");
    assert_eq!(found["end_to_end"]["mentions"]["r"], 1.0);
    let page = std::fs::read_to_string(&report).unwrap();
    assert!(page.contains("caused bleeding") && !page.contains("&lt;was&gt; good"), "errors only");
    assert!(!page.contains("src=") && !page.contains("href="), "nothing is fetched");
    let text = stdout(&args[..6]);
    assert!(text.contains("leaderboard (published)") && text.contains("mentions (exact spans)"), "{text}");
}

#[test]
fn prediction_files_are_judged_and_several_are_seeds() {
    let folder = TempDir::new().unwrap();
    let gold = write(folder.path(), "gold.jsonl", &gold());
    let row = |doc: &str, ids: [u32; 2], label: &str| json!({"doc_id": doc, "drug_idxs": ids, "relation_label": label});
    let right = [row("a", [1, 0], "POS"), row("c", [0, 1], "NEG"), row("d", [0, 1], "COMB")];
    let first = write(folder.path(), "1.jsonl", &right);
    let second = write(folder.path(), "2.jsonl", &right[1..]);
    let found = run_json(&["eval", "drugcomb", "--gold", &gold, "--json", "--predictions", &first, &second]);
    assert_eq!(found["end_to_end"], Value::Null);
    let pos = &found["gold_mentions"]["leaderboard"]["pos_exact"];
    assert_eq!((&pos["f1"], &pos["n"]), (&json!(0.5), &json!(2)));
    assert!((pos["sd"]["f1"].as_f64().unwrap() - 0.5_f64.sqrt()).abs() < 1e-12, "{pos}");
    assert!(stdout(&["eval", "drugcomb", "--gold", &gold, "--predictions", &first, &second]).contains("50.0 ± 70.7"));

    let answer = |list: Value| json!({"response": format!("<think>x</think><answer>{list}</answer>")});
    let none = json!([{"type": "NO_COMB", "ent_set": []}]);
    let answers = [
        answer(json!([{"type": "POS", "ent_set": ["cisplatin", "GEMCITABINE"]}])),
        answer(none.clone()),
        answer(none),
        json!({"response": "I do not know"}),
    ];
    let answers = write(folder.path(), "answers.jsonl", &answers);
    let found = run_json(&["eval", "drugcomb", "--gold", &gold, "--json", "--predictions", &answers]);
    assert_eq!(found["gold_mentions"], Value::Null);
    assert_eq!(f1(&found["end_to_end"], "leaderboard", "pos_exact"), 1.0);
    assert_eq!(found["end_to_end"]["leaderboard"]["any_exact"]["r"], 1.0 / 3.0);
    assert_eq!(found["end_to_end"]["errors"]["refused"], 1);
}

#[test]
fn a_warehouse_is_judged_by_the_sentences_it_holds() {
    let folder = TempDir::new().unwrap();
    let gold = gold();
    let articles: Vec<String> = gold
        .iter()
        .enumerate()
        .take(3)
        .map(|(index, item)| {
            // As prose: the gold sentences are tokenised, documents are not.
            let text = item["paragraph"].as_str().unwrap().replace(" .", ".").replace(" ,", ",");
            let text = text.replace('<', "&lt;").replace('>', "&gt;");
            format!(
                "<PubmedArticle><MedlineCitation><PMID Version=\"1\">{}</PMID><Article><ArticleTitle>On drugs.</ArticleTitle>\
                 <Abstract><AbstractText>{text}</AbstractText></Abstract></Article></MedlineCitation></PubmedArticle>",
                index + 1
            )
        })
        .collect();
    let file = folder.path().join("w26n0001.xml");
    std::fs::write(&file, format!("<PubmedArticleSet>{}</PubmedArticleSet>", articles.concat())).unwrap();
    let warehouse = folder.path().join("w").to_string_lossy().into_owned();
    let file = file.to_string_lossy().into_owned();
    run_json(&["run", &file, "--warehouse", &warehouse, "--model", "scripted:keyword=with", "--json"]);
    let gold = write(folder.path(), "gold.jsonl", &gold);
    let found =
        run_json(&["eval", "drugcomb", "--gold", &gold, "--from-warehouse", "--warehouse", &warehouse, "--json"]);
    let section = &found["end_to_end"];
    assert!(found["judged"][0].as_str().unwrap().contains("holds 3 of 4 sentences"), "{found}");
    assert_eq!(section["leaderboard"]["any_exact"], json!({"f1": 0.8, "p": 1.0, "r": 2.0 / 3.0}), "{found}");
    assert_eq!((&section["leaderboard"]["pos_exact"]["r"], &section["errors"]["refused"]), (&json!(1.0), &json!(1)));
}

#[test]
fn ddi13_is_judged_over_its_four_types() {
    let folder = TempDir::new().unwrap();
    let entity = |name: &str| json!({"entity": name, "category": "drug"});
    let gold = [
        json!({"id": 0, "context": "aspirin plus ibuprofen versus warfarin",
               "entities": [entity("aspirin"), entity("ibuprofen"), entity("warfarin")],
               "relations": [{"type": "effect", "ent_sets": ["aspirin", "ibuprofen"]},
                             {"type": "other", "ent_sets": ["aspirin", "warfarin"]}]}),
        json!({"id": 1, "context": "harmful warfarin with aspirin",
               "entities": [entity("aspirin"), entity("warfarin")],
               "relations": [{"type": "int", "ent_sets": ["warfarin", "aspirin"]}]}),
    ];
    let gold = write(folder.path(), "gold.jsonl", &gold);
    let found = run_json(&["eval", "ddi13", "--gold", &gold, "--model", TINY_DDI13, "--json"]);
    assert_eq!((&found["micro_f1"], &found["macro_f1"]), (&json!(0.5), &json!(0.25)), "{found}");
    assert_eq!(found["per_type"]["effect"], json!({"f1": 1.0, "p": 1.0, "r": 1.0, "support": 1}));
    assert_eq!(found["errors"]["gold"], json!({"mention": 0, "set": 0, "label": 1}));
    let pair = json!({"id": 1, "response": r#"[{"type": "int", "ent_set": ["Aspirin", "warfarin"]}]"#});
    let predictions = write(folder.path(), "p.jsonl", &[pair]);
    let found = run_json(&["eval", "ddi13", "--gold", &gold, "--predictions", &predictions, "--json"]);
    assert_eq!((&found["micro"]["p"], &found["micro"]["r"]), (&json!(1.0), &json!(0.5)), "{found}");
    let report = folder.path().join("r.html").to_string_lossy().into_owned();
    let text = stdout(&["eval", "ddi13", "--gold", &gold, "--model", TINY_DDI13, "--report", &report]);
    assert!(text.contains("micro F1") && std::fs::read_to_string(&report).unwrap().contains("harmful"), "{text}");
}

#[test]
fn what_does_not_fit_is_said() {
    let folder = TempDir::new().unwrap();
    let good = write(folder.path(), "gold.jsonl", &gold());
    let empty = write(folder.path(), "empty.jsonl", &[]);
    let wrong = write(folder.path(), "wrong.jsonl", &[json!({"doc_id": "z", "drug_idxs": [0], "relation_label": 2})]);
    let ddi = write(folder.path(), "ddi.jsonl", &[json!({"id": 0, "context": "x", "entities": [], "relations": []})]);
    let llm = ["--extractor", "openai", "--llm-url", "http://127.0.0.1:1/v1", "--llm-model", "m"];
    let drugcomb = |more: &[&'static str]| [&["eval", "drugcomb", "--gold", &good][..], more].concat();
    let reasoning = |more: &[&'static str]| [&["eval", "reasoning", "--gold", &good][..], more].concat();
    let server = |more: &[&'static str]| [drugcomb(more), llm.to_vec()].concat();
    let cases: [(&[&str], &str); 19] = [
        (&["eval", "drugcomb", "--gold", "no/such.jsonl"], "no/such.jsonl"),
        (&["eval", "drugcomb", "--gold", &empty], "has no items"),
        (&["eval", "drugcomb", "--gold", &ddi], "line 1: expected a DrugComb item"),
        (&["eval", "drugcomb", "--gold", &good, "--predictions", &wrong], "expected an item of the gold file, got z"),
        (&["eval", "drugcomb", "--gold", &good, "--model", TINY_DDI13], "was trained for ddi13"),
        (&["eval", "ddi13", "--gold", &ddi], "was trained for drugcomb, this needs a model for ddi13"),
        (&["eval", "ddi13", "--gold", &ddi, "--from-warehouse"], "a warehouse holds combinations"),
        (&["eval", "ddi13", "--gold", &ddi, "--extractor", "cascade"], "a cascade is two models"),
        (&["eval", "ddi13", "--gold", &ddi, "--extractor", "generator", "--model", TINY_DDI13], "is a classifier"),
        (&drugcomb(&["--seeds", "1,2"]), "whose answers no seed changes"),
        (&drugcomb(&["--seeds", "1", "--model", TINY_LLM]), "at temperature 0 every seed gives the same answer"),
        (&server(&["--seeds", "1", "2"]), "at temperature 0"),
        (&server(&["--models", TINY_LLM]), "are folders"),
        (&drugcomb(&["--predictions", "x", "--seeds", "1"]), "several --predictions files are seeds"),
        (&reasoning(&[]), "which writes no reasoning"),
        (&reasoning(&["--extractor", "cascade"]), "a cascade is two models"),
        (&reasoning(&["--from-warehouse", "--warehouse", "no/such"]), "no warehouse there"),
        (&["eval", "reasoning"], "nothing to judge"),
        (
            &drugcomb(&["--cascade-curve", "3", "--extractor", "cascade", "--cascade-model", TINY_DDI13]),
            "was trained for ddi13",
        ),
    ];
    for (args, expected) in cases {
        let output = rexdrug(args);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {message}");
        assert!(message.contains(expected), "{args:?}: {message}");
    }
    assert!(root().join(TINY_DDI13).is_dir());
}

const THINK: &str = "<think>[1] Clinical scenario: x\n[2] Candidate drugs: cisplatin, gemcitabine, imatinib\n\
    [3] Clinical effect: \"with gemcitabine\", \"was <b>bad\"\n[4] Clinical summary: beneficial</think>";

#[test]
fn reasoning_is_judged_against_the_text() {
    let folder = TempDir::new().unwrap();
    let gold = write(folder.path(), "gold.jsonl", &gold());
    let answer = r#"<answer>[{"type": "POS", "ent_set": ["cisplatin", "gemcitabine"]}]</answer>"#;
    let traces = [
        json!({"doc_id": "a", "completion": format!("{THINK}{answer}")}),
        json!({"id": "own", "text": "nothing", "completion": "no idea"}),
    ];
    let traces = write(folder.path(), "mine.jsonl", &traces);
    let report = folder.path().join("r.html").to_string_lossy().into_owned();
    let args = ["eval", "reasoning", "--completions", &traces, "--gold", &gold, "--report", &report];
    let found = run_json(&[&args[..], &["--json"]].concat());
    let mine = &found["systems"]["mine"];
    assert_eq!((&mine["items"], &mine["structured"], &mine["strict_format"]), (&json!(2), &json!(0.5), &json!(0.5)));
    // The lexicon finds imatinib in the reasoning; the text has it nowhere.
    assert_eq!(mine["drugs_in_text"], json!({"share": 2.0 / 3.0, "hits": 2, "total": 3}), "{found}");
    assert_eq!(mine["quotes_verbatim"]["share"], 0.5);
    let page = std::fs::read_to_string(&report).unwrap();
    assert!(page.contains("imatinib") && page.contains("was &lt;b&gt;bad"), "{page}");
    assert!(stdout(&args).contains("four points in order"));
    let output = rexdrug(&["eval", "reasoning", "--completions", &traces]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("completion a has no text"));
}

#[test]
fn rating_sheets_go_out_blind_and_come_back_with_their_agreement() {
    let folder = TempDir::new().unwrap();
    let trace = |id: &str| json!({"id": id, "text": format!("text of {id}"), "completion": "=1+1"});
    let one = write(folder.path(), "alpha.jsonl", &[trace("a"), trace("b")]);
    let two = write(folder.path(), "omega.jsonl", &[trace("a"), trace("b")]);
    let out = folder.path().join("kit").to_string_lossy().into_owned();
    let args = ["eval", "sheet", "--completions", &one, &two, "--out", &out, "--seed", "7"];
    assert!(stdout(&args).contains("4 traces on 2 sheets"));
    let again = rexdrug(&args);
    assert_eq!(again.status.code(), Some(2), "a sheet is never overwritten");
    let path = |name: &str| Path::new(&out).join(name);
    let key = std::fs::read_to_string(path("key.csv")).unwrap();
    assert!(key.contains("alpha") && key.contains("omega"));
    for (rater, sheet) in ["sheet-1.csv", "sheet-2.csv"].iter().enumerate() {
        let text = std::fs::read_to_string(path(sheet)).unwrap();
        assert!(!text.contains("alpha") && !text.contains("omega") && text.contains("'=1+1"), "{text}");
        // The second rater differs on one trace of four: 5 5 5 0 against 5 5 0 0.
        let rate = |line: &str| {
            let value = match line.split(',').next().unwrap() {
                "T0003" => 5 - 5 * rater,
                "T0004" => 0,
                _ => 5,
            };
            line.replace(",,,,,,,", &format!(",{0},{0},{0},{0},{0},{0},", value))
        };
        let filled: Vec<String> = text.lines().map(rate).collect();
        std::fs::write(path(sheet), filled.join("\n")).unwrap();
    }
    let (first, second) = (path("sheet-1.csv"), path("sheet-2.csv"));
    let (first, second, key) = (first.to_string_lossy(), second.to_string_lossy(), path("key.csv"));
    let (key, report) = (key.to_string_lossy(), path("r.html"));
    let report = report.to_string_lossy();
    let args = ["eval", "agreement", &first, &second, "--key", &key, "--report", &report];
    let found = run_json(&[&args[..], &["--json"]].concat());
    let format = &found["criteria"]["format"];
    // Cohen: observed 3/4, by chance 3/4 · 1/2 + 1/4 · 1/2. Fleiss: 3/4, and (5/8)² + (3/8)² = 17/32.
    assert!((format["pairs"][0]["cohen"].as_f64().unwrap() - 0.5).abs() < 1e-12, "{found}");
    assert!((format["fleiss"].as_f64().unwrap() - 7.0 / 15.0).abs() < 1e-12, "{found}");
    let means = |system: &str| found["systems"][system]["usefulness"]["mean"].as_f64().unwrap();
    assert!((means("alpha") + means("omega") - 2.0 * 25.0 / 8.0).abs() < 1e-12, "{found}");
    assert!(stdout(&args).contains("alpha: format"));
    assert!(std::fs::read_to_string(path("r.html")).unwrap().contains("quadratic weights"));
    let wrong = rexdrug(&["eval", "agreement", &first, "--key", &first]);
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("is no key"));
}

#[test]
fn the_curve_of_a_cascade_runs_from_one_model_alone_to_the_other() {
    let (folder, server) = (TempDir::new().unwrap(), Server::start(joins_known_drugs));
    let gold = write(folder.path(), "gold.jsonl", &gold());
    let cache = folder.path().join("cache").to_string_lossy().into_owned();
    let llm = ["--llm-url", &server.url, "--llm-model", "tiny-llm", "--llm-cache", &cache];
    let judged = |more: &[&str]| -> Vec<String> {
        let fixed = ["eval", "drugcomb", "--gold", &gold, "--model", "scripted:keyword=with", "--json"];
        fixed.iter().chain(more).map(|arg| (*arg).to_owned()).collect()
    };
    let ask = |more: &[&str], with: &[&str]| {
        let args = judged(&[more, with].concat());
        run_json(&args.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let found = ask(&["--extractor", "cascade", "--cascade-curve", "3"], &llm);
    assert_eq!(found["candidates"], 4, "{found}");
    assert_eq!(server.asked.load(Ordering::SeqCst), 4, "once for each candidate");
    let curve = found["curve"].as_array().unwrap();
    let shares: Vec<f64> = curve.iter().map(|point| point["share"].as_f64().unwrap()).collect();
    assert_eq!(shares, [0.0, 0.5, 1.0]);
    let first = ask(&["--mentions", "found"], &[]);
    let second = ask(&["--mentions", "found", "--extractor", "openai"], &llm);
    assert_eq!(curve[0]["end_to_end"]["leaderboard"], first["end_to_end"]["leaderboard"]);
    assert_eq!(curve[2]["end_to_end"]["leaderboard"], second["end_to_end"]["leaderboard"]);
    // The script finds something in three of the four, and gives no probabilities: all is uncertain.
    let policies = found["policies"].as_array().unwrap();
    let of: Vec<(&str, f64)> =
        policies.iter().map(|of| (of["policy"].as_str().unwrap(), of["share"].as_f64().unwrap())).collect();
    assert_eq!(of, [("positive", 0.75), ("uncertain:0.1:0.9", 1.0)]);
    assert_eq!(policies[1]["end_to_end"]["leaderboard"], second["end_to_end"]["leaderboard"]);
    assert_ne!(first["end_to_end"]["leaderboard"], second["end_to_end"]["leaderboard"], "the models differ");

    let alone = judged(&["--cascade-curve", "3"]);
    let refused = rexdrug(&alone.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--extractor cascade"));
}
