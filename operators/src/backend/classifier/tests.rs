//! Tests on `fixtures/tiny-model` (weights set by hand, so that answers can be stated) and on the shipped model.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde_json::{Value, json};

use super::*;
use crate::backend::{Extraction, ItemContext, distinct_drugs};
use crate::extract::{ExtractEngine, ExtractOptions};
use crate::model::{ModelError, ModelTask};

fn tiny_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/backend/fixtures/tiny-model")
}

/// The model folders of the repository that are there.
fn shipped_folders() -> Vec<PathBuf> {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/models");
    let there = |name: &&str| {
        let there = models.join(name).join("rexdrug.json").is_file();
        if !there {
            eprintln!("skipped: no model in data/models/{name}");
        }
        there
    };
    ["rexdrug-base", "rexdrug-mini"].into_iter().filter(there).map(|name| models.join(name)).collect()
}

/// False, with a message, only where no ONNX Runtime is found.
fn runtime() -> bool {
    match OrtRuntime::init(None) {
        Ok(_) => true,
        Err(BackendError::RuntimeMissing { looked_at }) => {
            eprintln!("skipped: no ONNX Runtime at {looked_at:?}");
            false
        }
        Err(error) => panic!("{error}"),
    }
}

fn load(folder: impl AsRef<Path>, change: impl FnOnce(&mut ClassifierOptions)) -> Classifier {
    let mut options = ClassifierOptions::for_device(Device::Cpu);
    change(&mut options);
    Classifier::load(&ModelFolder::open(folder).unwrap(), &options).unwrap()
}

/// An item whose mentions are the given surfaces, searched for from left to right.
fn item(sentence: &str, drugs: &[(&str, &str)], policy: MentionPolicy) -> ExtractItem {
    let mut from = 0;
    let mentions = drugs
        .iter()
        .map(|(surface, id)| {
            let byte = from + sentence[from..].find(surface).unwrap();
            from = byte + surface.len();
            let start = sentence[..byte].chars().count();
            ItemMention {
                start,
                end: start + surface.chars().count(),
                drug_id: (*id).to_owned(),
                name: (*id).to_owned(),
                surface: (*surface).to_owned(),
                kind: "name".to_owned(),
            }
        })
        .collect();
    ExtractItem { sentence: Arc::from(sentence), context: None, mentions, policy }
}

fn plain(sentence: &str, policy: MentionPolicy) -> ExtractItem {
    let words: Vec<(&str, &str)> = sentence
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| ["aspirin", "ibuprofen", "cisplatin", "warfarin", "metformin"].contains(word))
        .map(|word| (word, word))
        .collect();
    item(sentence, &words, policy)
}

fn show(extraction: &Extraction) -> Vec<String> {
    let name = |member: &usize| extraction.mentions[*member].surface.clone();
    let line = |set: &super::super::ExtractedCombination| {
        format!("{}:{}", set.effect, set.members.iter().map(name).collect::<Vec<_>>().join("+"))
    };
    extraction.combinations.iter().map(line).collect()
}

async fn answers(classifier: &Classifier, items: Vec<ExtractItem>) -> Vec<Result<Extraction, ItemError>> {
    classifier.extract(items).await.unwrap().answers
}

