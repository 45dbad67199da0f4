//! From work and rates to figures.

use serde::Serialize;

use super::assumptions as assumed;
use super::basis::{Basis, Figure};
use super::measured::{Choice, Measured};
use super::work::Work;

/// What the run would run on.
#[derive(Debug, Clone, PartialEq)]
pub struct Hardware {
    /// Threads, where the model runs on the CPU; reading and matching use them always.
    pub threads: usize,
    /// Candidate sentences a second, where the user knows better.
    pub sentences_per_second: Option<f64>,
    /// Whether commits go over a network to an object store.
    pub object_store: bool,
}

/// How a language model on a server would be asked.
#[derive(Debug, Clone, PartialEq)]
pub struct LanguageModel {
    /// Characters of the prompt that are the same for every sentence.
    pub prompt_chars: usize,
    /// Characters of document on each side of a sentence.
    pub context_chars: usize,
    /// Most tokens of an answer.
    pub max_tokens: u32,
    /// Whether a first model settles part of the sentences.
    pub cascade: bool,
    /// Price of a million tokens of prompts.
    pub prompt_price: f64,
    /// Price of a million tokens of answers.
    pub completion_price: f64,
}

/// What a run will take.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Estimate {
    /// Source files to read.
    pub files: Figure,
    /// Source files that are in the warehouse already.
    pub files_done: Figure,
    /// Bytes to read; articles of a listing are not among them.
    pub bytes: Figure,
    /// Records.
    pub records: Figure,
    /// Sentences.
    pub sentences: Figure,
    /// Sentences with two or more drugs: what the model is asked.
    pub candidate_sentences: Figure,
    /// Hours of one core to read the files.
    pub reading_hours: Figure,
    /// Hours to segment, match and extract.
    pub extraction_hours: Figure,
    /// Hours to commit.
    pub commit_hours: Figure,
    /// Hours in all when the three overlap as well as they can: the longest.
    pub hours_at_least: Figure,
    /// Hours in all when they do not overlap: their sum.
    pub hours_at_most: Figure,
    /// Requests to object stores.
    pub store_requests: Figure,
    /// Tokens of questions to a language model on a server.
    pub prompt_tokens: Figure,
    /// Tokens of its answers.
    pub completion_tokens: Figure,
    /// Cost of both, at the prices of the settings.
    pub cost: Figure,
}

