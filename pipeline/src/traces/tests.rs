//! Generation end to end against an endpoint that fails reviews in known ways.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use rexdrug_operators::backend::openai::{ClientOptions, RetryPolicy};
use rexdrug_scoring::answer::strict;
use rexdrug_scoring::task::Label;
use serde_json::Value;

use super::*;

/// Answers (model, messages); a status below 200 closes the connection.
type React = dyn Fn(&str, &[Message]) -> Result<String, u16> + Send + Sync;

/// Model and messages of every question.
type Asked = Arc<Mutex<Vec<(String, Vec<Message>)>>>;

struct Endpoint {
    url: String,
    asked: Asked,
}

impl Endpoint {
    fn start(react: Arc<React>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let asked: Asked = Arc::default();
        let seen = Arc::clone(&asked);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let (react, seen) = (Arc::clone(&react), Arc::clone(&seen));
                std::thread::spawn(move || {
                    let mut reader = BufReader::new(stream.try_clone().unwrap());
                    let (mut line, mut length) = (String::new(), 0);
                    while reader.read_line(&mut line).unwrap() > 0 && !line.trim().is_empty() {
                        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                            length = value.trim().parse().unwrap();
                        }
                        line.clear();
                    }
                    let mut body = vec![0; length];
                    reader.read_exact(&mut body).unwrap();
                    let body: Value = serde_json::from_slice(&body).unwrap();
                    let messages: Vec<Message> = serde_json::from_value(body["messages"].clone()).unwrap();
                    let model = body["model"].as_str().unwrap().to_owned();
                    let answer = react(&model, &messages);
                    seen.lock().unwrap().push((model, messages));
                    let (status, body) = match answer {
                        Ok(text) => (
                            200,
                            json!({"choices": [{"message": {"content": text}, "finish_reason": "stop"}],
                            "usage": {"prompt_tokens": 10, "completion_tokens": 5}}),
                        ),
                        Err(status) => (status, json!({})),
                    };
                    let body = body.to_string();
                    let head =
                        format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
                    let _ = stream.write_all((head + &body).as_bytes());
                });
            }
        });
        Self { url, asked }
    }

    fn agent(&self, model: &str) -> Agent {
        let mut options = ClientOptions::new(&self.url);
        options.retry = RetryPolicy { retries: 0, ..RetryPolicy::default() };
        options.prompt_price = 1.0;
        Agent { client: ChatClient::new(options).unwrap(), model: model.to_owned(), sampling: Sampling::default() }
    }

    fn generation(&self) -> Generation {
        Generation {
            analyst: self.agent("analyst"),
            reviewer: self.agent("reviewer"),
            standard: Standard::default(),
            task: Task::DrugComb,
            prompt: "drugcomb-v1".to_owned(),
            concurrency: 3,
        }
    }

    fn asked_of(&self, model: &str, item: &str) -> Vec<Vec<Message>> {
        let asked = self.asked.lock().unwrap();
        let of = |(name, messages): &&(String, Vec<Message>)| name == model && messages[1].content.contains(item);
        asked.iter().filter(of).map(|(_, messages)| messages.clone()).collect()
    }
}

fn item(id: &str) -> TraceItem {
    let sentence = format!("In {id}, alphine with betacil helped.");
    let gold = vec![(Label::Pos, vec!["alphine".to_owned(), "betacil".to_owned()])];
    let drugs = ["alphine", "betacil"].map(str::to_owned).to_vec();
    TraceItem { id: id.to_owned(), context: format!("Before. {sentence} After."), sentence, drugs, gold }
}

const ANSWER: &str = r#"[{"type": "POS", "ent_set": ["betacil", "Alphine"]}]"#;

/// A trace of `words` words.
fn trace(words: usize, more: &str, answer: &str) -> String {
    let filler = vec!["word"; words.saturating_sub(20)].join(" ");
    format!(
        "<think>[1] Clinical scenario\n- {filler}\n[2] Candidate drugs and regimen focus\n- alphine {more}\n\
         [3] Combination reasoning and clinical effect\n- x\n[4] Extraction-oriented clinical summary\n- y</think>\
         <answer>{answer}</answer>"
    )
}

