//! SQL functions over single strings, so that people can try the operators:
//! `segment_sentences(text)` and `find_drugs(text)`. Offsets are Unicode code points, half-open.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int32Builder, ListArray, StringBuilder, StructArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};

use crate::columns::string_view;
use crate::lexicon::{Lexicon, MatchScratch};
use crate::segment::Segmenter;
use crate::text_offsets::CodePointIndex;

/// Both functions, ready to register.
pub fn functions(lexicon: Option<Arc<Lexicon>>) -> Vec<ScalarUDF> {
    let mut functions = vec![ScalarUDF::from(SegmentSentences::new())];
    functions.extend(lexicon.map(|lexicon| ScalarUDF::from(FindDrugs::new(lexicon))));
    functions
}

fn one_string() -> Signature {
    let types = [DataType::Utf8View, DataType::Utf8, DataType::LargeUtf8];
    Signature::one_of(types.map(|kind| TypeSignature::Exact(vec![kind])).to_vec(), Volatility::Immutable)
}

fn item(fields: &[(&str, DataType)]) -> (Arc<Field>, Fields) {
    let fields: Fields = fields.iter().map(|(name, kind)| Field::new(*name, kind.clone(), false)).collect();
    (Arc::new(Field::new("item", DataType::Struct(fields.clone()), false)), fields)
}

/// The only argument as strings.
fn argument(function: &str, args: &ScalarFunctionArgs) -> Result<arrow::array::StringViewArray> {
    match args.args.as_slice() {
        [value] => Ok(string_view(&value.to_array(args.number_rows)?, "text")?),
        other => exec_err!("{function} takes one string, got {} arguments", other.len()),
    }
}

/// Lists of `values` with one length per input row; null in, null out.
fn lists(
    item: Arc<Field>,
    values: StructArray,
    lengths: Vec<usize>,
    nulls: Option<NullBuffer>,
) -> Result<ColumnarValue> {
    let lists = ListArray::try_new(item, OffsetBuffer::from_lengths(lengths), Arc::new(values), nulls)?;
    Ok(ColumnarValue::Array(Arc::new(lists)))
}

/// `segment_sentences(text)` → list of struct(start, end, text).
#[derive(Debug)]
struct SegmentSentences {
    signature: Signature,
    segmenter: Segmenter,
}

impl SegmentSentences {
    fn new() -> Self {
        Self { signature: one_string(), segmenter: Segmenter::default() }
    }

    fn item() -> (Arc<Field>, Fields) {
        item(&[("start", DataType::Int32), ("end", DataType::Int32), ("text", DataType::Utf8)])
    }
}

impl PartialEq for SegmentSentences {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}
impl Eq for SegmentSentences {}
impl Hash for SegmentSentences {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl ScalarUDFImpl for SegmentSentences {
    fn name(&self) -> &str {
        "segment_sentences"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::List(Self::item().0))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let texts = argument(self.name(), &args)?;
        let (mut starts, mut ends, mut slices) = (Int32Builder::new(), Int32Builder::new(), StringBuilder::new());
        let (mut lengths, mut spans) = (Vec::with_capacity(texts.len()), Vec::new());
        for text in &texts {
            let text = text.unwrap_or_default();
            self.segmenter.segment(text, &mut spans);
            let code_points = CodePointIndex::new(text);
            for span in &spans {
                starts.append_value(code_points.code_point(span.start) as i32);
                ends.append_value(code_points.code_point(span.end) as i32);
                slices.append_value(span.of(text));
            }
            lengths.push(spans.len());
        }
        let (item, fields) = Self::item();
        let arrays: Vec<ArrayRef> = vec![Arc::new(starts.finish()), Arc::new(ends.finish()), Arc::new(slices.finish())];
        lists(item, StructArray::try_new(fields, arrays, None)?, lengths, texts.nulls().cloned())
    }
}

/// `find_drugs(text)` → list of struct(start, end, surface, drug_id, name).
#[derive(Debug)]
struct FindDrugs {
    signature: Signature,
    lexicon: Arc<Lexicon>,
}

impl FindDrugs {
    fn new(lexicon: Arc<Lexicon>) -> Self {
        Self { signature: one_string(), lexicon }
    }

    fn item() -> (Arc<Field>, Fields) {
        item(&[
            ("start", DataType::Int32),
            ("end", DataType::Int32),
            ("surface", DataType::Utf8),
            ("drug_id", DataType::Utf8),
            ("name", DataType::Utf8),
        ])
    }
}

impl PartialEq for FindDrugs {
    fn eq(&self, other: &Self) -> bool {
        self.lexicon.sha256() == other.lexicon.sha256()
    }
}
impl Eq for FindDrugs {}
impl Hash for FindDrugs {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.lexicon.sha256().hash(state);
    }
}

impl ScalarUDFImpl for FindDrugs {
    fn name(&self) -> &str {
        "find_drugs"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::List(Self::item().0))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let texts = argument(self.name(), &args)?;
        let (mut scratch, mut found) = (MatchScratch::default(), Vec::new());
        let (mut starts, mut ends) = (Int32Builder::new(), Int32Builder::new());
        let mut strings: [StringBuilder; 3] = std::array::from_fn(|_| StringBuilder::new());
        let mut lengths = Vec::with_capacity(texts.len());
        for text in &texts {
            let text = text.unwrap_or_default();
            self.lexicon.find_drugs(text, &mut scratch, &mut found);
            let code_points = CodePointIndex::new(text);
            for mention in &found {
                starts.append_value(code_points.code_point(mention.start) as i32);
                ends.append_value(code_points.code_point(mention.end) as i32);
                let [surfaces, ids, names] = &mut strings;
                surfaces.append_value(mention.surface(text));
                ids.append_value(self.lexicon.drug_id(mention, text));
                names.append_value(self.lexicon.name(mention, text));
            }
            lengths.push(found.len());
        }
        let (item, fields) = Self::item();
        let mut arrays: Vec<ArrayRef> = vec![Arc::new(starts.finish()), Arc::new(ends.finish())];
        arrays.extend(strings.iter_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef));
        lists(item, StructArray::try_new(fields, arrays, None)?, lengths, texts.nulls().cloned())
    }
}
