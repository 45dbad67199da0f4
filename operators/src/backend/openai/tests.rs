//! The backend against a server that behaves, and one that does not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::sync::atomic::Ordering as Order;
use std::time::Duration;

use rexdrug_schemas::Effect;

use super::loopback::{Loopback, Reaction, Request};
use super::*;
use crate::backend::{ItemContext, ItemMention, MentionPolicy};

const POSITIVE: &str = "<think>The paper says \"with betacil\".</think>\
    <answer>[{\"type\": \"POS\", \"ent_set\": [\"alphine\", \"betacil\"]}]</answer>";

fn options(url: &str) -> OpenAiOptions {
    let mut client = ClientOptions::new(url);
    client.retry = RetryPolicy { retries: 3, base: Duration::from_millis(1), longest: Duration::from_secs(2) };
    client.timeout = Duration::from_millis(2_000);
    OpenAiOptions {
        client,
        model: "tiny".to_owned(),
        task: Task::DrugComb,
        prompt: "drugcomb-v1".to_owned(),
        format: AnswerFormat::Tags,
        sampling: Sampling::default(),
        context_chars: 100,
    }
}

fn item(number: usize) -> ExtractItem {
    let sentence = format!("Case {number}: alphine with betacil helped.");
    let mention = |name: &str| {
        let start = sentence.find(name).unwrap();
        ItemMention {
            start,
            end: start + name.len(),
            drug_id: format!("drug:{name}"),
            name: name.to_owned(),
            surface: name.to_owned(),
            kind: "name".to_owned(),
        }
    };
    let mentions = vec![mention("alphine"), mention("betacil")];
    let text = format!("Deltamab came first. {sentence} End.");
    let context = ItemContext { text: Arc::from(text), offset: 0, sentence_start: 21 };
    ExtractItem { sentence: Arc::from(sentence), context: Some(context), mentions, policy: MentionPolicy::Union }
}

async fn ask(options: OpenAiOptions, items: usize) -> Result<Reply, BackendError> {
    OpenAi::new(options).unwrap().extract((0..items).map(item).collect()).await
}

