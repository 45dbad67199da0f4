//! One row of a batch as it is written: chooses tokens within the grammar, the budgets and the way of sampling.

use std::sync::Arc;

use super::grammar::{Grammar, State};
use super::vocabulary::Vocabulary;

/// How tokens are chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Choice {
    pub(super) temperature: f32,
    pub(super) top_p: f32,
}

/// How a row ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ending {
    /// With `</answer>`, or where the model ended it.
    Whole,
    /// At its limit of tokens.
    Cut,
    /// On logits that are no numbers, or without a token that may follow.
    Fault(&'static str),
}

/// What may be written.
#[derive(Debug, Clone)]
pub(super) enum Bounds {
    /// Anything, up to a token that ends it or `</answer>`.
    Free { ends: Vec<u32>, tokens: usize },
    /// What the grammar takes.
    Grammar { grammar: Grammar, state: State, think_tokens: usize, answer_tokens: usize },
}

/// One row.
#[derive(Debug)]
pub(super) struct Writer {
    vocabulary: Arc<Vocabulary>,
    bounds: Bounds,
    choice: Choice,
    random: u64,
    pub(super) tokens: Vec<u32>,
    text: Vec<u8>,
    answer_from: Option<usize>,
    pub(super) ending: Option<Ending>,
}

impl Writer {
    pub(super) fn new(vocabulary: Arc<Vocabulary>, bounds: Bounds, choice: Choice, seed: u64) -> Self {
        Self {
            vocabulary,
            bounds,
            choice,
            random: seed,
            tokens: Vec::new(),
            text: Vec::new(),
            answer_from: None,
            ending: None,
        }
    }

    /// The text so far.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.text).into_owned()
    }

    /// The next token; none when the row has ended.
    pub(super) fn next(&mut self, logits: &[f32]) -> Option<u32> {
        if self.ending.is_some() {
            return None;
        }
        let logits = logits.get(..self.vocabulary.len()).unwrap_or(logits);
        let chosen = if logits.iter().any(|logit| logit.is_nan()) {
            Err(Ending::Fault("the model gave logits that are no numbers"))
        } else {
            self.choose(logits)
        };
        match chosen {
            Ok(token) => Some(token),
            Err(ending) => {
                self.ending = Some(ending);
                None
            }
        }
    }

    fn choose(&mut self, logits: &[f32]) -> Result<u32, Ending> {
        let mut random = self.random;
        let choice = self.choice;
        let token = match &mut self.bounds {
            Bounds::Free { ends, tokens } => {
                if self.tokens.len() >= *tokens {
                    return Err(Ending::Cut);
                }
                let all = (0u32..).zip(logits.iter().copied());
                let token = pick(all, choice, &mut random).ok_or(Ending::Fault("the model gave no logits"))?;
                if ends.contains(&token) {
                    self.tokens.push(token);
                    return Err(Ending::Whole);
                }
                token
            }
            Bounds::Grammar { grammar, state, think_tokens, answer_tokens } => {
                if *state == State::Done {
                    return Err(Ending::Whole);
                }
                let thinking = matches!(state, State::Open(_) | State::Think(_));
                if thinking && self.tokens.len() >= *think_tokens {
                    *state = Grammar::hurry(*state);
                } else if !thinking
                    && *self.answer_from.get_or_insert(self.tokens.len()) + *answer_tokens <= self.tokens.len()
                {
                    return Err(Ending::Cut);
                }
                let step = |state: State, byte: u8| grammar.step(state, byte);
                let next = match *state {
                    // Almost every token may follow: the best one is looked at first.
                    State::Think(_) if choice.temperature <= 0.0 => best_taken(logits, &self.vocabulary, *state, &step),
                    _ => {
                        let taken = self.vocabulary.taken(*state, &step);
                        let scored = taken.iter().filter_map(|&(token, _)| Some((token, *logits.get(token as usize)?)));
                        let token = pick(scored, choice, &mut random);
                        token.and_then(|token| taken.iter().find(|(other, _)| *other == token).copied())
                    }
                };
                let (token, next) = next.ok_or(Ending::Fault("no token of the vocabulary may follow"))?;
                *state = next;
                token
            }
        };
        self.random = random;
        self.tokens.push(token);
        if let Some(bytes) = self.vocabulary.bytes(token) {
            self.text.extend_from_slice(bytes);
        }
        let done = match &self.bounds {
            Bounds::Free { .. } => self.text.ends_with(b"</answer>"),
            Bounds::Grammar { state, .. } => *state == State::Done,
        };
        if done {
            self.ending = Some(Ending::Whole);
        }
        Ok(token)
    }
}