#[tokio::test]
async fn the_tiny_model_answers_the_table() {
    if !runtime() {
        return;
    }
    let classifier = load(tiny_folder(), |_| {});
    assert_eq!((classifier.info().device.as_str(), classifier.info().model_id.as_str()), ("cpu", "tiny"));
    let given = MentionPolicy::Given;
    let union = MentionPolicy::Union;
    let long = format!("aspirin plus ibuprofen {} cisplatin with warfarin", "the ".repeat(70));
    let table: Vec<(ExtractItem, &[&str])> = vec![
        (plain("aspirin plus ibuprofen", given), &["POS:aspirin+ibuprofen"]),
        (plain("aspirin versus ibuprofen", given), &[]),
        (plain("aspirin and ibuprofen and cisplatin", given), &["POS:aspirin+ibuprofen+cisplatin"]),
        (
            plain("aspirin plus ibuprofen versus cisplatin plus warfarin", given),
            &["POS:aspirin+ibuprofen", "POS:cisplatin+warfarin"],
        ),
        (plain("the aspirin plus ibuprofen was toxic", given), &["NEG:aspirin+ibuprofen"]),
        // What the lexicon does not know the tagger adds; a word is never cut.
        (item("aspirin plus GEMcitabine.", &[("aspirin", "aspirin")], union), &["POS:aspirin+GEMcitabine"]),
        (item("aspirin plus GEMcitabine.", &[("aspirin", "aspirin")], given), &[]),
        (item("aspirin plus gemcitabine", &[], union), &["POS:aspirin+gemcitabine"]),
        // A mention that the mention head refuses takes no part, unless it is given as certain.
        (item("the plus aspirin", &[("the", "the"), ("aspirin", "aspirin")], union), &[]),
        (item("the plus aspirin", &[("the", "the"), ("aspirin", "aspirin")], given), &["POS:the+aspirin"]),
        // A name and its abbreviation are one drug.
        (item("aspirin with ( drug )", &[("aspirin", "aspirin"), ("drug", "aspirin")], given), &[]),
        (plain("αβγ — 漢 aspirin plus ibuprofen", given), &["POS:aspirin+ibuprofen"]),
        (plain("no drug here", given), &[]),
        (plain("", union), &[]),
        // Longer than the 32 tokens of a row.
        (plain(&long, given), &["POS:aspirin+ibuprofen", "POS:cisplatin+warfarin"]),
    ];
    let (items, expected): (Vec<_>, Vec<_>) = table.into_iter().unzip();
    let found = answers(&classifier, items.clone()).await;
    for ((item, expected), found) in items.iter().zip(expected).zip(found) {
        let found = found.unwrap_or_else(|error| panic!("{}: {error}", item.sentence));
        assert_eq!(show(&found), expected, "{}", item.sentence);
        let chars: Vec<char> = item.sentence.chars().collect();
        for mention in &found.mentions {
            assert_eq!(chars[mention.start..mention.end].iter().collect::<String>(), mention.surface);
        }
        assert_eq!((found.context_start, found.context_end), (0, chars.len() as i64));
    }
}

#[tokio::test]
async fn what_cannot_be_scored_is_refused_with_a_reason() {
    if !runtime() {
        return;
    }
    let classifier = load(tiny_folder(), |_| {});
    let endless = format!("aspirin plus ibuprofen {}", "the ".repeat(400));
    let huge = "aspirin plus ibuprofen ".repeat(100_000);
    let blank = item("aspirin   ibuprofen", &[("aspirin", "a"), ("   ", "b")], MentionPolicy::Given);
    let crowd = vec![("aspirin", "aspirin"); 300];
    let many = item(&"aspirin ".repeat(300), &crowd, MentionPolicy::Given);
    let wide = item(&"drug ".repeat(40), &[("drug ".repeat(40).as_str(), "a")], MentionPolicy::Given);
    let good = plain("aspirin plus ibuprofen", MentionPolicy::Given);
    let items =
        vec![plain(&endless, MentionPolicy::Union), item(&huge, &[], MentionPolicy::Union), blank, wide, many, good];
    let found = answers(&classifier, items).await;
    let reasons: Vec<Option<Reason>> =
        found.iter().map(|answer| answer.as_ref().err().map(|error| error.reason)).collect();
    assert_eq!(
        reasons,
        [
            Some(Reason::SentenceTooLong),
            Some(Reason::SentenceTooLong),
            Some(Reason::MentionLost),
            Some(Reason::MentionLost),
            Some(Reason::SentenceTooLong),
            None
        ]
    );
}

#[tokio::test]
async fn sixty_mentions_pass() {
    if !runtime() {
        return;
    }
    let names: Vec<String> = (0..60).map(|number| format!("d{number}")).collect();
    let sentence = names.join(" plus ");
    let drugs: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), name.as_str())).collect();
    let mut folders = vec![tiny_folder()];
    folders.extend(shipped_folders());
    for folder in folders {
        let classifier = load(folder, |_| {});
        let found = answers(&classifier, vec![item(&sentence, &drugs, MentionPolicy::Given); 4]).await;
        for answer in &found {
            let extraction = answer.as_ref().unwrap();
            assert_eq!(extraction.mentions.len(), 60);
            assert_eq!(answer, &found[0]);
        }
    }
}

