//! The generator on a tiny random Llama: the tokens of transformers, and answers that are always valid.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};

use rexdrug_scoring::answer::tolerant;
use rexdrug_scoring::task::Task;

use super::*;
use crate::backend::reasoning::Message;
use crate::backend::{ItemContext, ItemMention, MentionPolicy};

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/backend/fixtures/tiny-llm")
}

/// The library of this checkout; the test passes with a message where it is not set up.
fn library() -> bool {
    let there = OrtRuntime::locate().is_ok();
    if !there {
        eprintln!("skipped: no ONNX Runtime library; run `make setup`");
    }
    there
}

fn decoder() -> (Decoder, Shared) {
    let folder = ModelFolder::open(fixture()).unwrap();
    let shared = Shared::load(&folder).unwrap();
    let session = session::build(OrtRuntime::init(None).unwrap(), &folder.file(MODEL_FILE), Device::Cpu, 1).unwrap();
    (Decoder::new(session, Device::Cpu, 1).unwrap(), shared)
}

#[derive(Deserialize)]
struct Case {
    messages: Vec<Message>,
    text: String,
    prompt: Vec<i64>,
    tokens: Vec<u32>,
}

#[derive(Deserialize)]
struct Cases {
    cases: Vec<Case>,
}

fn cases() -> Vec<Case> {
    let text = std::fs::read_to_string(fixture().join("greedy.json")).unwrap();
    serde_json::from_str::<Cases>(&text).unwrap().cases
}

fn free(shared: &Shared, choice: Choice, seed: u64) -> Writer {
    let bounds = Bounds::Free { ends: shared.ends.clone(), tokens: 40 };
    Writer::new(Arc::clone(&shared.vocabulary), bounds, choice, seed)
}

const GREEDY: Choice = Choice { temperature: 0.0, top_p: 1.0 };

fn far() -> Instant {
    Instant::now() + Duration::from_secs(600)
}

#[test]
fn greedy_tokens_are_those_of_transformers_alone_together_and_behind_a_prefix() {
    if !library() {
        return;
    }
    let (mut decoder, shared) = decoder();
    let cases = cases();
    for case in &cases {
        assert_eq!(shared.chat.render(&case.messages).unwrap(), case.text);
        assert_eq!(shared.tokens(&case.messages).unwrap(), case.prompt);
    }
    let prompts: Vec<Vec<i64>> = cases.iter().map(|case| case.prompt.clone()).collect();
    let expected: Vec<&[u32]> = cases.iter().map(|case| case.tokens.as_slice()).collect();
    for prefix in [0, 5, 9] {
        decoder.set_prefix(prompts[0][..prefix].to_vec()).unwrap();
        assert!(prompts.iter().all(|prompt| decoder.shares_prefix(prompt)), "prompts begin alike");
        for rows in [1, 2, 4] {
            for (prompts, expected) in prompts.chunks(rows).zip(expected.chunks(rows)) {
                let mut writers: Vec<Writer> = prompts.iter().map(|_| free(&shared, GREEDY, 0)).collect();
                decoder.run(prompts, &mut writers, far()).unwrap();
                let got: Vec<&[u32]> = writers.iter().map(|writer| writer.tokens.as_slice()).collect();
                assert_eq!(got, expected, "prefix of {prefix}, batches of {rows}");
            }
        }
    }
}

#[test]
fn sampled_tokens_depend_on_the_seed_and_not_on_the_batch() {
    if !library() {
        return;
    }
    let (mut decoder, shared) = decoder();
    let prompts: Vec<Vec<i64>> = cases().into_iter().map(|case| case.prompt).collect();
    let choice = Choice { temperature: 1.5, top_p: 0.9 };
    let mut run = |rows: usize, seed: u64| {
        let mut all = Vec::new();
        for (number, prompts) in prompts.chunks(rows).enumerate() {
            let first = (number * rows) as u64;
            let mut writers: Vec<Writer> =
                (0..prompts.len() as u64).map(|row| free(&shared, choice, seed + first + row)).collect();
            decoder.run(prompts, &mut writers, far()).unwrap();
            all.extend(writers.into_iter().map(|writer| writer.tokens));
        }
        all
    };
    assert_eq!(run(1, 7), run(4, 7));
    assert_ne!(run(4, 7), run(4, 1007));
}

#[test]
fn a_deadline_cuts_what_is_not_whole() {
    if !library() {
        return;
    }
    let (mut decoder, shared) = decoder();
    let mut writers = vec![free(&shared, GREEDY, 0)];
    decoder.run(&[cases()[0].prompt.clone()], &mut writers, Instant::now()).unwrap();
    assert_eq!((writers[0].tokens.len(), writers[0].ending.clone()), (1, Some(Ending::Cut)));
}

fn item(number: usize, drugs: &[&str]) -> ExtractItem {
    let sentence = format!("Number {number}: {}.", drugs.join(" with "));
    let mentions = drugs.iter().map(|drug| {
        let start = sentence[..sentence.find(drug).unwrap()].chars().count();
        ItemMention {
            start,
            end: start + drug.chars().count(),
            drug_id: format!("drug:{drug}"),
            name: (*drug).to_owned(),
            surface: (*drug).to_owned(),
            kind: "name".to_owned(),
        }
    });
    let mentions = mentions.collect();
    let text = format!("{sentence} {}", "More of it. ".repeat(number % 5));
    let context = ItemContext { text: Arc::from(text), offset: 0, sentence_start: 0 };
    ExtractItem { sentence: Arc::from(sentence), context: Some(context), mentions, policy: MentionPolicy::Given }
}