/// Reckons what `work` takes.
pub fn estimate(
    work: &Work,
    measured: &Measured,
    choice: &Choice,
    hardware: &Hardware,
    asked: Option<&LanguageModel>,
) -> Estimate {
    let nothing = || Figure::counted(0.0);
    let (mut records, mut sentences, mut candidates) = (nothing(), nothing(), nothing());
    let (mut reading, mut context) = (nothing(), nothing());
    for (kind, part) in &work.new {
        let per_byte = measured.records_per_byte(*kind).unwrap_or_else(|| assumed::records_per_byte(*kind));
        let here = match part.records {
            0 => Figure::counted(part.bytes as f64).times(&per_byte),
            known => Figure::counted(known as f64),
        };
        let per_record = measured.sentences_per_record(*kind).unwrap_or_else(|| assumed::sentences_per_record(*kind));
        let share = measured.candidate_share(*kind).unwrap_or_else(|| assumed::CANDIDATE_SHARE.figure());
        let read = measured.read_seconds(*kind).unwrap_or_else(|| assumed::read_seconds(*kind));
        let of_sentences = here.times(&per_record);
        let of_candidates = of_sentences.times(&share);
        reading = reading.plus(&here.times(&read));
        // What a question holds of the document: as much as is asked for, or all of a citation.
        let window = asked.map_or(0.0, |asked| 2.0 * asked.context_chars as f64);
        let text = match kind.is_full_text() {
            true => Figure::new(window, Basis::Stated, "context_chars of the settings"),
            false => assumed::CITATION_CHARS.figure().scaled(1.0_f64.min(window / assumed::CITATION_CHARS.value)),
        };
        context = context.plus(&of_candidates.times(&text));
        (records, sentences) = (records.plus(&here), sentences.plus(&of_sentences));
        candidates = candidates.plus(&of_candidates);
    }
    let total = work.total();
    let files = Figure::counted(total.files as f64);
    let extraction = extraction(&sentences, &candidates, measured, choice, hardware);
    let committing = files.times(&measured.commit_seconds().unwrap_or_else(|| assumed::COMMIT_SECONDS.figure()));
    let commits = if hardware.object_store { files.times(&assumed::REQUESTS_FILE.figure()) } else { nothing() };
    let fetches = Figure::counted(total.objects as f64).times(&assumed::REQUESTS_ARTICLE.figure());
    let (prompt_tokens, completion_tokens) =
        asked.map_or((nothing(), nothing()), |asked| tokens(&candidates, &context, asked, measured));
    let price = |tokens: &Figure, price: f64| tokens.scaled(price / 1e6);
    let cost = asked.map_or_else(nothing, |asked| {
        price(&prompt_tokens, asked.prompt_price).plus(&price(&completion_tokens, asked.completion_price))
    });
    let stages = [&reading, &extraction, &committing].map(|seconds| seconds.scaled(1.0 / 3600.0));
    let [reading_hours, extraction_hours, commit_hours] = stages.clone();
    let longest = stages.iter().max_by(|left, right| left.value.total_cmp(&right.value)).cloned();
    Estimate {
        files_done: Figure::counted(work.done.files as f64),
        bytes: Figure::counted(total.bytes as f64),
        hours_at_least: longest.unwrap_or_else(nothing),
        hours_at_most: stages.iter().fold(nothing(), |sum, stage| sum.plus(stage)),
        store_requests: commits.plus(&fetches),
        candidate_sentences: candidates,
        files,
        records,
        sentences,
        reading_hours,
        extraction_hours,
        commit_hours,
        prompt_tokens,
        completion_tokens,
        cost,
    }
}

/// Seconds to segment, match and extract.
fn extraction(
    sentences: &Figure,
    candidates: &Figure,
    measured: &Measured,
    choice: &Choice,
    hardware: &Hardware,
) -> Figure {
    let cores = hardware.threads.max(1) as f64;
    let matching = sentences.times(&assumed::MATCH_SECONDS.figure()).scaled(1.0 / cores);
    if let Some(rate) = hardware.sentences_per_second.filter(|rate| *rate > 0.0) {
        let stated = Figure::new(1.0 / rate, Basis::Stated, format!("{rate} candidate sentences a second, as stated"));
        return candidates.times(&stated).plus(&matching);
    }
    if let Some(rate) = measured.extract_seconds() {
        return candidates.times(&rate);
    }
    let on_cpu = choice.device == "cpu";
    let assumption = match (choice.extractor.as_str(), on_cpu) {
        ("scripted", _) => &assumed::SCRIPTED,
        ("openai" | "cascade", _) | ("generator", false) => &assumed::GENERATOR_CUDA,
        ("generator", true) => &assumed::GENERATOR_CPU,
        (_, true) => &assumed::CLASSIFIER_CPU,
        (_, false) => &assumed::CLASSIFIER_CUDA,
    };
    let rate = assumption.figure();
    let parallel = if on_cpu && matches!(choice.extractor.as_str(), "classifier" | "generator") { cores } else { 1.0 };
    let share = match choice.extractor.as_str() {
        "cascade" => assumed::CASCADE_SHARE.figure(),
        _ => Figure::counted(1.0),
    };
    let seconds = Figure { value: 1.0 / (rate.value * parallel), ..rate };
    candidates.times(&share).times(&seconds).plus(&matching)
}

