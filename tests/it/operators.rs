//! The operators as DataFusion nodes: codecs, partitions, plan display, metrics.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::datasource::MemTable;
use datafusion::physical_plan::{ExecutionPlan, collect, displayable};
use datafusion_proto::logical_plan::{DefaultLogicalExtensionCodec, LogicalExtensionCodec};
use datafusion_proto::physical_plan::{AsExecutionPlan, DefaultPhysicalProtoConverter, PhysicalExtensionCodec};
use datafusion_proto::protobuf::{LogicalPlanNode, PhysicalPlanNode};
use rexdrug_operators::codec::{LogicalNodeCodec, NoOtherNodes, PhysicalNodeCodec};
use rexdrug_operators::extract::{ExtractEngine, ExtractOptions, RunFields};
use rexdrug_operators::lexicon::Lexicon;
use rexdrug_operators::logical::Operator;
use rexdrug_operators::{OperatorResources, PrefilterOptions};
use rexdrug_pipeline::plan;
use rexdrug_pipeline::session::{Session, SessionOptions};
use rexdrug_pipeline::source::text_document;

use crate::support::root;

const TEXTS: [&str; 4] = [
    "Cisplatin with gemcitabine was active. Placebo did nothing. We gave 5-FU with leucovorin.",
    "No drug is named here. α-tocopherol aside, ritonavir with lopinavir was used with tenofovir.",
    "Aspirin was compared.",
    "Isoniazid with rifampicin; warfarin with fluconazole. In E. coli, ampicillin with gentamicin.",
];

fn resources() -> OperatorResources {
    let lexicon = Lexicon::load(&root().join("data/lexicon/seed.lexicon")).unwrap();
    let options = ExtractOptions { model_uri: "scripted:keyword=with".to_owned(), ..ExtractOptions::default() };
    OperatorResources {
        lexicon: Some(Arc::new(lexicon)),
        engine: Some(Arc::new(ExtractEngine::load(&options).unwrap())),
    }
}

fn settings(resources: &OperatorResources) -> (PrefilterOptions, ExtractOptions) {
    let lexicon = resources.lexicon.as_ref().unwrap();
    let run =
        RunFields { run_id: "test".to_owned(), lexicon_sha256: lexicon.sha256().to_owned(), ..RunFields::default() };
    let info = resources.engine.as_ref().unwrap().info();
    (PrefilterOptions::for_lexicon(lexicon), ExtractOptions::for_engine(info, "scripted:keyword=with", run))
}

fn documents(partitions: usize) -> Arc<MemTable> {
    let batches: Vec<RecordBatch> = TEXTS.iter().cycle().take(40).map(|text| text_document(text).unwrap()).collect();
    let schema = batches[0].schema();
    let parts = batches.chunks(batches.len().div_ceil(partitions)).map(<[RecordBatch]>::to_vec).collect();
    Arc::new(MemTable::try_new(schema, parts).unwrap())
}

fn sorted_rows(batches: &[RecordBatch]) -> Vec<String> {
    let options = FormatOptions::default();
    let mut rows = Vec::new();
    for batch in batches {
        let columns: Vec<ArrayFormatter> =
            batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
        for row in 0..batch.num_rows() {
            rows.push(columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join("\u{1f}"));
        }
    }
    rows.sort();
    rows
}

