//! Sentences to candidate sentences: those that name at least two different drugs.
//!
//! Input: [`SENTENCES`]. Output: [`CANDIDATES`] = the same columns + `mentions`, offsets in code points from the start of
//! the sentence. Order is kept; sentences below the limit are cut, which the metrics `input_rows` and `output_rows`
//! count. The matching itself is [`crate::lexicon`]; abbreviations that the document defines hold in all its sentences.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int32Builder, ListArray, StringBuilder, StructArray, UInt32Array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::take;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::error::Result;
use rexdrug_schemas::{CANDIDATES, SENTENCES, mention_type};
use serde::{Deserialize, Serialize};

use crate::columns::{column, require, string_view};
use crate::lexicon::{CountPolicy, DefinedDrugs, DrugMention, EntryKind, Lexicon, MatchScratch};
use crate::text_offsets::CodePointIndex;
use crate::unary_exec::{BatchKernel, UnaryExec};

/// Kind of a mention that stands for a member of the regimen or combination product at the same place.
pub const MEMBER: &str = "member";

/// What the prefilter keeps.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Serialize, Deserialize)]
pub struct PrefilterOptions {
    /// Different drugs a sentence must name; 2 for combinations.
    pub min_drugs: usize,
    /// Whether a regimen or combination product counts as its members, and gives a mention of kind [`MEMBER`] for each of
    /// them beside its own; extraction makes a combination of them. Off by default: such a row states what the name
    /// means, not what the sentence says.
    pub count_members: bool,
    /// Whether a class (`taxanes`) counts as a drug. Off by default: of the class names in DrugComb's training sentences 5 %
    /// are annotated, and they make up a third of the candidates of ordinary abstracts. A class beside two drugs is still
    /// a mention.
    pub count_classes: bool,
    /// sha256 of the lexicon, so that a plan that travels finds the same one.
    pub lexicon_sha256: String,
}

impl PrefilterOptions {
    /// Two different drugs of `lexicon`.
    pub fn for_lexicon(lexicon: &Lexicon) -> Self {
        Self { min_drugs: 2, count_members: false, count_classes: false, lexicon_sha256: lexicon.sha256().to_owned() }
    }
}

/// The plan node.
pub type DrugPrefilterExec = UnaryExec<DrugPrefilter>;

/// The kernel; see the module.
#[derive(Debug)]
pub struct DrugPrefilter {
    options: PrefilterOptions,
    lexicon: Arc<Lexicon>,
}

impl DrugPrefilter {
    /// A prefilter over `lexicon`.
    pub fn new(options: PrefilterOptions, lexicon: Arc<Lexicon>) -> Self {
        Self { options, lexicon }
    }

    /// Its options.
    pub fn options(&self) -> &PrefilterOptions {
        &self.options
    }
}

/// Builds the `mentions` column.
struct MentionsBuilder<'l> {
    lexicon: &'l Lexicon,
    start: Int32Builder,
    end: Int32Builder,
    strings: [StringBuilder; 4],
    lengths: Vec<usize>,
}

impl<'l> MentionsBuilder<'l> {
    fn new(lexicon: &'l Lexicon) -> Self {
        Self {
            lexicon,
            start: Int32Builder::new(),
            end: Int32Builder::new(),
            strings: std::array::from_fn(|_| StringBuilder::new()),
            lengths: Vec::new(),
        }
    }

    fn push(&mut self, text: &str, mentions: &[DrugMention], with_members: bool) {
        let code_points = CodePointIndex::new(text);
        let mut members = 0;
        for mention in mentions {
            self.start.append_value(code_points.code_point(mention.start) as i32);
            self.end.append_value(code_points.code_point(mention.end) as i32);
            let [surfaces, ids, names, kinds] = &mut self.strings;
            surfaces.append_value(mention.surface(text));
            ids.append_value(self.lexicon.drug_id(mention, text));
            names.append_value(self.lexicon.name(mention, text));
            let kind = self.lexicon.kind(mention.entry);
            kinds.append_value(kind.as_str());
            if with_members && matches!(kind, EntryKind::Regimen | EntryKind::Product) {
                members += self.push_members(text, mention, &code_points);
            }
        }
        self.lengths.push(mentions.len() + members);
    }

