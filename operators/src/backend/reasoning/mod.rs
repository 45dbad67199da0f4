//! What all reasoning models share, wherever they run: the prompt, and the way from an answer to combinations.
//!
//! ```text
//! item ──PromptTemplate──▶ messages ──▶ model ──▶ <think>…</think><answer>[…]</answer> ──ground──▶ Extraction
//! ```
//!
//! Nothing here opens sockets or sessions.

mod evidence;
mod ground;
mod prompt;

pub use evidence::{CheckedReasoning, NOT_IN_TEXT, check_quotes};
pub use ground::{Grounded, Grounding, ground};
pub use prompt::{AnswerFormat, DEFAULT_PROMPT, Message, PromptError, PromptInput, PromptTemplate, Role};
