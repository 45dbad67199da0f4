//! `rexdrug eval` over models that write: on a server, and in a folder.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::eval::{TINY_LLM, gold, item, write};
use crate::llm::{Server, joins_known_drugs};
use crate::support::{json as run_json, rexdrug, root, stdout};

fn pairs() -> Vec<Value> {
    let entity = |name: &str| json!({"entity": name, "category": "drug"});
    vec![
        json!({"id": 7, "context": "Alphine raised betacil levels, not those of gammanib.",
               "entities": [entity("Alphine"), entity("betacil"), entity("gammanib")],
               "relations": [{"type": "mechanism", "ent_sets": ["Alphine", "betacil"]}]}),
        json!({"id": 8, "context": "Avoid alphine with betacil.", "entities": [entity("alphine"), entity("betacil")],
               "relations": [{"type": "advise", "ent_sets": ["alphine", "betacil"]}]}),
        json!({"id": 9, "context": "Alphine or betacil.", "entities": [entity("Alphine"), entity("betacil")],
               "relations": []}),
    ]
}

/// Right about the first, of the wrong type about the second and with a drug that is nowhere; about the third in words.
fn typed_pairs(body: &Value) -> String {
    let user = body["messages"][1]["content"].as_str().unwrap();
    let answer = match user {
        user if user.contains("raised") => json!([{"type": "mechanism", "ent_set": ["betacil", "alphine"]}]),
        user if user.contains("Avoid") => {
            json!([{"type": "int", "ent_set": ["alphine", "betacil"]}, {"type": "int", "ent_set": ["alphine", "zetab"]}])
        }
        _ => return "I see no interaction.".to_owned(),
    };
    format!("<think>[1] a\n[2] alphine\n[3] b\n[4] c</think><answer>{answer}</answer>")
}

#[test]
fn ddi13_of_a_server_is_judged_as_a_file_of_its_answers() {
    let server = Server::start(|_, body| Ok(typed_pairs(body)));
    let folder = TempDir::new().unwrap();
    let gold = write(folder.path(), "gold.jsonl", &pairs());
    let llm = ["--extractor", "openai", "--llm-url", &server.url, "--llm-model", "tiny-llm", "--llm-cache", ""];
    let found = run_json(&[&["eval", "ddi13", "--gold", &gold, "--json"], &llm[..]].concat());
    assert_eq!((&found["micro"]["p"], &found["micro"]["r"]), (&json!(1.0 / 3.0), &json!(0.5)), "{found}");
    assert_eq!(found["per_type"]["mechanism"]["f1"], 1.0);
    assert_eq!(found["errors"]["refused"], 1, "words are no answer: {found}");
    assert_eq!(found["errors"]["pred"]["mention"], 1, "a drug that is not there costs precision");
    assert_eq!(server.asked.load(Ordering::SeqCst), 3);

    let answers: Vec<Value> = pairs()
        .iter()
        .map(|item| {
            let text = typed_pairs(&json!({"messages": [{}, {"content": item["context"]}]}));
            let none = r#"[{"type": "NO_COMB", "ent_set": []}]"#;
            let list = text.split_once("<answer>").map_or(none, |(_, rest)| rest.trim_end_matches("</answer>"));
            json!({"id": item["id"], "response": list})
        })
        .collect();
    let file = write(folder.path(), "p.jsonl", &answers);
    let same = run_json(&["eval", "ddi13", "--gold", &gold, "--predictions", &file, "--json"]);
    for figure in ["micro", "macro_f1", "per_type", "published"] {
        assert_eq!(found[figure], same[figure], "{figure}");
    }
    let wrong = rexdrug(&[&["eval", "ddi13", "--gold", &gold, "--llm-prompt", "drugcomb-v1"], &llm[..]].concat());
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("is for drugcomb, not for ddi13"), "{wrong:?}");
}

