//! Any text as a model's answer, read strictly and tolerantly: no panic, and what is strict is also tolerated.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rexdrug_scoring::answer::literal::{Grammar, parse};
use rexdrug_scoring::answer::{strict, tolerant};
use rexdrug_scoring::task::Task;

fuzz_target!(|text: &str| {
    for task in [Task::DrugComb, Task::Ddi13] {
        let strict = strict::read(task, text);
        let tolerant = tolerant::read(task, text);
        assert!(strict.is_err() || tolerant.parsed, "strictly right, but not read tolerantly");
    }
    let _ = (parse(text, Grammar::Json), parse(text, Grammar::Python), tolerant::items_json(text));
});