fn effects(reply: &Reply) -> Vec<Vec<Effect>> {
    let answers = reply.answers.iter().map(|answer| answer.as_ref().unwrap());
    answers.map(|found| found.combinations.iter().map(|found| found.effect).collect()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_come_in_order_with_reasoning_and_what_they_cost() {
    let server = Loopback::start(|_, request| {
        let label = if request.user().contains("Case 1:") { "NEG" } else { "POS" };
        Reaction::Say(POSITIVE.replace("POS", label))
    });
    let mut options = options(&server.url);
    (options.client.prompt_price, options.client.completion_price) = (2.0, 10.0);
    let backend = OpenAi::new(options).unwrap();
    backend.check().await.unwrap();
    let reply = backend.extract((0..3).map(item).collect()).await.unwrap();
    assert_eq!(effects(&reply), [[Effect::Positive], [Effect::Negative], [Effect::Positive]]);
    let found = reply.answers[0].as_ref().unwrap();
    assert_eq!(found.combinations[0].reasoning.as_deref(), Some("The paper says \"with betacil\"."));
    assert_eq!((found.context_start, found.context_end), (-21, 41));
    let usage = reply.stats.usage;
    assert_eq!((usage.answers, usage.requests, usage.retries, usage.cached), (3, 3, 0, 0));
    assert_eq!((usage.prompt_tokens, usage.completion_tokens, usage.cost_micros), (300, 30, 900));
    assert_eq!((reply.stats.grounding.quotes, reply.stats.grounding.quotes_verbatim), (3, 3));
    let requests = server.requests.lock().unwrap();
    let sent: &Request = requests.last().unwrap();
    assert_eq!((sent.path.as_str(), sent.body["model"].as_str()), ("/v1/chat/completions", Some("tiny")));
    assert_eq!(sent.body["temperature"], 0.0);
    assert!(sent.body["messages"][0]["content"].as_str().unwrap().contains("NO_COMB"));
    assert!(sent.user().contains("Deltamab came first. Case"));
    assert_eq!(backend.info().prompt_sha256.as_deref(), Some(backend.template.sha256()));
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_that_pass_are_repeated() {
    let wrong: [fn() -> Reaction; 6] = [
        || Reaction::Status(500, vec![], "oops".to_owned()),
        || Reaction::Status(429, vec![("retry-after", "0.01".to_owned())], String::new()),
        || Reaction::Half,
        || Reaction::Garbage,
        || Reaction::Status(503, vec![], String::new()),
        || Reaction::Slow(Duration::from_millis(600), POSITIVE.to_owned()),
    ];
    for (number, fault) in wrong.into_iter().enumerate() {
        let server =
            Loopback::start(move |number, _| if number < 2 { fault() } else { Reaction::Say(POSITIVE.to_owned()) });
        let mut options = options(&server.url);
        if number == 5 {
            options.client.timeout = Duration::from_millis(150);
        }
        let reply = ask(options, 1).await.unwrap();
        assert_eq!(effects(&reply), [[Effect::Positive]], "fault {number}");
        let usage = reply.stats.usage;
        assert_eq!((usage.requests, usage.retries, usage.answers), (3, 2, 1), "fault {number}");
        assert_eq!(server.asked(), 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_asks_to_wait_is_not_asked_by_anyone_before() {
    let wait = Duration::from_millis(700);
    let server = Loopback::start(|number, _| match number {
        0 => Reaction::Status(429, vec![("retry-after", "0.7".to_owned())], String::new()),
        _ => Reaction::Say(POSITIVE.to_owned()),
    });
    let mut options = options(&server.url);
    options.client.concurrency = 1;
    let backend = OpenAi::new(options).unwrap();
    let started = Instant::now();
    let reply = backend.extract((0..3).map(item).collect()).await.unwrap();
    assert!(started.elapsed() >= wait, "{:?}", started.elapsed());
    assert_eq!((reply.stats.usage.requests, reply.stats.usage.retries), (4, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_pass_costs_its_sentence_only() {
    // Sentence 0 is too long for the model, 1 is cut, 2 is nonsense, 3 is fine.
    let server = Loopback::start(|_, request| match request.user() {
        user if user.contains("Case 0:") => Reaction::Status(400, vec![], "context too long".to_owned()),
        user if user.contains("Case 1:") => Reaction::Cut("<think>on and on".to_owned()),
        user if user.contains("Case 2:") => Reaction::Say("I cannot say.".to_owned()),
        _ => Reaction::Say(POSITIVE.to_owned()),
    });
    let reply = ask(options(&server.url), 4).await.unwrap();
    let reasons: Vec<_> = reply.answers.iter().map(|answer| answer.as_ref().err().map(|error| error.reason)).collect();
    assert_eq!(reasons, [Some(Reason::InferenceFailed), Some(Reason::AnswerCut), Some(Reason::InvalidOutput), None]);
    let message = reply.answers[0].as_ref().unwrap_err().message.clone();
    assert!(message.contains("400") && message.contains("context too long"), "{message}");
    assert_eq!(server.asked(), 4, "nothing of it is repeated");
}

#[tokio::test(flavor = "multi_thread")]
async fn drugs_that_are_not_in_the_sentence_give_no_row_and_are_counted() {
    let server = Loopback::start(|_, _| {
        Reaction::Say(
            r#"<think>x</think><answer>[{"type": "POS", "ent_set": ["alphine", "epsilonib"]},
            {"type": "POS", "ent_set": ["alphine", "Deltamab"]}, {"type": "COMB", "ent_set": ["betacil", "ALPHINE"]}]</answer>"#
                .to_owned(),
        )
    });
    let reply = ask(options(&server.url), 2).await.unwrap();
    assert_eq!(effects(&reply), [[Effect::Unclear], [Effect::Unclear]]);
    let counts = reply.stats.grounding;
    assert_eq!((counts.stated, counts.unknown_drug, counts.outside_sentence), (6, 2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_gone_or_closed_ends_the_run_with_what_to_do() {
    // Bound and dropped: nobody listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let gone = OpenAi::new(options(&format!("http://127.0.0.1:{port}/v1"))).unwrap();
    let message = gone.check().await.unwrap_err().to_string();
    assert!(message.contains("does not answer"), "{message}");
    let message = gone.extract((0..40).map(item).collect()).await.unwrap_err().to_string();
    assert!(message.contains("16 sentences in a row"), "{message}");

    let closed = Loopback::start(|_, _| Reaction::Status(401, vec![], "no".to_owned()));
    let mut with_key = options(&closed.url);
    with_key.client.api_key = Some(ApiKey::new("sk-very-secret"));
    let message = ask(with_key.clone(), 3).await.unwrap_err().to_string();
    assert!(message.contains("401") && message.contains("REXDRUG_LLM_API_KEY"), "{message}");
    assert!(!format!("{message}{with_key:?}").contains("secret"));
    assert!(closed.requests.lock().unwrap()[0].head.to_lowercase().contains("authorization: bearer sk-very-secret"));

    // A page that quotes the request; the message ends in `quarantine`.
    let quoting = Loopback::start(|_, _| Reaction::Status(400, vec![], "bad: Bearer sk-very-secret, sorry".to_owned()));
    let mut with_key = options(&quoting.url);
    with_key.client.api_key = Some(ApiKey::new("sk-very-secret"));
    let reply = ask(with_key, 3).await.unwrap();
    let told = format!("{:?}", reply.answers);
    assert!(told.contains("bad: Bearer ***, sorry") && !told.contains("secret"), "{told}");

    let mut other = options(&closed.url);
    other.model = "huge".to_owned();
    let message = OpenAi::new(other).unwrap().check().await.unwrap_err().to_string();
    assert!(message.contains("no model `huge`") && message.contains("tiny"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_requests_are_open_than_allowed() {
    let server = Loopback::start(|_, _| Reaction::Slow(Duration::from_millis(20), POSITIVE.to_owned()));
    let mut options = options(&server.url);
    options.client.concurrency = 3;
    let reply = ask(options, 20).await.unwrap();
    assert_eq!(reply.answers.len(), 20);
    assert!(server.busiest.load(Order::SeqCst) <= 3);
}

fn cached(url: &str, folder: &Path) -> OpenAiOptions {
    let mut options = options(url);
    options.client.cache = Some(folder.to_owned());
    options
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_pays_nothing_and_another_prompt_model_or_sampling_pays_again() {
    let folder = tempfile::tempdir().unwrap();
    let closed = Arc::new(AtomicUsize::new(5));
    let door = Arc::clone(&closed);
    // The first run dies after five answers: the server closes its door.
    let server = Loopback::start(move |number, _| match number < door.load(Order::SeqCst) {
        true => Reaction::Say(POSITIVE.to_owned()),
        false => Reaction::Status(403, vec![], String::new()),
    });
    let mut first = cached(&server.url, folder.path());
    first.client.concurrency = 1;
    ask(first, 10).await.unwrap_err();
    closed.store(usize::MAX, Order::SeqCst);
    let second = ask(cached(&server.url, folder.path()), 10).await.unwrap();
    assert_eq!((second.stats.usage.cached, second.stats.usage.requests), (5, 5));
    let asked = server.asked();
    let third = ask(cached(&server.url, folder.path()), 10).await.unwrap();
    assert_eq!(server.asked(), asked, "nothing is asked again");
    assert_eq!((third.stats.usage.cached, third.stats.usage.cost_micros, third.stats.usage.requests), (10, 0, 0));
    assert_eq!(third.answers, second.answers);

    let mut changed = [1, 2, 3].map(|_| cached(&server.url, folder.path()));
    changed[0].model = "other".to_owned();
    changed[1].sampling.temperature = 0.7;
    changed[2].prompt = "drugcomb-mentions-v1".to_owned();
    for options in changed {
        let reply = ask(options, 1).await.unwrap();
        assert_eq!(reply.stats.usage.requests, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn structured_output_is_asked_for_and_read() {
    let server = Loopback::start(|_, _| {
        let content = r#"{"reasoning": "[1] \"with betacil\"", "combinations": [{"type": "POS", "ent_set": ["alphine", "betacil"]}]}"#;
        Reaction::Say(content.to_owned())
    });
    let mut options = options(&server.url);
    options.format = AnswerFormat::JsonSchema;
    let reply = ask(options, 1).await.unwrap();
    let found = reply.answers[0].as_ref().unwrap();
    assert_eq!(found.combinations[0].reasoning.as_deref(), Some("[1] \"with betacil\""));
    let sent = &server.requests.lock().unwrap()[0].body;
    assert_eq!(sent["response_format"]["json_schema"]["strict"], true);
    assert!(sent["messages"][0]["content"].as_str().unwrap().contains("\"combinations\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn typed_pairs_are_asked_for_with_their_own_words_and_never_become_rows() {
    let pairs = r#"[{"type": "advise", "ent_set": ["alphine", "betacil"]}]"#;
    let server = Loopback::start(move |number, _| match number {
        0 => Reaction::Say(format!("<think>[1] x</think><answer>{pairs}</answer>")),
        _ => Reaction::Cut("<think>on and on".to_owned()),
    });
    let mut options = options(&server.url);
    (options.task, options.prompt, options.client.concurrency) = (Task::Ddi13, "ddi13-mentions-v1".to_owned(), 1);
    let backend = OpenAi::new(options.clone()).unwrap();
    let mut plain = item(0);
    plain.context = None;
    let found = backend.complete(vec![plain.clone(), plain.clone()]).await.unwrap();
    let read = tolerant::read(Task::Ddi13, found.texts[0].as_ref().unwrap());
    assert_eq!((read.relations.len(), read.relations[0].label.as_str()), (1, "advise"));
    assert_eq!(found.texts[1].as_ref().unwrap_err().reason, Reason::AnswerCut);
    assert_eq!((found.stats.usage.answers, found.stats.usage.prompt_tokens), (2, 200));
    {
        let requests = server.requests.lock().unwrap();
        let system = requests[0].body["messages"][0]["content"].as_str().unwrap().to_owned();
        assert!(system.contains("- mechanism: ") && !system.contains("POS"), "{system}");
        assert!(requests[0].user().contains("alphine; betacil") && !requests[0].user().contains("Paragraph"));
    }
    let message = backend.extract(vec![plain]).await.unwrap_err().to_string();
    assert!(message.contains("ddi13"), "{message}");

    options.format = AnswerFormat::JsonSchema;
    let structured = OpenAi::new(options).unwrap();
    let _ = structured.complete(vec![item(1)]).await.unwrap();
    let sent = &server.requests.lock().unwrap()[2].body["response_format"]["json_schema"]["schema"];
    let types = &sent["properties"]["combinations"]["items"]["properties"]["type"]["enum"];
    assert_eq!(*types, serde_json::json!(["effect", "advise", "int", "mechanism", "NO_COMB"]));
}

#[test]
fn identity_follows_what_decides_the_answer_and_not_the_address() {
    let base = options("http://one/v1");
    let sha = |change: &dyn Fn(&mut OpenAiOptions)| {
        let mut options = base.clone();
        change(&mut options);
        OpenAi::new(options).unwrap().info().model_sha256.clone()
    };
    let same = sha(&|_| {});
    assert_eq!(same, sha(&|options| options.client.url = "http://two:9/v1".to_owned()));
    assert_eq!(same, sha(&|options| options.client.concurrency = 1));
    for change in [
        (&|options: &mut OpenAiOptions| options.model = "x".to_owned()) as &dyn Fn(&mut OpenAiOptions),
        &|options| options.sampling.seed = None,
        &|options| options.format = AnswerFormat::JsonSchema,
        &|options| options.context_chars = 5,
        &|options| options.prompt = "drugcomb-mentions-v1".to_owned(),
    ] {
        assert_ne!(same, sha(change));
    }
}

#[test]
fn urls_that_cannot_work_are_refused_without_their_secrets() {
    for url in ["localhost", "http://user:hunter2@host/v1", "http://host/v1?key=hunter2"] {
        let message = OpenAi::new(options(url)).unwrap_err().to_string();
        assert!(!message.contains("hunter2"), "{message}");
    }
}