/// Sentences of drugs, joining words and noise; up to 60 mentions, up to several windows.
fn sentences() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "aspirin",
        "ibuprofen",
        "cisplatin",
        "warfarin",
        "metformin",
        "plus",
        "with",
        "versus",
        "toxic",
        "the",
        "xyz",
        "α",
        ",",
    ]);
    proptest::collection::vec(word, 1..70).prop_map(|words| words.join(" "))
}

#[test]
fn a_batch_of_one_answers_as_a_batch_of_many() {
    if !runtime() {
        return;
    }
    let mut folders = vec![(tiny_folder(), 24)];
    folders.extend(shipped_folders().into_iter().map(|folder| (folder, 2)));
    for (folder, cases) in folders {
        let alone = load(&folder, |options| (options.max_batch_rows, options.sessions) = (1, Some(1)));
        let many = load(&folder, |options| (options.max_batch_rows, options.max_batch_tokens) = (16, 100_000));
        let tokio = tokio::runtime::Builder::new_multi_thread().build().unwrap();
        let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
        let strategy = proptest::collection::vec((sentences(), any::<bool>()), 1..24);
        runner
            .run(&strategy, |sentences| {
                let items: Vec<ExtractItem> = sentences
                    .iter()
                    .map(|(text, union)| plain(text, if *union { MentionPolicy::Union } else { MentionPolicy::Given }))
                    .collect();
                let together = tokio.block_on(answers(&many, items.clone()));
                let singly: Vec<_> =
                    items.into_iter().flat_map(|item| tokio.block_on(answers(&alone, vec![item]))).collect();
                for (left, right) in together.iter().zip(&singly) {
                    match (left, right) {
                        (Ok(left), Ok(right)) => assert_close(left, right, 1e-4),
                        (left, right) => prop_assert_eq!(left, right),
                    }
                }
                prop_assert_eq!(together.len(), singly.len());
                Ok(())
            })
            .unwrap();
    }
}

fn assert_close(left: &Extraction, right: &Extraction, tolerance: f32) {
    assert_eq!(left.mentions, right.mentions);
    assert_eq!(show(left), show(right));
    for (left, right) in left.combinations.iter().zip(&right.combinations) {
        assert!((left.confidence - right.confidence).abs() <= tolerance, "{left:?} {right:?}");
        for (left, right) in left.effect_scores.iter().zip(right.effect_scores) {
            assert!((left - right).abs() <= tolerance);
        }
    }
}

#[tokio::test]
async fn a_model_whose_rows_depend_on_each_other_runs_them_one_by_one() {
    if !runtime() {
        return;
    }
    let folder = changed(|manifest| manifest["batch"]["invariant"] = json!(false));
    let items = vec![plain("aspirin plus ibuprofen", MentionPolicy::Given); 9];
    for (path, batches) in [(folder.path().to_path_buf(), 9), (tiny_folder(), 2)] {
        let reply = load(path, |_| {}).extract(items.clone()).await.unwrap();
        assert_eq!(reply.stats.batches, batches);
        assert_eq!((reply.stats.padded_tokens, reply.stats.padding_tokens), (9 * 5, 0));
    }
}

#[tokio::test]
async fn a_document_model_sees_the_text_around_the_sentence() {
    if !runtime() {
        return;
    }
    let folder = changed(|manifest| {
        manifest["input"]["context"] = json!("document");
        manifest["input"]["context_tokens"] = json!(6);
    });
    let classifier = load(folder.path(), |_| {});
    let sentence = "aspirin plus ibuprofen";
    let mut asked = plain(sentence, MentionPolicy::Given);
    let text = format!("one two the was. {sentence}. the was toxic and so");
    let start = text.find(sentence).unwrap();
    asked.context = Some(ItemContext { text: Arc::from(text.as_str()), offset: 0, sentence_start: start });
    let encoded = classifier.encoder.encode(asked.clone()).unwrap();
    let types: Vec<i64> = encoded.after.iter().map(|(_, kind)| *kind).collect();
    assert_eq!(types, [0, 1, 1, 1, 1, 1, 1, 1], "[SEP] of the sentence, six pieces of context, their [SEP]");
    let [answer] = <[_; 1]>::try_from(answers(&classifier, vec![asked]).await).unwrap();
    let answer = answer.unwrap();
    let seen = (answer.context_start + start as i64) as usize..(answer.context_end + start as i64) as usize;
    assert_eq!(&text[seen], "the was. aspirin plus ibuprofen. the was");
    assert!(classifier.info().context_chars >= 6);
}

