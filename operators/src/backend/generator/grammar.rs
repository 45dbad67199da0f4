//! What a generated answer may look like, byte by byte: reasoning in tags, then JSON over the drugs of the sentence.
//!
//! ```text
//! <think> any text </think> \n* <answer>[{"type": "POS", "ent_set": ["a", "b"]}, …]</answer>
//!                                       [{"type": "NO_COMB", "ent_set": []}]
//! ```
//!
//! DDI13 has other types, sets of exactly two drugs, and more of them.

use rexdrug_scoring::task::{Label, Task};

/// Most combinations of one answer.
const MAX_ITEMS: u8 = 8;
/// Most pairs of one answer: a drug named beside all those that it interacts with.
const MAX_PAIRS: u8 = 32;
/// Most different drugs of one sentence that an answer can name: bits of a word.
const MAX_DRUGS: usize = 64;

const OPEN: &[u8] = b"<think>";
const CLOSE: &[u8] = b"</think>";
const TAG: &[u8] = b"<answer>";
const HEAD: &[u8] = b"[{\"type\": \"";
const NEXT: &[u8] = b" {\"type\": \"";
const SET: &[u8] = b", \"ent_set\": [\"";
const NO_SET: &[u8] = b", \"ent_set\": []}]";
const END: &[u8] = b"</answer>";

/// The drugs that an answer may name.
#[derive(Debug, Clone)]
pub(super) struct Grammar {
    task: Task,
    /// As they stand between the quotes of a JSON string.
    drugs: Vec<Vec<u8>>,
}

/// How far an answer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// In `<think>`.
    Open(u8),
    /// In the reasoning; so many bytes of `</think>` stand at its end.
    Think(u8),
    /// In a `</think>` that was decided from outside.
    Close(u8),
    /// Line breaks before `<answer>`.
    Gap(u8),
    /// In `<answer>`.
    Tag(u8),
    /// In the JSON.
    Json(Json),
    /// In `</answer>`.
    End(u8),
    /// Nothing may follow.
    Done,
}

/// Place in the JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Json {
    place: Place,
    /// Combinations that are closed.
    items: u8,
    /// Drugs of the open combination.
    used: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Head(u8),
    /// Labels that still fit, and the bytes they have.
    Label(u8, u8),
    Set(u8),
    NoSet(u8),
    /// Drugs that still fit, and the bytes they have.
    Drug(u64, u16),
    AfterDrug,
    /// Behind `,` and behind `, `.
    Comma(u8),
    CloseItem,
    AfterItem,
    Next(u8),
}