    /// A mention per member of a regimen, at its place; how many.
    fn push_members(&mut self, text: &str, regimen: &DrugMention, code_points: &CodePointIndex<'_>) -> usize {
        let mut members = Vec::new();
        self.lexicon
            .members(regimen.entry)
            .iter()
            .for_each(|&member| self.lexicon.add_members(member, &mut members, 0));
        for &entry in &members {
            let member = DrugMention { entry, ..*regimen };
            self.start.append_value(code_points.code_point(regimen.start) as i32);
            self.end.append_value(code_points.code_point(regimen.end) as i32);
            let [surfaces, ids, names, kinds] = &mut self.strings;
            surfaces.append_value(regimen.surface(text));
            ids.append_value(self.lexicon.drug_id(&member, text));
            names.append_value(self.lexicon.name(&member, text));
            kinds.append_value(MEMBER);
        }
        members.len()
    }

    fn finish(mut self) -> Result<ArrayRef> {
        let DataType::List(item) = mention_type() else {
            return Err(datafusion::error::DataFusionError::Internal("mentions are a list".to_owned()));
        };
        let DataType::Struct(fields) = item.data_type().clone() else {
            return Err(datafusion::error::DataFusionError::Internal("mentions are structs".to_owned()));
        };
        let mut arrays: Vec<ArrayRef> = vec![Arc::new(self.start.finish()), Arc::new(self.end.finish())];
        arrays.extend(self.strings.iter_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef));
        let values = StructArray::try_new(fields, arrays, None)?;
        Ok(Arc::new(ListArray::try_new(item, OffsetBuffer::from_lengths(self.lengths), Arc::new(values), None)?))
    }
}

impl BatchKernel for DrugPrefilter {
    const NAME: &'static str = "DrugPrefilterExec";
    const MAX_ROWS: usize = 16_384;

    fn output_schema(&self, input: &SchemaRef) -> Result<SchemaRef> {
        let required: Vec<&str> = SENTENCES.columns().iter().map(|column| column.name).collect();
        require(Self::NAME, input, &required)?;
        Ok(CANDIDATES.schema())
    }

    fn process(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let sentences = string_view(column(batch, "sentence")?, "sentence")?;
        let documents = string_view(column(batch, "text")?, "text")?;
        let (mut scratch, mut found) = (MatchScratch::default(), Vec::new());
        let (mut defined, mut document) = (DefinedDrugs::default(), "");
        let (mut kept, mut mentions) = (Vec::new(), MentionsBuilder::new(&self.lexicon));
        let policy = CountPolicy {
            count_regimen_members: self.options.count_members,
            count_classes: self.options.count_classes,
        };
        for row in 0..sentences.len() {
            let sentence = sentences.value(row);
            // The sentences of a document follow each other and share its text.
            let text = documents.value(row);
            if !std::ptr::eq(text, document) {
                document = text;
                defined.read(&self.lexicon, document, &mut scratch);
            }
            self.lexicon.find_drugs(sentence, &mut scratch, &mut found);
            defined.add(sentence, &mut found);
            if self.lexicon.distinct_drugs(sentence, &found, policy) >= self.options.min_drugs {
                kept.push(row as u32);
                mentions.push(sentence, &found, self.options.count_members);
            }
        }
        let kept = UInt32Array::from(kept);
        let schema = CANDIDATES.schema();
        let mut columns = Vec::with_capacity(schema.fields().len());
        for field in SENTENCES.schema().fields() {
            columns.push(take(column(batch, field.name())?, &kept, None)?);
        }
        columns.push(mentions.finish()?);
        Ok(RecordBatch::try_new(schema, columns)?)
    }

    fn describe(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hash = &self.options.lexicon_sha256;
        write!(out, "min_drugs={}, lexicon={}", self.options.min_drugs, hash.get(..12).unwrap_or(hash))
    }
}