fn review(naturalness: u8, comment: &str) -> String {
    json!({"format": 5, "plausibility": 5, "faithfulness": 4, "consistency": 5, "naturalness": naturalness,
        "usefulness": 4, "comment": comment})
    .to_string()
}

/// item-a passes at once; item-b is wrong, then too short, then betrays, then passes; item-c never passes its review;
/// item-d gets a review that nobody can read, then passes.
fn script(model: &str, messages: &[Message]) -> Result<String, u16> {
    let attempt = messages.iter().filter(|message| message.role == Role::Assistant).count();
    let asked = &messages[1].content;
    let is = |item: &str| asked.contains(item);
    if model == "reviewer" {
        return Ok(match () {
            () if is("item-c") => review(3, "it sounds rehearsed"),
            () if is("item-d") && !asked.contains("second") => "Looks fine to me.".to_owned(),
            () => format!("```json\n{}\n```", review(4, "")),
        });
    }
    Ok(match (is("item-b"), is("item-d"), attempt) {
        (true, _, 0) => trace(120, "", r#"[{"type": "NEG", "ent_set": ["alphine", "betacil"]}]"#),
        (true, _, 1) => trace(40, "\"never written there\"", ANSWER),
        (true, _, 2) => trace(120, "as the annotation says", ANSWER),
        (_, true, 1..) => trace(120, "second", ANSWER),
        _ => trace(120, "", ANSWER),
    })
}

fn lines(path: &Path) -> Vec<Value> {
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_reviews_go_back_with_all_that_was_said_and_only_what_passes_is_taught() {
    let endpoint = Endpoint::start(Arc::new(script));
    let folder = tempfile::tempdir().unwrap();
    let items = ["item-a", "item-b", "item-c", "item-d"].map(item);
    let summary = generate(&items, &[], &endpoint.generation(), folder.path(), |_| {}).await.unwrap();
    assert_eq!((summary.accepted, summary.rejected, summary.items), (3, 1, 4));
    assert_eq!((summary.accepted_at.as_slice(), summary.pass_rate), (&[1, 1, 0, 1][..], 0.75));
    let findings: Vec<(&str, usize)> = summary.findings.iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
    assert_eq!(findings, [("answer", 1), ("length", 1), ("naturalness", 1), ("quotes", 1)]);
    assert_eq!(summary.below_threshold.get("naturalness"), Some(&4));
    assert_eq!((summary.unreadable_reviews, summary.mean_scores["naturalness"]), (1, 4.0));
    // a: 1 + 1; b: 4 + 1; c: 4 + 4; d: 2 + 2.
    assert_eq!((summary.analyst.requests, summary.reviewer.requests), (11, 8));
    assert_eq!(summary.analyst.cost_micros, 110);

    // The fourth question about item-b holds every attempt and what was said of it.
    let asked = endpoint.asked_of("analyst", "item-b");
    let last = asked.iter().max_by_key(|messages| messages.len()).unwrap();
    assert_eq!(last.len(), 2 + 3 * 2);
    assert!(last[3].content.contains("does not state exactly"), "{}", last[3].content);
    assert!(last[5].content.contains("40 words") || last[5].content.contains("words of reasoning"));
    assert!(last[5].content.contains("not verbatim"));
    assert!(last[7].content.contains("annotation\" betray"), "{}", last[7].content);
    let asked = endpoint.asked_of("analyst", "item-c");
    let last = asked.iter().max_by_key(|messages| messages.len()).unwrap();
    assert!(
        last[7].content.contains("naturalness: 3 of 5, too low") && last[7].content.contains("it sounds rehearsed")
    );

    let rejected = lines(&folder.path().join("rejected.ndjson"));
    assert_eq!((rejected.len(), rejected[0]["id"].as_str()), (1, Some("item-c")));
    assert_eq!(rejected[0]["attempts"].as_array().unwrap().len(), 4);
    assert_eq!(lines(&folder.path().join("accepted.ndjson")).len(), 3);

    let sft = lines(&folder.path().join("sft.jsonl"));
    let ids: Vec<&str> = sft.iter().map(|line| line["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["item-a", "item-b", "item-d"], "the order of the gold file");
    for line in &sft {
        let completion = line["completion"][0]["content"].as_str().unwrap();
        assert_eq!(line["completion"][0]["role"], "assistant");
        assert_eq!(strict::read(Task::DrugComb, completion).unwrap().relations[0].label, Label::Pos);
        // What is taught is asked as it will be asked: without the result.
        let prompt = line["prompt"].to_string();
        assert!(!prompt.contains("annotation") && prompt.contains("Target sentence"), "{prompt}");
    }
    let grpo = lines(&folder.path().join("grpo.jsonl"));
    assert_eq!(grpo.len(), 4);
    assert_eq!(
        grpo[2]["prompt"],
        json!(agents::question(&agents::Agents::new(&endpoint.generation()).unwrap().task, &items[2]))
    );
    assert_eq!(grpo[0]["solution"], r#"<answer>[{"ent_set":["alphine","betacil"],"type":"POS"}]</answer>"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_stopped_goes_on_and_ends_as_one_that_was_not() {
    let whole = tempfile::tempdir().unwrap();
    let items = ["item-a", "item-b", "item-c", "item-d"].map(item);
    let endpoint = Endpoint::start(Arc::new(script));
    let expected = generate(&items, &[], &endpoint.generation(), whole.path(), |_| {}).await.unwrap();

    let folder = tempfile::tempdir().unwrap();
    let broken: Arc<React> = Arc::new(|model, messages| match messages[1].content.contains("item-d") {
        true => Err(500),
        false => script(model, messages),
    });
    let dying = Endpoint::start(broken);
    let first = generate(&items, &[], &dying.generation(), folder.path(), |_| {}).await.unwrap();
    assert_eq!((first.accepted, first.unanswered.as_slice()), (2, &["item-d".to_owned()][..]));
    // A kill in the middle of a line.
    let path = folder.path().join("accepted.ndjson");
    let mut text = std::fs::read_to_string(&path).unwrap();
    let lost = text.lines().last().unwrap().len() / 2;
    text.truncate(text.len() - lost);
    std::fs::write(&path, text).unwrap();

    let endpoint = Endpoint::start(Arc::new(script));
    let second = generate(&items, &[], &endpoint.generation(), folder.path(), |_| {}).await.unwrap();
    assert_eq!(second, expected);
    for name in ["sft.jsonl", "grpo.jsonl"] {
        assert_eq!(std::fs::read(folder.path().join(name)).unwrap(), std::fs::read(whole.path().join(name)).unwrap());
    }
    assert!(endpoint.asked_of("analyst", "item-c").is_empty(), "what is decided is not asked again");
    let third = generate(&items, &[], &endpoint.generation(), folder.path(), |_| {}).await.unwrap();
    assert_eq!(third, expected);

    let mut other = endpoint.generation();
    other.standard.threshold = 5;
    let message = generate(&items, &[], &other, folder.path(), |_| {}).await.unwrap_err().to_string();
    assert!(message.contains("standard") && message.contains("\"threshold\":4"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pairs_of_ddi13_are_taught_with_their_own_types_and_prompts() {
    let line = |id: u64, second: &str| {
        json!({"id": id, "context": format!("Case {id}: alphine raised {second} levels, not gammanib."),
            "entities": [{"entity": "alphine"}, {"entity": second}, {"entity": "gammanib"}],
            "relations": [{"type": "mechanism", "ent_sets": ["alphine", second]},
                {"type": "other", "ent_sets": ["alphine", "gammanib"]}]})
        .to_string()
    };
    let file = [line(1, "betacil"), line(2, "betacil"), line(3, "ALPHINE")].join("\n");
    let gold = rexdrug_scoring::gold::ddi13::read(file.as_bytes()).unwrap();
    let (items, unusable) = TraceItem::of_ddi13(&gold);
    assert_eq!((items.len(), unusable[0].id.as_str()), (2, "3"));
    let endpoint = Endpoint::start(Arc::new(|model, messages| {
        let asked = &messages[1].content;
        let tried = messages.iter().filter(|message| message.role == Role::Assistant).count();
        Ok(match (model, asked.contains("Case 2:") && tried == 0) {
            ("reviewer", _) => review(4, ""),
            // The right pair under a wrong type, then a type that only DrugComb has, are refused by the program.
            (_, true) => trace(120, "", r#"[{"type": "int", "ent_set": ["alphine", "betacil"]}]"#),
            (_, false) if asked.contains("Case 2:") && tried == 1 => {
                trace(120, "", r#"[{"type": "POS", "ent_set": ["alphine", "betacil"]}]"#)
            }
            _ => trace(120, "", r#"[{"type": "mechanism", "ent_set": ["betacil", "alphine"]}]"#),
        })
    }));
    let folder = tempfile::tempdir().unwrap();
    let mut generation = endpoint.generation();
    (generation.task, generation.prompt) = (Task::Ddi13, "ddi13-mentions-v1".to_owned());
    let summary = generate(&items, &unusable, &generation, folder.path(), |_| {}).await.unwrap();
    assert_eq!(summary.accepted_at, [1, 0, 1, 0], "{summary:?}");
    let asked = endpoint.asked_of("analyst", "Case 1:");
    assert!(asked[0][0].content.contains("- mechanism: ") && !asked[0][0].content.contains("POS"));
    assert!(endpoint.asked_of("reviewer", "Case 1:")[0][0].content.contains("the pairs do or do not interact"));
    let grpo = lines(&folder.path().join("grpo.jsonl"));
    assert_eq!((grpo[0]["task"].as_str(), grpo[0]["id"].as_str()), (Some("ddi13"), Some("1")));
    // A prompt that lists drugs lists all that are marked, not those of the answer.
    assert!(grpo[0]["prompt"][1]["content"].as_str().unwrap().ends_with("alphine; betacil; gammanib"));
    let sft = lines(&folder.path().join("sft.jsonl"));
    for line in &sft {
        let completion = line["completion"][0]["content"].as_str().unwrap();
        assert_eq!(strict::read(Task::Ddi13, completion).unwrap().relations[0].label, Label::Mechanism);
    }
    assert_eq!(sft.len(), 2);
}

#[test]
fn gold_items_that_no_answer_can_state_are_set_apart() {
    let line = |id: &str, second: &str, relations: &str| {
        let spans = json!([
            {"span_id": 0, "text": "alphine", "start": 0, "end": 7},
            {"span_id": 1, "text": second, "start": 8, "end": 15}
        ]);
        let relations: Value = serde_json::from_str(relations).unwrap();
        json!({"doc_id": id, "sentence": "alphine betacil", "spans": spans, "rels": relations}).to_string()
    };
    let pair = r#"{"class": "COMB", "spans": [1, 0]}"#;
    let file = [
        line("a", "betacil", &format!("[{pair}]")),
        line("b", "Alphine", &format!("[{pair}]")),
        line("c", "betacil", &format!("[{pair}, {pair}]")),
        line("a", "betacil", "[]"),
        line("d", "betacil", "[]"),
    ];
    let gold = rexdrug_scoring::gold::drugcomb::read(file.join("\n").as_bytes()).unwrap();
    let (items, unusable) = TraceItem::of_drugcomb(&gold);
    let ids: Vec<&str> = items.iter().map(|item| item.id.as_str()).collect();
    assert_eq!(ids, ["a", "d"]);
    assert_eq!(items[1].answer(), r#"[{"ent_set":[],"type":"NO_COMB"}]"#);
    assert_eq!(items[0].context, "alphine betacil");
    let reasons: Vec<&str> = unusable.iter().map(|item| item.reason.as_str()).collect();
    assert_eq!(reasons, ["a combination names a drug twice", "a combination is stated twice", "its id came before"]);
}