/// The tiny model in a folder of its own, with a changed manifest.
fn changed(change: impl FnOnce(&mut Value)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(tiny_folder()).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, folder.path().join(path.file_name().unwrap())).unwrap();
    }
    edit(folder.path(), change);
    folder
}

fn edit(folder: &Path, change: impl FnOnce(&mut Value)) {
    let path = folder.join("rexdrug.json");
    let mut manifest: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut manifest);
    std::fs::write(path, manifest.to_string()).unwrap();
}

/// Puts `bytes` in the place of a file and declares their digest, so that only the contents are wrong.
fn replaced(file: &str, bytes: &[u8]) -> tempfile::TempDir {
    use sha2::{Digest, Sha256};
    let folder = changed(|manifest| {
        manifest["files"][file] = json!({"sha256": hex::encode(Sha256::digest(bytes)), "bytes": bytes.len()});
    });
    std::fs::write(folder.path().join(file), bytes).unwrap();
    folder
}

#[test]
fn folders_that_are_not_what_they_declare_are_refused() {
    let open = |folder: &tempfile::TempDir| ModelFolder::open(folder.path()).unwrap_err();
    let flipped = changed(|_| {});
    let path = flipped.path().join("model.onnx");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let message = open(&flipped).to_string();
    let declared = ModelFolder::open(tiny_folder()).unwrap().manifest().files["model.onnx"].sha256.clone();
    assert!(message.contains("`model.onnx`") && message.contains(&declared), "{message}");

    let cut = changed(|_| {});
    std::fs::write(cut.path().join("pairs.onnx"), b"").unwrap();
    assert!(matches!(open(&cut), ModelError::Contents { what: "bytes", .. }));
    let gone = changed(|_| {});
    std::fs::remove_file(gone.path().join("tokenizer.json")).unwrap();
    assert!(open(&gone).to_string().contains("tokenizer.json"));
    let empty = tempfile::tempdir().unwrap();
    assert!(open(&empty).to_string().contains("rexdrug.json"));

    for (change, expected) in [
        (json!({"format": 2}), "has format 2, this version reads format 1; update rexdrug"),
        (json!({"format": "one"}), "`format` is missing or no number"),
        (json!({"labels": ["POS", "NONE", "NEG", "COMB"]}), "expected NONE, POS, NEG, COMB"),
        (json!({"task": "poems"}), "expected drugcomb or ddi13, got poems"),
        (json!({"task": "ddi13"}), "expected pairs for ddi13, got average_link"),
        (
            json!({"task": "ddi13", "decode": {"method": "pairs", "threshold": 0.5}}),
            "expected NONE, effect, advise, int, mechanism",
        ),
        (json!({"backend": "poet"}), "expected classifier or generator, got poet"),
        (json!({"backend": "generator"}), "an entry for `tokenizer_config.json`"),
        (json!({"calibration": {"temperature": 0.0}}), "calibration.temperature"),
        (json!({"decode": {"method": "greedy", "threshold": 0.5}}), "greedy"),
        (json!({"decode": {"method": "average_link", "threshold": 1.5}}), "decode.threshold"),
        (json!({"files": {}}), "an entry for `model.onnx`"),
    ] {
        let folder = changed(|manifest| {
            for (key, value) in change.as_object().unwrap() {
                manifest[key] = value.clone();
            }
        });
        let message = open(&folder).to_string();
        assert!(message.contains(expected), "{message}");
    }
    let outside = changed(|manifest| manifest["files"]["../model.onnx"] = manifest["files"]["model.onnx"].clone());
    assert!(open(&outside).to_string().contains("inside the folder"));

    let report = ModelFolder::verify(tiny_folder()).unwrap();
    assert_eq!((report.model_id.as_str(), report.files.len()), ("tiny", 4));
    assert!(ModelFolder::open_expecting(tiny_folder(), &report.model_sha256).is_ok());
    assert!(matches!(ModelFolder::open_expecting(tiny_folder(), "00"), Err(ModelError::Identity { .. })));
    let stricter = changed(|manifest| manifest["decode"]["threshold"] = json!(0.6));
    assert_ne!(ModelFolder::open(stricter.path()).unwrap().sha256(), report.model_sha256, "a threshold is part of it");
}