/// The most probable token that the automaton takes.
fn best_taken(
    logits: &[f32],
    vocabulary: &Vocabulary,
    state: State,
    step: &impl Fn(State, u8) -> Option<State>,
) -> Option<(u32, State)> {
    let mut refused: Vec<u32> = Vec::new();
    loop {
        let open = (0u32..).zip(logits.iter().copied()).filter(|(token, _)| !refused.contains(token));
        let open = open.filter(|(token, _)| vocabulary.bytes(*token).is_some_and(|bytes| !bytes.is_empty()));
        let (token, _) = open.fold(None, |best: Option<(u32, f32)>, (token, logit)| match best {
            Some((_, most)) if most >= logit => best,
            _ => Some((token, logit)),
        })?;
        match vocabulary.bytes(token)?.iter().try_fold(state, |state, byte| step(state, *byte)) {
            Some(next) => return Some((token, next)),
            None => refused.push(token),
        }
    }
}

/// The best token, or one sampled from the most probable ones that together have `top_p` of the probability.
fn pick(scored: impl Iterator<Item = (u32, f32)>, choice: Choice, random: &mut u64) -> Option<u32> {
    let mut scored: Vec<(u32, f32)> = scored.collect();
    // Ties go to the smaller token, as in torch's argmax.
    scored.sort_unstable_by(|left, right| right.1.total_cmp(&left.1).then(left.0.cmp(&right.0)));
    let &(best, most) = scored.first()?;
    if choice.temperature <= 0.0 {
        return Some(best);
    }
    let weights: Vec<f64> =
        scored.iter().map(|(_, logit)| f64::from((logit - most) / choice.temperature).exp()).collect();
    let nucleus = weights.iter().sum::<f64>() * f64::from(choice.top_p);
    let (mut kept, mut sum) = (0, 0.0);
    for weight in &weights {
        kept += 1;
        sum += weight;
        if sum >= nucleus {
            break;
        }
    }
    let mut left = sum * uniform(random);
    for ((token, _), weight) in scored.iter().zip(&weights).take(kept) {
        left -= weight;
        if left < 0.0 {
            return Some(*token);
        }
    }
    Some(best)
}

/// SplitMix64: the same seed gives the same answer on every machine and with every version of every crate.
fn uniform(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn sampling_keeps_to_the_nucleus_and_to_its_seed() {
        let logits = [(7, 2.0), (3, 2.0), (9, 0.0), (4, -9.0)];
        let greedy = Choice { temperature: 0.0, top_p: 1.0 };
        assert_eq!(pick(logits.into_iter(), greedy, &mut 1), Some(3), "ties go to the smaller token");
        let run = |top_p: f32, seed: u64| {
            let mut random = seed;
            let choice = Choice { temperature: 1.0, top_p };
            (0..200).map(|_| pick(logits.into_iter(), choice, &mut random).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(run(0.9, 5), run(0.9, 5));
        assert_ne!(run(0.9, 5), run(0.9, 6));
        assert!(run(0.8, 1).iter().all(|token| [3, 7].contains(token)));
        assert!(run(0.8, 1).contains(&3) && run(0.8, 1).contains(&7));
        assert!(run(1.0, 1).contains(&9));
    }
}