#[test]
fn a_model_that_samples_is_judged_over_seeds_and_several_trainings_over_folders() {
    // Right for even seeds, wrong for odd ones.
    let server = Server::start(|_, body| {
        let even = body["seed"].as_u64().unwrap() % 2 == 0;
        assert_eq!(body["temperature"], 0.5);
        let kind = if even && body.to_string().contains("raised") { "mechanism" } else { "effect" };
        Ok(format!(r#"<answer>[{{"type": "{kind}", "ent_set": ["alphine", "betacil"]}}]</answer>"#))
    });
    let folder = TempDir::new().unwrap();
    let gold = write(folder.path(), "gold.jsonl", &pairs()[..1]);
    let llm = ["--extractor", "openai", "--llm-url", &server.url, "--llm-model", "tiny-llm", "--llm-cache", ""];
    let seeds = ["eval", "ddi13", "--gold", &gold, "--seeds", "2,3,4,5", "--temperature", "0.5", "--json"];
    let found = run_json(&[&seeds[..], &llm[..]].concat());
    assert_eq!((&found["micro"]["f1"], &found["micro"]["n"]), (&json!(0.5), &json!(4)), "{found}");
    assert!((found["micro"]["sd"]["f1"].as_f64().unwrap() - (1.0f64 / 3.0).sqrt()).abs() < 1e-9, "{found}");
    assert!(found["judged"][3].as_str().unwrap().ends_with("seed 5"), "{found}");

    let gold = write(folder.path(), "combinations.jsonl", &crate::eval::gold());
    let models = ["eval", "drugcomb", "--gold", &gold, "--mentions", "gold", "--models", TINY_LLM, TINY_LLM, "--json"];
    let found = run_json(&models);
    let figure = &found["gold_mentions"]["leaderboard"]["any_exact"];
    assert_eq!((&figure["n"], &figure["sd"]["f1"]), (&json!(2), &json!(0.0)), "the same folder twice: {found}");
}

/// The tiny folder under the other task.
fn pairs_folder(root_of_copy: &std::path::Path) -> String {
    let copy = root_of_copy.join("pairs-llm");
    std::fs::create_dir(&copy).unwrap();
    for file in std::fs::read_dir(root().join(TINY_LLM)).unwrap().map(|entry| entry.unwrap().path()) {
        std::fs::copy(&file, copy.join(file.file_name().unwrap())).unwrap();
    }
    let manifest = std::fs::read_to_string(copy.join("rexdrug.json")).unwrap();
    let manifest = manifest.replace("\"drugcomb\"", "\"ddi13\"").replace("drugcomb-v1", "ddi13-mentions-v1");
    std::fs::write(copy.join("rexdrug.json"), manifest).unwrap();
    copy.to_string_lossy().into_owned()
}

#[test]
fn a_generator_folder_is_judged_under_either_task_and_its_reasoning_too() {
    let folder = TempDir::new().unwrap();
    let (model, gold) = (pairs_folder(folder.path()), write(folder.path(), "gold.jsonl", &pairs()));
    let found = run_json(&["eval", "ddi13", "--gold", &gold, "--model", &model, "--json"]);
    assert!(found["judged"][0].as_str().unwrap().starts_with("tiny-llm"), "{found}");
    assert_eq!(found["items"], 3);
    let refused = rexdrug(&["run", "data/sample", "--model", &model, "--warehouse", &folder.path().to_string_lossy()]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("was trained for ddi13"), "no row holds typed pairs");

    let name = folder.path().join("written").to_string_lossy().into_owned();
    let asked = ["eval", "reasoning", "--task", "ddi13", "--gold", &gold, "--model", &model, "--save", &name];
    let sampled = ["--seeds", "1,2", "--temperature", "1", "--json"];
    let found = run_json(&[&asked[..], &sampled[..]].concat());
    assert_eq!(found["systems"].as_object().unwrap().len(), 2, "{found}");
    assert_eq!(found["over_systems"]["with_reasoning"]["n"], 2);
    // What was kept is judged alike.
    let file = format!("{name}.jsonl");
    let again = run_json(&["eval", "reasoning", "--task", "ddi13", "--completions", &file, "--json"]);
    let first = found["systems"].as_object().unwrap().iter().find(|(name, _)| name.ends_with("seed 1")).unwrap().1;
    assert_eq!(&again["systems"]["written"], first);
}

#[test]
fn reasoning_is_judged_of_a_server_and_of_the_rows_that_it_filled() {
    let server = Server::start(joins_known_drugs);
    let folder = TempDir::new().unwrap();
    let items = [gold(), vec![item("e", "Sorafenib with regorafenib helped .", &["Sorafenib", "regorafenib"], &[])]];
    let gold = write(folder.path(), "gold.jsonl", &items.concat());
    let cache = folder.path().join("cache").to_string_lossy().into_owned();
    let llm = ["--extractor", "openai", "--llm-url", &server.url, "--llm-model", "tiny-llm", "--llm-cache", &cache];
    let found = run_json(&[&["eval", "reasoning", "--gold", &gold, "--json"], &llm[..]].concat());
    let system = found["systems"].as_object().unwrap().values().next().unwrap();
    assert_eq!((&system["items"], &system["with_reasoning"]), (&json!(5), &json!(1.0)), "{found}");
    assert_eq!(system["quotes_verbatim"]["share"], 1.0);
    assert_eq!(found["over_systems"], Value::Null);
    let asked = server.asked.load(Ordering::SeqCst);
    assert_eq!(asked, 5);

    let warehouse = folder.path().join("w").to_string_lossy().into_owned();
    run_json(&[&["run", "data/sample", "--warehouse", &warehouse, "--json"], &llm[..]].concat());
    let asked = server.asked.load(Ordering::SeqCst);
    let judged = ["eval", "reasoning", "--from-warehouse", "--warehouse", &warehouse];
    let found = run_json(&[&judged[..], &["--json"]].concat());
    let system = &found["systems"][&warehouse];
    assert!(system["items"].as_u64().unwrap() > 20, "{found}");
    assert_eq!((&system["answer_readable"], &system["quotes_verbatim"]["share"]), (&json!(1.0), &json!(1.0)));
    assert!(system["drugs_agree"]["total"].as_u64() > Some(20), "{found}");
    assert!(stdout(&judged).contains("quotes that are verbatim"));
    assert_eq!(server.asked.load(Ordering::SeqCst), asked, "a warehouse is judged without asking anybody");
}

#[test]
fn a_cascade_of_two_folders_runs_and_has_a_curve() {
    let folder = TempDir::new().unwrap();
    let gold = write(folder.path(), "gold.jsonl", &gold());
    let both = ["--model", "scripted:keyword=with", "--extractor", "cascade", "--cascade-model", TINY_LLM];
    let curve = ["eval", "drugcomb", "--gold", &gold, "--cascade-curve", "2", "--cascade", "either:0.5"];
    let found = run_json(&[&curve[..], &both[..], &["--json"]].concat());
    assert_eq!(found["curve"].as_array().unwrap().len(), 2, "{found}");
    let policies: Vec<&str> =
        found["policies"].as_array().unwrap().iter().map(|of| of["policy"].as_str().unwrap()).collect();
    assert_eq!(policies, ["positive", "either:0.5"]);
    let text = stdout(&[&curve[..], &both[..]].concat());
    assert!(text.contains("positive") && text.contains("uncertain:0.500:0.500"), "{text}");

    let warehouse = folder.path().join("w").to_string_lossy().into_owned();
    let run = ["run", "data/sample", "--warehouse", &warehouse, "--cascade", "positive", "--json"];
    let summary = run_json(&[&run[..], &both[..]].concat());
    let asked = summary["counts"]["language_model"]["answers"].as_u64().unwrap();
    assert!(asked > 0 && asked < summary["counts"]["sentences_kept"].as_u64().unwrap(), "{summary}");
    let runs = crate::support::sql(
        std::path::Path::new(&warehouse),
        "SELECT min(extractor) AS extractor, min(model_id) AS model, sum(llm_answers) AS answers, \
         sum(llm_requests) AS requests, count(prompt_sha256) AS prompts, sum(completion_tokens) AS written FROM runs",
    );
    assert_eq!((&runs[0]["extractor"], &runs[0]["model"]), (&json!("cascade"), &json!("scripted > tiny-llm")));
    assert_eq!(
        (&runs[0]["answers"], &runs[0]["requests"]),
        (&json!(asked), &json!(0)),
        "nobody was asked over a socket"
    );
    assert!(runs[0]["written"].as_u64() > Some(0) && runs[0]["prompts"].as_u64() > Some(0));
}