#[test]
fn graphs_that_are_not_of_the_contract_are_refused() {
    if !runtime() {
        return;
    }
    let refused = |folder: &Path| {
        let folder = ModelFolder::open(folder).unwrap();
        Classifier::load(&folder, &ClassifierOptions::for_device(Device::Cpu)).unwrap_err().to_string()
    };
    let read = |name: &str| std::fs::read(tiny_folder().join(name)).unwrap();
    let message = refused(replaced("model.onnx", &read("pairs.onnx")).path());
    for part in ["model.onnx has inputs `hidden` Float32 of rank 3", "expected `input_ids` Int64 of rank 2"] {
        assert!(message.contains(part), "{message}");
    }
    let model = read("model.onnx");
    for damaged in [&model[..model.len() / 2], &model[..7], b"", b"no onnx at all"] {
        let message = refused(replaced("model.onnx", damaged).path());
        assert!(message.contains("model.onnx"), "{message}");
    }
    for damaged in [&b"{}"[..], b"", b"[1, 2", b"{\"model\": {\"type\": \"WordPiece\"}}"] {
        let message = refused(replaced("tokenizer.json", damaged).path());
        assert!(message.contains("tokenizer.json"), "{message}");
    }
}

proptest! {
    // A fixed seed: past the digests it is ONNX Runtime's own reader that is tried, not ours to search for faults in.
    #![proptest_config(Config { cases: 150, rng_seed: RngSeed::Fixed(26), failure_persistence: None, ..Config::default() })]

    /// Whatever the bytes, a folder loads or is refused; one that loads answers or refuses.
    #[test]
    fn damaged_files_never_panic(
        file in prop::sample::select(vec!["rexdrug.json", "tokenizer.json", "model.onnx", "pairs.onnx"]),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        keep in prop_oneof![Just(1.0f64), 0.0f64..1.0],
    ) {
        if !runtime() {
            return Ok(());
        }
        let mut bytes = std::fs::read(tiny_folder().join(file)).unwrap();
        for (place, value) in edits {
            let place = place.index(bytes.len());
            bytes[place] = value;
        }
        bytes.truncate((bytes.len() as f64 * keep) as usize);
        let folder = if file == "rexdrug.json" {
            let folder = changed(|_| {});
            std::fs::write(folder.path().join(file), &bytes).unwrap();
            folder
        } else {
            replaced(file, &bytes)
        };
        let Ok(folder) = ModelFolder::open(folder.path()) else { return Ok(()) };
        if let Ok(classifier) = Classifier::load(&folder, &ClassifierOptions::for_device(Device::Cpu)) {
            let items = vec![plain("aspirin plus ibuprofen", MentionPolicy::Union); 3];
            let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
            prop_assert_eq!(tokio.block_on(answers(&classifier, items)).len(), 3);
        }
    }
}

#[test]
fn a_device_that_is_not_there_is_refused_and_never_replaced() {
    if !runtime() {
        return;
    }
    let folder = ModelFolder::open(tiny_folder()).unwrap();
    match Classifier::load(&folder, &ClassifierOptions::for_device(Device::Cuda(0))) {
        Ok(classifier) => assert_eq!(classifier.info().device, "cuda:0"),
        Err(error) => {
            assert!(matches!(error, BackendError::DeviceRefused { .. }), "{error}");
            assert!(error.to_string().starts_with("device cuda:0 cannot run the model"), "{error}");
        }
    }
}

/// The shipped models answer as the training code's ONNX run did.
#[test]
fn the_shipped_models_answer_as_they_did_in_training() {
    if runtime() {
        shipped_folders().iter().for_each(|folder| answers_as_in_training(folder));
    }
}

