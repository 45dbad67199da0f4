//! Answer parsing, official metrics and rewards for drug-combination extraction.
//!
//! Training, evaluation and the pipeline judge answers with this crate, so that a number means the same everywhere.
//!
//! | module | what |
//! |---|---|
//! | [`answer`] | `<think>…</think><answer>[…]</answer>`: tolerant as the published code, or strict with positions |
//! | [`names`] | how drug names are compared, and sets of them |
//! | [`published`] | rewards and metrics as published, quirks included, to 1e-9 |
//! | [`mended`] | the same questions without the quirks |
//! | [`reward`] | parts of a reward, weights 0.05 / 0.05 / 0.1 / 0.8, prepared gold answers |
//! | [`agreement`] | Cohen's and Fleiss' kappa |
//! | [`reasoning`] | structure, length, faithfulness and agreement of a reasoning trace |
//! | [`gold`] | readers of the DrugComb and DDI13 gold files |
//! | [`breakdown`] | error tables by arity, label and need of context |
//! | [`evaluation`] | a whole data set judged: scores, breakdowns, causes of errors, report |
//!
//! Two DrugComb rules exist and do not compare: [`published::leaderboard`] ignores NO_COMB and matches span ids,
//! [`published::drugcomb`] counts NO_COMB rows and matches names. Lead with the first.
//!
//! Nothing here panics on input; readers return errors, scores of nothing are 0.
//!
//! ```
//! use rexdrug_scoring::published::rewards;
//! use rexdrug_scoring::reward::{Gold, Weights};
//! use rexdrug_scoring::task::Task;
//!
//! let gold = Gold::parse(Task::DrugComb, r#"[{"type": "POS", "ent_set": ["olaparib", "bevacizumab"]}]"#)?;
//! let completion = "<think>[1] a [2] b [3] c [4] d</think>\
//!     <answer>[{'type': 'pos', 'ent_set': ['Bevacizumab', 'Olaparib']}]</answer>";
//! let parts = rewards::completion(completion, &gold);
//! assert_eq!((parts.format, parts.think, parts.coverage, parts.accuracy), (1.0, 1.0, 1.0, 1.0));
//! assert!((parts.total(&Weights::default()) - 1.0).abs() < 1e-12);
//! # Ok::<(), rexdrug_scoring::reward::GoldError>(())
//! ```

pub mod agreement;
pub mod answer;
pub mod breakdown;
pub mod evaluation;
pub mod gold;
pub mod matching;
pub mod mended;
pub mod names;
pub mod prf;
pub mod published;
pub mod reasoning;
pub mod reward;
pub mod rows;
pub mod task;