impl Grammar {
    /// Answers over these names; of equal ones, the first. With fewer than two, only NO_COMB can be said.
    pub(super) fn new<'n>(task: Task, names: impl IntoIterator<Item = &'n str>) -> Self {
        let mut drugs: Vec<Vec<u8>> = Vec::new();
        for name in names {
            let quoted = serde_json::Value::from(name).to_string().into_bytes();
            let inner = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_vec();
            if !inner.is_empty() && !drugs.contains(&inner) && drugs.len() < MAX_DRUGS {
                drugs.push(inner);
            }
        }
        Self { task, drugs }
    }

    /// The beginning.
    pub(super) const fn start() -> State {
        State::Open(0)
    }

    /// The end of the reasoning, now; the same state where it has ended.
    pub(super) const fn hurry(state: State) -> State {
        match state {
            State::Think(matched) => State::Close(matched),
            other => other,
        }
    }

    /// The state after one more byte; none when no answer goes on so.
    pub(super) fn step(&self, state: State, byte: u8) -> Option<State> {
        match state {
            State::Open(at) => literal(OPEN, at, byte, State::Open, State::Think(0)),
            State::Think(matched) => think(matched, byte),
            State::Close(at) => literal(CLOSE, at, byte, State::Close, State::Gap(0)),
            State::Gap(breaks) => match byte {
                b'\n' if breaks < 2 => Some(State::Gap(breaks + 1)),
                b'<' => Some(State::Tag(1)),
                _ => None,
            },
            State::Tag(at) => {
                let json = Json { place: Place::Head(0), items: 0, used: 0 };
                literal(TAG, at, byte, State::Tag, State::Json(json))
            }
            State::Json(json) => self.json(json, byte),
            State::End(at) => literal(END, at, byte, State::End, State::Done),
            State::Done => None,
        }
    }

    fn json(&self, json: Json, byte: u8) -> Option<State> {
        let to = |place| State::Json(Json { place, ..json });
        match json.place {
            Place::Head(at) => literal(HEAD, at, byte, |at| to(Place::Head(at)), to(self.labels(json.items))),
            Place::Next(at) => literal(NEXT, at, byte, |at| to(Place::Next(at)), to(self.labels(json.items))),
            Place::Label(fitting, at) => {
                let open = || (0u8..).zip(self.task.labels()).filter(move |(number, _)| fitting & (1 << number) != 0);
                if byte == b'"' {
                    let (_, said) = open().find(|(_, label)| label.as_str().len() == usize::from(at))?;
                    return Some(to(if *said == Label::NoComb { Place::NoSet(0) } else { Place::Set(0) }));
                }
                let goes_on = open().filter(|(_, label)| label.as_str().as_bytes().get(usize::from(at)) == Some(&byte));
                let fitting = goes_on.fold(0, |fitting, (number, _)| fitting | 1 << number);
                (fitting != 0).then(|| to(Place::Label(fitting, at + 1)))
            }
            Place::Set(at) => {
                let first = State::Json(Json { place: Place::Drug(self.unused(0), 0), used: 0, ..json });
                literal(SET, at, byte, |at| to(Place::Set(at)), first)
            }
            Place::NoSet(at) => literal(NO_SET, at, byte, |at| to(Place::NoSet(at)), State::End(0)),
            Place::Drug(fitting, at) => {
                let of = |number: usize| self.drugs.get(number).filter(|_| fitting & (1 << number) != 0);
                if byte == b'"' {
                    let complete = |number: &usize| of(*number).is_some_and(|drug| drug.len() == usize::from(at));
                    if let Some(said) = (0..self.drugs.len()).find(complete) {
                        let used = json.used | 1 << said;
                        return Some(State::Json(Json { place: Place::AfterDrug, used, ..json }));
                    }
                }
                let goes_on = |number: &usize| of(*number).is_some_and(|drug| drug.get(usize::from(at)) == Some(&byte));
                let fitting = (0..self.drugs.len()).filter(goes_on).fold(0, |fitting, number| fitting | 1 << number);
                (fitting != 0).then(|| to(Place::Drug(fitting, at + 1)))
            }
            Place::AfterDrug => match byte {
                b',' if self.unused(json.used) != 0 && !self.is_full(json.used) => Some(to(Place::Comma(1))),
                b']' if json.used.count_ones() > 1 => Some(to(Place::CloseItem)),
                _ => None,
            },
            Place::Comma(at) => {
                literal(b", \"", at, byte, |at| to(Place::Comma(at)), to(Place::Drug(self.unused(json.used), 0)))
            }
            Place::CloseItem => {
                let closed = Json { place: Place::AfterItem, items: json.items + 1, used: 0 };
                (byte == b'}').then_some(State::Json(closed))
            }
            Place::AfterItem => match byte {
                b',' if json.items < self.most_items() => Some(to(Place::Next(0))),
                b']' => Some(State::End(0)),
                _ => None,
            },
        }
    }

    /// NO_COMB stands alone, and comes last among the labels of a task.
    fn labels(&self, items: u8) -> Place {
        let no_comb = 1u8 << (self.task.labels().len() - 1);
        let fitting = match (items, self.drugs.len()) {
            (0, 0 | 1) => no_comb,
            (0, _) => no_comb | (no_comb - 1),
            _ => no_comb - 1,
        };
        Place::Label(fitting, 0)
    }

    const fn most_items(&self) -> u8 {
        match self.task {
            Task::DrugComb => MAX_ITEMS,
            Task::Ddi13 => MAX_PAIRS,
        }
    }

    /// Whether a set can hold no further drug.
    fn is_full(&self, used: u64) -> bool {
        self.task == Task::Ddi13 && used.count_ones() > 1
    }

    fn unused(&self, used: u64) -> u64 {
        let all = (0..self.drugs.len()).fold(0u64, |all, number| all | 1 << number);
        all & !used
    }
}

fn literal(text: &[u8], at: u8, byte: u8, inside: impl Fn(u8) -> State, behind: State) -> Option<State> {
    if text.get(usize::from(at)) != Some(&byte) {
        return None;
    }
    let at = at + 1;
    Some(if usize::from(at) == text.len() { behind } else { inside(at) })
}