#[tokio::test(flavor = "multi_thread")]
async fn even_a_random_model_answers_over_the_sentences_drugs_and_batches_do_not_matter() {
    if !library() {
        return;
    }
    let folder = ModelFolder::open(fixture()).unwrap();
    let items: Vec<ExtractItem> =
        (0..10).map(|number| item(number, &["α-phine", "beta\"cil", "gammanib"][..2 + number % 2])).collect();
    let mut all = Vec::new();
    for rows in [1, 3, 10] {
        let options = GeneratorOptions { max_batch_rows: rows, ..GeneratorOptions::for_device(Device::Cpu) };
        let generator = Generator::load(&folder, &options).unwrap();
        let reply = generator.extract(items.clone()).await.unwrap();
        for answer in &reply.answers {
            match answer {
                Ok(found) => assert!(found.combinations.iter().all(|found| found.members.len() > 1)),
                // A random model may state sets until its budget ends; it is then cut, not wrong.
                Err(error) => assert_eq!(error.reason, Reason::AnswerCut, "{error}"),
            }
        }
        let counts = reply.stats.grounding;
        assert_eq!((counts.unknown_drug, counts.outside_sentence), (0, 0));
        assert_eq!(reply.stats.usage.answers, 10);
        all.push(reply.answers);
    }
    assert_eq!(all[0], all[1]);
    assert_eq!(all[0], all[2]);
    assert!(all[0].iter().any(Result::is_ok));
}

/// The tiny model under another task: what it is asked and bound to changes, its weights do not.
fn ddi13_folder(root: &Path) -> PathBuf {
    let folder = root.join("tiny-ddi13-llm");
    std::fs::create_dir(&folder).unwrap();
    for file in std::fs::read_dir(fixture()).unwrap().map(|entry| entry.unwrap().path()) {
        std::fs::copy(&file, folder.join(file.file_name().unwrap())).unwrap();
    }
    let manifest = std::fs::read_to_string(folder.join("rexdrug.json")).unwrap();
    let manifest = manifest.replace("\"drugcomb\"", "\"ddi13\"").replace("drugcomb-v1", "ddi13-v1");
    std::fs::write(folder.join("rexdrug.json"), manifest).unwrap();
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_for_typed_pairs_writes_typed_pairs_of_the_sentences_drugs() {
    if !library() {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let folder = ModelFolder::open(ddi13_folder(root.path())).unwrap();
    let options = GeneratorOptions {
        decoding: Decoding { seed: Some(3), temperature: Some(1.0) },
        ..GeneratorOptions::for_device(Device::Cpu)
    };
    let generator = Generator::load(&folder, &options).unwrap();
    let drugs = ["α-phine", "beta\"cil", "gammanib"];
    let items: Vec<ExtractItem> = (0..8).map(|number| item(number, &drugs)).collect();
    let found = generator.complete(items.clone()).await.unwrap();
    let mut whole = 0;
    for text in &found.texts {
        match text {
            Ok(text) => {
                whole += 1;
                let answer = tolerant::read(Task::Ddi13, text);
                assert!(answer.parsed, "{text}");
                for relation in &answer.relations {
                    assert_eq!(relation.names.len(), 2, "{text}");
                    assert!(relation.names.iter().all(|name| drugs.contains(&name.as_ref())), "{text}");
                }
            }
            Err(error) => assert_eq!(error.reason, Reason::AnswerCut, "{error}"),
        }
    }
    assert!(whole > 0, "{found:?}");
    let again = generator.complete(items.clone()).await.unwrap();
    assert_eq!(again.texts, found.texts, "the same seed");
    let other = GeneratorOptions { decoding: Decoding { seed: Some(4), ..options.decoding }, ..options };
    let other = Generator::load(&folder, &other).unwrap().complete(items).await.unwrap();
    assert_ne!(other.texts, found.texts, "another seed");
}

#[test]
fn a_prompt_of_another_task_is_refused_on_loading() {
    let root = tempfile::tempdir().unwrap();
    let path = ddi13_folder(root.path());
    let manifest = std::fs::read_to_string(path.join("rexdrug.json")).unwrap().replace("ddi13-v1", "drugcomb-v1");
    std::fs::write(path.join("rexdrug.json"), manifest).unwrap();
    let error = prompt_of(&ModelFolder::open(&path).unwrap()).unwrap_err().to_string();
    assert!(error.contains("is for drugcomb, not for ddi13"), "{error}");
}

#[test]
fn written_text_is_what_the_grammar_says_and_the_parser_reads() {
    if !library() {
        return;
    }
    let (mut decoder, shared) = decoder();
    let item = item(1, &["α-phine", "gammanib"]);
    let prompt = shared.tokens(&shared.template.messages_of(&item)).unwrap();
    decoder.set_prefix(shared.prefix().unwrap()).unwrap();
    assert!(decoder.shares_prefix(&prompt));
    let mut writers = vec![shared.writer(&item)];
    decoder.run(&[prompt], &mut writers, far()).unwrap();
    let text = writers[0].text();
    assert!(text.starts_with("<think>") && text.contains("</think>"), "{text}");
    if writers[0].ending == Some(Ending::Whole) {
        assert!(tolerant::read(Task::DrugComb, &text).parsed && text.ends_with("</answer>"), "{text}");
    }
}
