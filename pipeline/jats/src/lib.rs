//! JATS articles (PubMed Central's full text) as plain structs.
//!
//! ```text
//! bytes ─▶ prolog ─▶ tokens ─▶ front: ids, licence, dates, notices ─▶ Article
//!                            └▶ body:  sections with their path, in document order
//!                            └▶ what is left out: counted in Excluded
//! ```
//!
//! One article is in memory. Text is kept in document order with the tails of inline elements; each paragraph is a line,
//! and a caption inside a paragraph is a section of its own after that paragraph. Table bodies are left out, or read into
//! a section for each row. Reference lists, display formulas, supplementary material, footnotes, acknowledgements and sub-articles are left out and counted. Entities are
//! never expanded and nothing outside the article is opened. A malformed article is an [`ArticleFault`].

mod archive;
mod article;
mod body;
mod cursor;
mod fault;
mod formula;
mod front;
mod kind;
mod licence;
mod marks;
mod prose;
mod reader;
mod table;

#[cfg(test)]
mod tests;

pub use archive::{Member, Members, is_archive};
pub use article::{Article, Excluded, OtherText, RelatedArticle, Section};
pub use fault::ArticleFault;
pub use kind::SectionKind;
pub use licence::Licence;
pub use reader::{ArticleReader, ReaderOptions, is_article};