/// Any text, but no other tag: a reader finds the first `<answer>`, wherever it stands.
fn think(matched: u8, byte: u8) -> Option<State> {
    if CLOSE.get(usize::from(matched)) == Some(&byte) {
        let matched = matched + 1;
        return Some(if usize::from(matched) == CLOSE.len() { State::Gap(0) } else { State::Think(matched) });
    }
    match (matched, byte) {
        (1, b'a' | b't') | (2, b'a') => None,
        (_, b'<') => Some(State::Think(1)),
        _ => Some(State::Think(0)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use proptest::prelude::*;
    use rexdrug_scoring::answer::strict;

    use super::*;

    fn run(grammar: &Grammar, text: &str) -> Option<State> {
        text.bytes().try_fold(Grammar::start(), |state, byte| grammar.step(state, byte))
    }

    #[test]
    fn only_answers_over_the_sentences_drugs_are_taken() {
        let grammar = Grammar::new(Task::DrugComb, ["5-FU", "α\"x", "5-F", "5-FU"]);
        let answer = |list: &str| format!("<think>a < b </b> </think>\n<answer>{list}</answer>");
        for (list, good) in [
            (r#"[{"type": "POS", "ent_set": ["5-FU", "5-F"]}]"#, true),
            (
                r#"[{"type": "NEG", "ent_set": ["α\"x", "5-F", "5-FU"]}, {"type": "COMB", "ent_set": ["5-F", "5-FU"]}]"#,
                true,
            ),
            (r#"[{"type": "NO_COMB", "ent_set": []}]"#, true),
            (r#"[{"type": "POS", "ent_set": ["5-FU"]}]"#, false),
            (r#"[{"type": "POS", "ent_set": ["5-FU", "5-FU"]}]"#, false),
            (r#"[{"type": "POS", "ent_set": ["5-FU", "aspirin"]}]"#, false),
            (r#"[{"type": "NO_COMB", "ent_set": ["5-FU", "5-F"]}]"#, false),
            (r#"[{"type": "POS", "ent_set": ["5-FU", "5-F"]}, {"type": "NO_COMB", "ent_set": []}]"#, false),
            ("[]", false),
        ] {
            assert_eq!(run(&grammar, &answer(list)), good.then_some(State::Done), "{list}");
        }
        assert_eq!(run(&grammar, "<think>an <answer>"), None);
        assert_eq!(run(&grammar, "<think></answer>"), None);
        let single = Grammar::new(Task::DrugComb, ["one"]);
        assert_eq!(run(&single, r#"<think></think><answer>[{"type": "P"#), None);
        assert_eq!(
            run(&single, r#"<think></think><answer>[{"type": "NO_COMB", "ent_set": []}]</answer>"#),
            Some(State::Done)
        );
    }

    #[test]
    fn pairs_have_the_types_of_their_task_and_exactly_two_drugs() {
        let grammar = Grammar::new(Task::Ddi13, ["ab", "abc", "d"]);
        for (list, good) in [
            (r#"[{"type": "int", "ent_set": ["ab", "abc"]}, {"type": "effect", "ent_set": ["d", "ab"]}]"#, true),
            (r#"[{"type": "mechanism", "ent_set": ["d", "abc"]}]"#, true),
            (r#"[{"type": "NO_COMB", "ent_set": []}]"#, true),
            (r#"[{"type": "advise", "ent_set": ["ab", "abc", "d"]}]"#, false),
            (r#"[{"type": "advise", "ent_set": ["ab"]}]"#, false),
            (r#"[{"type": "POS", "ent_set": ["ab", "abc"]}]"#, false),
        ] {
            let text = format!("<think></think><answer>{list}</answer>");
            assert_eq!(run(&grammar, &text), good.then_some(State::Done), "{list}");
        }
    }

    proptest! {
        /// Whatever way is taken through the grammar, it never ends in a dead end, and what comes out is valid.
        #[test]
        fn every_way_through_ends_in_a_strictly_valid_answer(
            names in proptest::collection::vec("[a-c\"\\\\é]{1,3}", 0..5),
            choices in proptest::collection::vec(any::<u8>(), 400),
            thought in 0usize..30,
            task in prop_oneof![Just(Task::DrugComb), Just(Task::Ddi13)],
        ) {
            let grammar = Grammar::new(task, names.iter().map(String::as_str));
            let (mut state, mut text) = (Grammar::start(), Vec::new());
            for (number, choice) in choices.into_iter().enumerate() {
                if number > thought {
                    state = Grammar::hurry(state);
                }
                let inside = matches!(state, State::Think(_));
                let ways: Vec<(u8, State)> = (0..=255u8)
                    .filter(|byte| !inside || byte.is_ascii_graphic())
                    .filter_map(|byte| Some((byte, grammar.step(state, byte)?)))
                    .collect();
                if state == State::Done {
                    prop_assert!(ways.is_empty());
                    break;
                }
                prop_assert!(!ways.is_empty(), "dead end after {}", String::from_utf8_lossy(&text));
                let (byte, next) = ways[usize::from(choice) % ways.len()];
                text.push(byte);
                state = next;
            }
            if state == State::Done {
                let text = String::from_utf8(text).unwrap();
                let distinct = |list: &strict::StrictAnswer<'_>| list.relations.len();
                match strict::read(task, &text) {
                    Ok(answer) => prop_assert!(distinct(&answer) <= usize::from(grammar.most_items())),
                    // The one thing that is left to the reader: a set stated twice, names that differ only in case.
                    Err(error) => prop_assert!(
                        error.expected.contains("not stated before") || error.expected.contains("each drug once"), "{error}"),
                }
            }
        }
    }
}