/// Tokens of the questions and of the answers; `context` are the characters of document in all questions.
fn tokens(candidates: &Figure, context: &Figure, asked: &LanguageModel, measured: &Measured) -> (Figure, Figure) {
    let share = match (measured.asked_share(), asked.cascade) {
        (Some(share), true) => share,
        (None, true) => assumed::CASCADE_SHARE.figure(),
        (_, false) => Figure::counted(1.0),
    };
    if let Some((prompt, completion)) = measured.answer_tokens() {
        let answers = candidates.times(&share);
        return (answers.times(&prompt), answers.times(&completion));
    }
    let per_token = assumed::TOKEN_CHARS.figure();
    let constant = candidates.scaled(asked.prompt_chars as f64);
    let per_char = Figure { value: 1.0 / per_token.value, ..per_token };
    let answer = assumed::ANSWER_TOKENS.figure();
    let answer = answer.scaled(1.0_f64.min(f64::from(asked.max_tokens) / answer.value));
    (constant.plus(context).times(&share).times(&per_char), candidates.times(&share).times(&answer))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::work::{Part, SourceKind};
    use super::*;
    use crate::source::Input;

    fn choice(extractor: &str, device: &str) -> Choice {
        Choice {
            extractor: extractor.to_owned(),
            model_id: "m".to_owned(),
            device: device.to_owned(),
            lexicon_sha256: "l".to_owned(),
            prompt_sha256: None,
        }
    }

    fn work(kind: SourceKind, part: Part) -> Work {
        Work { new: [(kind, part)].into(), ..Work::default() }
    }

    const HERE: Hardware = Hardware { threads: 2, sentences_per_second: None, object_store: true };

    #[test]
    fn measured_rates_are_multiplied_out() {
        let choice = choice("classifier", "cpu");
        let part = Part { files: 10, bytes: 200_000, ..Part::default() };
        let found = estimate(&work(SourceKind::PubmedGzip, part), &Measured::example(&choice), &choice, &HERE, None);
        // 0.05 records a byte, 5 sentences a record, a tenth of them candidates.
        assert_eq!((found.records.value, found.sentences.value), (10_000.0, 50_000.0));
        assert!((found.candidate_sentences.value - 5_000.0).abs() < 1e-6);
        // 0.1 s a record, 0.5 s a candidate, 2 s a file.
        let hours =
            [&found.reading_hours, &found.extraction_hours, &found.commit_hours].map(|hours| hours.value * 3600.0);
        for (got, expected) in hours.iter().zip([1000.0, 2500.0, 20.0]) {
            assert!((got - expected).abs() < 1e-6, "{hours:?}");
        }
        assert_eq!(found.extraction_hours.basis, Basis::Measured);
        assert!((found.hours_at_least.value * 3600.0 - 2500.0).abs() < 1e-6);
        assert!((found.hours_at_most.value * 3600.0 - 3520.0).abs() < 1e-6);
        assert_eq!(found.store_requests.basis, Basis::Assumed, "no run counts its requests");
        assert_eq!((found.prompt_tokens.value, found.cost.value), (0.0, 0.0));
    }

    #[test]
    fn tokens_that_were_paid_for_before_are_the_measure_where_the_prompt_is_the_same() {
        let choice = Choice { prompt_sha256: Some("p".to_owned()), ..choice("cascade", "cpu") };
        let asked = LanguageModel {
            prompt_chars: 4000,
            context_chars: 500,
            max_tokens: 100,
            cascade: true,
            prompt_price: 1.0,
            completion_price: 2.0,
        };
        let work = work(SourceKind::PubmedGzip, Part { files: 10, bytes: 200_000, ..Part::default() });
        let found = estimate(&work, &Measured::example(&choice), &choice, &HERE, Some(&asked));
        // 5,000 candidates, half of them asked about; 100 and 25 tokens an answer that was paid for.
        assert!((found.prompt_tokens.value - 250_000.0).abs() < 1e-6, "{:?}", found.prompt_tokens);
        assert!((found.completion_tokens.value - 62_500.0).abs() < 1e-6, "{:?}", found.completion_tokens);
        assert_eq!(found.cost.basis, Basis::Measured);
        assert!((found.cost.value - 0.375).abs() < 1e-9);
        let other = Choice { prompt_sha256: Some("q".to_owned()), ..choice.clone() };
        let mut before = Measured::example(&choice);
        assert!(before.answer_tokens().is_some());
        before = Measured::example(&Choice { prompt_sha256: None, ..other });
        assert!(before.answer_tokens().is_none() && before.asked_share().is_none());
    }

    #[test]
    fn without_rates_the_assumptions_are_named_and_more_cores_or_a_gpu_take_less_time() {
        let none = Measured::default();
        let work = work(SourceKind::PubmedGzip, Part { files: 1334, bytes: 51_000_000_000, ..Part::default() });
        let hours = |extractor: &str, device: &str, hardware: &Hardware| {
            let found = estimate(&work, &none, &choice(extractor, device), hardware, None);
            assert_eq!(found.extraction_hours.basis, Basis::Assumed);
            assert!(found.extraction_hours.why.iter().any(|why| why.contains("sentences a second")));
            found.extraction_hours.value
        };
        let (two, four) =
            (hours("classifier", "cpu", &HERE), hours("classifier", "cpu", &Hardware { threads: 4, ..HERE }));
        assert!((two / four - 2.0).abs() < 1e-9, "{two} {four}");
        assert!(hours("classifier", "cuda", &HERE) < two);
        // The issue's own scale: 40.9 million records, 250 million sentences, 7.5 million candidates.
        let found = estimate(&work, &none, &choice("classifier", "cpu"), &HERE, None);
        assert!((40e6..42e6).contains(&found.records.value), "{}", found.records.value);
        assert!((5e6..10e6).contains(&found.candidate_sentences.value));
        let stated = Hardware { sentences_per_second: Some(1e4), ..HERE };
        let stated = estimate(&work, &none, &choice("classifier", "cuda"), &stated, None);
        assert!(stated.extraction_hours.why.iter().any(|why| why.contains("as stated")));
    }

    #[test]
    fn where_everything_is_done_nothing_is_to_be_paid() {
        let mut work = Work::default();
        work.add(&Input::Pubmed(PathBuf::from("/no/a.xml.gz")), true);
        let asked = LanguageModel {
            prompt_chars: 4000,
            context_chars: 2000,
            max_tokens: 1024,
            cascade: false,
            prompt_price: 1.0,
            completion_price: 1.0,
        };
        let found = estimate(&work, &Measured::default(), &choice("openai", "remote"), &HERE, Some(&asked));
        assert_eq!(found.files_done.value, 1.0);
        for figure in
            [&found.files, &found.bytes, &found.hours_at_most, &found.store_requests, &found.prompt_tokens, &found.cost]
        {
            assert_eq!(*figure, Figure::counted(0.0));
        }
    }

    #[test]
    fn tokens_follow_from_prompt_context_and_answer() {
        let asked = LanguageModel {
            prompt_chars: 4000,
            context_chars: 500,
            max_tokens: 100,
            cascade: false,
            prompt_price: 2.0,
            completion_price: 10.0,
        };
        let part = Part { files: 1, bytes: 0, records: 1000, objects: 1000 };
        let (work, choice) = (work(SourceKind::Pack, part), choice("openai", "remote"));
        let found = estimate(&work, &Measured::default(), &choice, &HERE, Some(&asked));
        let candidates = found.candidate_sentences.value;
        assert_eq!(candidates, 1000.0 * 200.0 * 0.03);
        assert!((found.prompt_tokens.value - candidates * 5000.0 / 4.0).abs() < 1e-3);
        assert!((found.completion_tokens.value - candidates * 100.0).abs() < 1e-3, "an answer is cut at max_tokens");
        let cost = (found.prompt_tokens.value * 2.0 + found.completion_tokens.value * 10.0) / 1e6;
        assert!((found.cost.value - cost).abs() < 1e-9);
        assert_eq!(found.store_requests.value, 1000.0 + assumed::REQUESTS_FILE.value);
        let cascade =
            estimate(&work, &Measured::default(), &choice, &HERE, Some(&LanguageModel { cascade: true, ..asked }));
        assert!(
            (cascade.completion_tokens.value / found.completion_tokens.value - assumed::CASCADE_SHARE.value).abs()
                < 1e-9
        );
    }
}
