//! What all reasoning models share, wherever they run: the prompt, and the way from an answer to combinations.
//!
//! ```text
//! item ──PromptTemplate──▶ messages ──▶ Reasoner ──▶ <think>…</think><answer>[…]</answer> ──ground──▶ Extraction
//! ```
//!
//! Prompts and texts are those of either task; only DrugComb's become rows.
//!
//! Nothing here opens sockets or sessions.

mod evidence;
mod ground;
mod prompt;
mod reasoner;

pub use evidence::{CheckedReasoning, NOT_IN_TEXT, check_quotes};
pub use ground::{Grounded, Grounding, ground};
pub use prompt::{AnswerFormat, Message, PromptError, PromptInput, PromptTemplate, Role, default_prompt};
pub(crate) use reasoner::reply;
pub use reasoner::{Completions, Reasoner};