fn answers_as_in_training(folder: &Path) {
    let Ok(parity) = std::fs::read(folder.join("parity.json")) else {
        eprintln!("skipped: the model has no parity.json");
        return;
    };
    let parity: Value = serde_json::from_slice(&parity).unwrap();
    let tolerance = parity["tolerance"].as_f64().unwrap();
    let model = ModelFolder::open(folder).unwrap();
    let runtime = OrtRuntime::init(None).unwrap();
    let encoder = Encoder::load(&model).unwrap();
    let open = |name: &str, signature| session::open(runtime, model.file(name), Device::Cpu, 1, signature).unwrap();
    let manifest = model.manifest();
    let rules = Rules {
        threshold: f64::from(manifest.decode.threshold),
        mention_threshold: f64::from(manifest.decode.mention_threshold),
        tag_threshold: f64::from(manifest.decode.tag_threshold),
        temperature: f64::from(manifest.calibration.temperature),
        decision: None,
        overlap: OverlapRule::default(),
        pad: encoder.pad,
    };
    let mut worker = Worker {
        encoder: open(MODEL_FILE, &worker::ENCODER),
        pairs: open(PAIRS_FILE, &worker::PAIRS),
        rules: Arc::new(rules),
    };
    let cases = parity["cases"].as_array().unwrap();
    assert!(!cases.is_empty());
    let numbers = |value: &Value| value.as_array().unwrap().iter().map(|n| n.as_f64().unwrap()).collect::<Vec<_>>();
    let near =
        |got: f64, expected: f64, what: &str| assert!((got - expected).abs() <= tolerance, "{what}: {got} {expected}");
    for case in cases {
        let text = case["text"].as_str().unwrap();
        let chars: Vec<char> = text.chars().collect();
        let mentions = case["mentions"].as_array().unwrap().iter().enumerate().map(|(number, span)| {
            let (start, end) = (span[0].as_u64().unwrap() as usize, span[1].as_u64().unwrap() as usize);
            let surface: String = chars[start..end].iter().collect();
            let id = format!("drug:{number}");
            ItemMention { start, end, name: id.clone(), drug_id: id, surface, kind: "name".to_owned() }
        });
        let item = ExtractItem {
            sentence: Arc::from(text),
            context: None,
            mentions: mentions.collect(),
            policy: MentionPolicy::Given,
        };
        let encoded = encoder.encode(item).unwrap();
        let after = encoded.after.iter().map(|(id, _)| *id);
        let ids: Vec<i64> = encoded.before.iter().chain(&encoded.pieces).copied().chain(after).collect();
        assert_eq!(json!(ids), case["token_ids"], "{text}");
        let first = encoded.before.len();
        let spans: Vec<[usize; 2]> = encoded
            .item
            .mentions
            .iter()
            .map(|mention| encoded.pieces_of(mention.start, mention.end).unwrap())
            .map(|span| [span.start + first, span.end + first])
            .collect();
        assert_eq!(json!(spans), case["token_spans"], "{text}");
        let batch = [encoded];
        let draft = worker.score::<4>(&batch).unwrap().pop().unwrap().unwrap();
        for (pair, expected) in case["pairs"].as_array().unwrap().iter().zip(case["probabilities"].as_array().unwrap())
        {
            let (left, right) = (pair[0].as_u64().unwrap() as usize, pair[1].as_u64().unwrap() as usize);
            for (got, expected) in draft.scores.get(left, right).unwrap().into_iter().zip(numbers(expected)) {
                near(got, expected, text);
            }
        }
        for ((sum, seen), expected) in draft.real.iter().zip(numbers(&case["mention_probabilities"])) {
            // Nothing is asked about the mentions of a sentence without a pair.
            assert_eq!(*seen, u32::from(draft.mentions.len() > 1), "{text}");
            if *seen > 0 {
                near(sum / f64::from(*seen), expected, text);
            }
        }
        let [encoded] = batch;
        let extraction = worker.answer(vec![encoded]).pop().unwrap().unwrap();
        let expected = case["sets"].as_array().unwrap();
        assert_eq!(extraction.combinations.len(), expected.len(), "{text}");
        for (set, expected) in extraction.combinations.iter().zip(expected) {
            assert_eq!(json!(set.members), expected["members"], "{text}");
            assert_eq!(json!(set.effect.label()), expected["label"], "{text}");
            near(f64::from(set.confidence), expected["confidence"].as_f64().unwrap(), text);
            assert_eq!(distinct_drugs(&extraction.mentions, &set.members).len(), set.members.len());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_of_typed_pairs_answers_pairs_and_is_refused_for_extraction() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/backend/fixtures/tiny-ddi13");
    let folder = ModelFolder::open(&path).unwrap();
    assert_eq!(folder.task(), ModelTask::Ddi13);
    let message = folder.require_task(ModelTask::DrugComb).unwrap_err().to_string();
    assert!(message.contains("was trained for ddi13, this needs a model for drugcomb"), "{message}");
    if !runtime() {
        return;
    }
    let options = ExtractOptions { model_uri: path.to_string_lossy().into_owned(), ..ExtractOptions::default() };
    assert!(ExtractEngine::load(&options).unwrap_err().to_string().contains("was trained for ddi13"));
    let classifier = load(&path, |_| {});
    assert_eq!(classifier.labels(), ["NONE", "effect", "advise", "int", "mechanism"]);
    let items = vec![
        plain("aspirin plus ibuprofen versus warfarin", MentionPolicy::Given),
        plain("aspirin versus ibuprofen", MentionPolicy::Given),
        plain("harmful aspirin plus ibuprofen", MentionPolicy::Given),
        plain("nothing", MentionPolicy::Given),
    ];
    let answers = classifier.relations(items).await.unwrap();
    let pairs = |index: usize| -> Vec<(usize, usize, &str)> {
        let found = answers[index].as_ref().unwrap();
        found.pairs.iter().map(|pair| (pair.left, pair.right, classifier.labels()[pair.label].as_str())).collect()
    };
    assert_eq!(pairs(0), [(0, 1, "effect")]);
    assert_eq!((pairs(1), pairs(3)), (vec![], vec![]));
    assert_eq!(pairs(2), [(0, 1, "mechanism")]);
    // A model of sets asked for typed pairs: the width of its output does not fit, and that is said.
    let sets = load(tiny_folder(), |_| {});
    let wrong = sets.relations(vec![plain("aspirin plus ibuprofen", MentionPolicy::Given)]).await.unwrap();
    assert_eq!(wrong[0].as_ref().unwrap_err().reason, Reason::InferenceFailed);
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_mentions_are_told() {
    if !runtime() {
        return;
    }
    // `patients` is given as a drug; the mention head does not believe it.
    let given = [("aspirin", "aspirin"), ("ibuprofen", "ibuprofen"), ("patients", "patients")];
    let item = item("aspirin plus ibuprofen was patients", &given, MentionPolicy::Union);
    let found = answers(&load(tiny_folder(), |_| {}), vec![item]).await.remove(0).unwrap();
    let names: Vec<&str> = found.refused.iter().map(|&index| found.mentions[index].name.as_str()).collect();
    assert_eq!(names, ["patients"]);
}

/// Settled sentences are answered in their places; what goes on is answered as without a first pass, and given mentions
/// always go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_first_pass_settles_what_states_nothing_and_changes_nothing_else() {
    if runtime() {
        for folder in shipped_folders().into_iter().filter(|folder| folder.join("first_pass.json").is_file()) {
            first_pass_settles(&folder).await;
        }
    }
}

async fn first_pass_settles(folder: &Path) {
    let hopeless = "Expression of the receptor gene in T cells was measured with or without glucose, and estradiol did not \
                    change binding of the transcription factor to its promoter site.";
    let sentences = |policy| {
        let [cisplatin, gemcitabine] = [("Cisplatin", "seed:cisplatin"), ("gemcitabine", "seed:gemcitabine")];
        vec![
            item(hopeless, &[("glucose", "seed:glucose"), ("estradiol", "seed:estradiol")], policy),
            item("Cisplatin plus gemcitabine prolonged survival.", &[cisplatin, gemcitabine], policy),
            item("Cisplatin or gemcitabine was given.", &[cisplatin, gemcitabine], policy),
        ]
    };
    let (with, without) = (load(folder, |options| options.first_pass = true), load(folder, |_| {}));
    let reply = with.extract(sentences(MentionPolicy::Union)).await.unwrap();
    let plain = without.extract(sentences(MentionPolicy::Union)).await.unwrap();
    assert_eq!((plain.stats.settled, reply.answers.len()), (0, 3));
    assert_eq!(reply.stats.settled, 1);
    let settled = reply.answers[0].as_ref().unwrap();
    assert!(settled.combinations.is_empty() && settled.pair_score.unwrap() < 0.02);
    assert_eq!(reply.answers[1], plain.answers[1]);
    assert_eq!(reply.answers[1].as_ref().unwrap().combinations.len(), 1);
    assert_eq!(reply.answers[2], plain.answers[2]);
    let given = with.extract(sentences(MentionPolicy::Given)).await.unwrap();
    assert_eq!(given.stats.settled, 0);
}