async fn rows(partitions: usize, batch_rows: usize) -> Vec<String> {
    let resources = resources();
    let (prefilter, extract) = settings(&resources);
    let options = SessionOptions { batch_rows, ..SessionOptions::with_threads(partitions) };
    let session = Session::new(&options, resources).unwrap();
    let frame = session.context().read_table(documents(partitions)).unwrap();
    let plan = plan::combinations(frame, prefilter, extract).unwrap();
    sorted_rows(&plan::frame(session.context(), plan).collect().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_and_batches_do_not_change_the_rows() {
    let one = rows(1, 8192).await;
    assert_eq!(one.len(), 50);
    assert_eq!(rows(4, 8192).await, one);
    assert_eq!(rows(3, 1).await, one);
}

#[tokio::test(flavor = "multi_thread")]
async fn sentences_share_the_text_and_slice_it() {
    let session = Session::new(&SessionOptions::with_threads(1), resources()).unwrap();
    let frame = session.context().read_table(documents(1)).unwrap();
    let batches = plan::frame(session.context(), plan::sentences(frame).unwrap()).collect().await.unwrap();
    let batch = concat_batches(&batches[0].schema(), &batches).unwrap();
    assert_eq!(batch.num_rows(), 80);
    let column = |name: &str| batch.column_by_name(name).unwrap();
    let (texts, sentences) = (column("text").as_string_view(), column("sentence").as_string_view());
    let position = |name: &str| column(name).as_primitive::<arrow::datatypes::Int32Type>().clone();
    let (start, end) = (position("sentence_start"), position("sentence_end"));
    for row in 0..batch.num_rows() {
        let letters: Vec<char> = texts.value(row).chars().collect();
        let slice: String = letters[start.value(row) as usize..end.value(row) as usize].iter().collect();
        assert_eq!(slice, sentences.value(row));
    }
    assert_eq!(column("section").null_count(), 80);
}

#[tokio::test(flavor = "multi_thread")]
async fn plans_survive_both_codecs() {
    let resources = resources();
    let (prefilter, extract) = settings(&resources);
    let session = Session::new(&SessionOptions::with_threads(2), resources.clone()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("documents.parquet");
    let batch = text_document(TEXTS[0]).unwrap();
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(std::fs::File::create(&path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let frame = session.context().read_parquet(path.to_str().unwrap(), Default::default()).await.unwrap();
    let logical = plan::combinations(frame, prefilter, extract).unwrap();
    let expected = sorted_rows(&plan::frame(session.context(), logical.clone()).collect().await.unwrap());
    assert_eq!(expected.len(), 2);

    let codec: Arc<dyn LogicalExtensionCodec> = Arc::new(DefaultLogicalExtensionCodec {});
    let codec = LogicalNodeCodec::<Operator>::new(codec);
    use datafusion_proto::logical_plan::AsLogicalPlan;
    let node = LogicalPlanNode::try_from_logical_plan(&logical, &codec).unwrap();
    let decoded = node.try_into_logical_plan(&session.context().task_ctx(), &codec).unwrap();
    assert_eq!(decoded.display_indent().to_string(), logical.display_indent().to_string());

    let physical = plan::frame(session.context(), logical).create_physical_plan().await.unwrap();
    let inner: Arc<dyn PhysicalExtensionCodec> = Arc::new(NoOtherNodes);
    let codec = PhysicalNodeCodec::<Operator>::new(Arc::clone(&inner), resources);
    let converter = DefaultPhysicalProtoConverter {};
    let node = PhysicalPlanNode::try_from_physical_plan(Arc::clone(&physical), &codec).unwrap();
    let context = session.context().task_ctx();
    let decoded = node.try_into_physical_plan(&context, &codec).unwrap();
    let _ = converter;
    let shown = |plan: &Arc<dyn ExecutionPlan>| displayable(plan.as_ref()).indent(false).to_string();
    assert_eq!(shown(&decoded), shown(&physical));
    assert_eq!(sorted_rows(&collect(decoded, context.clone()).await.unwrap()), expected);

    // A process that holds another lexicon refuses the plan instead of answering with other rows.
    let other = PhysicalNodeCodec::<Operator>::new(inner, OperatorResources::default());
    let message = node.try_into_physical_plan(&context, &other).unwrap_err().to_string();
    assert!(message.contains("lexicon") && message.contains("none"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_column_is_named() {
    let resources = resources();
    let session = Session::new(&SessionOptions::with_threads(1), resources).unwrap();
    let frame = session.context().sql("SELECT 'x' AS doc_id, 'y' AS text").await.unwrap();
    let message = plan::sentences(frame).unwrap_err().to_string();
    assert!(message.contains("pmid"), "{message}");
}

/// Column `name` of all rows, as text.
fn shown(batches: &[RecordBatch], name: &str) -> Vec<String> {
    let options = FormatOptions::default();
    let cells = batches.iter().flat_map(|batch| {
        let column = ArrayFormatter::try_new(batch.column_by_name(name).unwrap(), &options).unwrap();
        (0..batch.num_rows()).map(|row| column.value(row).to_string()).collect::<Vec<_>>()
    });
    cells.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn classes_and_regimens_count_as_asked() {
    let resources = resources();
    let (plain, extract) = settings(&resources);
    let session = Session::new(&SessionOptions::with_threads(1), resources).unwrap();
    let text = "Cisplatin preceded a taxane. Patients received FOLFOX. We gave cisplatin with gemcitabine.";
    let [taxane, folfox, both] = [0, 1, 2].map(|at| text.split_inclusive(". ").nth(at).unwrap().trim());
    let document = || session.context().read_batch(text_document(text).unwrap()).unwrap();
    let with_classes = PrefilterOptions { count_classes: true, ..plain.clone() };
    let with_members = PrefilterOptions { count_members: true, ..plain.clone() };
    for (options, expected) in
        [(&plain, vec![both]), (&with_classes, vec![taxane, both]), (&with_members, vec![folfox, both])]
    {
        let kept = plan::frame(session.context(), plan::candidates(document(), options.clone()).unwrap());
        assert_eq!(shown(&kept.collect().await.unwrap(), "sentence"), expected, "{options:?}");
    }

    let rows = async |prefilter| {
        let plan = plan::combinations(document(), prefilter, extract.clone()).unwrap();
        plan::frame(session.context(), plan).collect().await.unwrap()
    };
    assert_eq!(shown(&rows(plain).await, "drug_key"), ["cisplatin|gemcitabine"]);
    let found = rows(with_members).await;
    assert_eq!(shown(&found, "drug_key"), ["5-fluorouracil|leucovorin|oxaliplatin", "cisplatin|gemcitabine"]);
    assert_eq!(shown(&found, "effect")[0], "COMB");
    assert_eq!(shown(&found, "reasoning")[0], "`FOLFOX` is the name of this combination");
    let start = text.chars().take_while(|letter| *letter != 'F').count();
    let drugs = &shown(&found, "drugs")[0];
    assert_eq!(drugs.matches(&format!("surface: FOLFOX, start: {start}, end: {}", start + 6)).count(), 3, "{drugs}");
}
