//! A plan as it travels, without processes: planned, encoded, decoded, guarded, run, more than once at a time.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use arrow::array::AsArray;
use ballista_core::execution_plans::ShuffleWriterExec;
use datafusion::execution::SessionStateBuilder;
use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion_proto::physical_plan::AsExecutionPlan;
use datafusion_proto::protobuf::PhysicalPlanNode;
use rexdrug_operators::PrefilterOptions;
use rexdrug_operators::backend::{Backend, Device, Scripted};
use rexdrug_operators::codec::PhysicalNodeCodec;
use rexdrug_operators::extract::{ExtractOptions, RunFields};
use rexdrug_operators::lexicon::Lexicon;
use rexdrug_pipeline::run::ExtractSettings;
use rexdrug_pipeline::source::{IngestOptions, identify_file};
use rexdrug_pipeline::warehouse::{Staging, Warehouse};
use rexdrug_schemas::DOCUMENTS;
use tempfile::TempDir;

use crate::codec::{self, ClusterPlanner};
use crate::done::WorkDone;
use crate::engine::staged_plan;
use crate::engines::Engines;
use crate::guard::check;
use crate::library::{Library, publish_lexicon};
use crate::stage::StageOptions;
use crate::workshop::Workshop;

const SEED: &[u8] = include_bytes!("../../../data/lexicon/seed.lexicon");
const MODEL: &str = "scripted:keyword=with;refuse=unreadable;delay_ms=50";

/// A warehouse with the documents of one file staged, and a worker's workshop for it.
struct Bench {
    folder: TempDir,
    staging: Staging,
    context: SessionContext,
    settings: ExtractSettings,
    documents: String,
    codec: PhysicalNodeCodec<StageOptions>,
}

fn xml() -> String {
    let article = |pmid: u32, text: &str| {
        format!(
            "<PubmedArticle><MedlineCitation Status=\"MEDLINE\" Owner=\"NLM\"><PMID Version=\"1\">{pmid}</PMID>\
             <Article PubModel=\"Print\"><Journal><JournalIssue CitedMedium=\"Internet\"><PubDate><Year>2020</Year></PubDate>\
             </JournalIssue><Title>Journal of Fixtures</Title></Journal><ArticleTitle>Report {pmid}.</ArticleTitle>\
             <Abstract><AbstractText>{text}</AbstractText></Abstract><Language>eng</Language></Article></MedlineCitation>\
             </PubmedArticle>"
        )
    };
    let articles: String = (1..=20)
        .map(|pmid| {
            let word = if pmid == 7 { "unreadable " } else { "" };
            article(pmid, &format!("Nothing came first. Cisplatin was given with {word}gemcitabine in arm {pmid}."))
        })
        .collect();
    format!("<?xml version=\"1.0\"?><PubmedArticleSet>{articles}</PubmedArticleSet>")
}

async fn bench() -> Bench {
    let folder = TempDir::new().unwrap();
    let place = |name: &str| folder.path().join(name);
    let warehouse = Warehouse::open(place("warehouse").to_str().unwrap(), Default::default()).unwrap();
    let staging = warehouse.staging().unwrap();
    let lexicon = Lexicon::from_bytes(SEED).unwrap();
    publish_lexicon(&staging, lexicon.sha256(), SEED.to_vec()).await.unwrap();
    std::fs::write(place("one26n0001.xml"), xml()).unwrap();
    let file = identify_file(&place("one26n0001.xml"));
    let ingested = file.read(&place("one26n0001.xml"), folder.path(), &IngestOptions::default()).unwrap();
    let mut documents = ingested.documents.unwrap();
    staging.stage(&DOCUMENTS, &mut documents).await.unwrap();
    let info = Scripted::from_address(MODEL).unwrap().info().clone();
    let run = RunFields { run_id: "run".to_owned(), lexicon_sha256: lexicon.sha256().to_owned(), ..Default::default() };
    let settings = ExtractSettings {
        prefilter: PrefilterOptions::for_lexicon(&lexicon),
        extract: ExtractOptions::for_engine(&info, MODEL, run),
        info,
    };
    let library = Library::new(staging.clone(), place("cache"));
    let engines = Engines::new(vec![Device::Cpu]);
    let workshop = Workshop::new("a test".to_owned(), library, engines, folder.path().to_owned());
    let state = SessionStateBuilder::new()
        .with_default_features()
        .with_config(SessionConfig::new().with_target_partitions(1))
        .with_query_planner(Arc::new(ClusterPlanner))
        .build();
    Bench {
        staging,
        context: SessionContext::new_with_state(state),
        settings,
        documents: documents.stored.unwrap(),
        codec: codec::physical(Some(Arc::new(workshop))),
        folder,
    }
}

impl Bench {
    /// The plan as a worker gets it: planned where nothing can run, sent as bytes, decoded where it can.
    async fn task(&self, claim: &str) -> Arc<dyn ExecutionPlan> {
        let plan = staged_plan(&self.context, &self.staging, &self.documents, &self.settings, claim).await.unwrap();
        let state = self.context.state();
        let planned = state.create_physical_plan(&state.optimize(&plan).unwrap()).await.unwrap();
        let refused = collect(Arc::clone(&planned), self.context.task_ctx()).await.unwrap_err().to_string();
        assert!(refused.contains("plans and does not run"), "{refused}");
        let sent = PhysicalPlanNode::try_from_physical_plan(planned, &codec::physical(None)).unwrap();
        let mut bytes = Vec::new();
        sent.try_encode(&mut bytes).unwrap();
        let received = PhysicalPlanNode::try_decode(&bytes).unwrap();
        received.try_into_physical_plan(&self.context.task_ctx(), &self.codec).unwrap()
    }

    fn written(&self) -> usize {
        std::fs::read_dir(self.folder.path().join("warehouse/combinations")).map_or(0, Iterator::count)
    }

    fn under_writer(&self, plan: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        let folder = self.folder.path().to_string_lossy().into_owned();
        Arc::new(ShuffleWriterExec::try_new("job".to_owned().into(), 1, plan, folder).unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_attempts_at_once_one_makes_the_claim_and_all_give_its_file() {
    let bench = bench().await;
    let run = async |bench: &Bench| collect(bench.task("run/file").await, bench.context.task_ctx()).await.unwrap();
    let (one, two, three) = tokio::join!(run(&bench), run(&bench), run(&bench));
    let claim = bench.staging.claimed("run/file").await.unwrap().unwrap();
    let done = WorkDone::decode(&claim).unwrap();
    let file = done.file.clone().unwrap();
    for facts in [&one, &two, &three] {
        let name = facts[0].column_by_name("file").unwrap().as_string::<i32>().value(0).to_owned();
        assert_eq!(name, file.name);
    }
    assert_eq!(bench.written(), 1, "the files of the others are gone");
    assert_eq!((done.sentences_kept, done.sentences_extracted, file.rows), (20, 19, 19));
    let refused: Vec<&str> = done.quarantine.iter().map(|row| row.doc_id.as_str()).collect();
    assert_eq!(refused, ["pmid:7"], "counts and refusals of one attempt");
    let local = bench.staging.fetch(&rexdrug_schemas::COMBINATIONS, &file, bench.folder.path()).await.unwrap();
    assert_eq!((local.rows, local.stored.as_deref()), (19, Some(file.name.as_str())));
    // Another attempt, later, does nothing.
    assert_eq!(run(&bench).await, one);
    assert_eq!(bench.written(), 1);
    // A file that changed on its way is refused.
    let other = rexdrug_pipeline::warehouse::StagedFile { sha256: "0".repeat(64), ..file };
    let refused = bench.staging.fetch(&rexdrug_schemas::COMBINATIONS, &other, bench.folder.path()).await.unwrap_err();
    assert!(refused.to_string().contains("sha256"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_runs_our_sinks_over_its_warehouse_and_nothing_else() {
    let bench = bench().await;
    let ours = bench.under_writer(bench.task("run/file").await);
    check(&ours, &bench.staging).unwrap();
    let plan = async |query: &str| {
        let frame = bench.context.sql(query).await.unwrap();
        frame.create_physical_plan().await.unwrap()
    };
    let refuse =
        |plan: Arc<dyn ExecutionPlan>| check(&bench.under_writer(plan), &bench.staging).unwrap_err().to_string();
    assert!(refuse(plan("SELECT 1").await).contains("in the place of a sink"));
    assert!(check(&plan("SELECT 1").await, &bench.staging).is_err());
    let over = async |query: &str| -> Arc<dyn ExecutionPlan> {
        let sink = bench.task("run/file").await;
        let options = datafusion::physical_plan::execution_plan::ReplaceChildrenOptions::new(
            datafusion::physical_plan::execution_plan::ChildrenPropertiesMode::Recompute,
        );
        sink.replace_children(vec![plan(query).await], options).unwrap()
    };
    for query in
        ["SELECT 1", "SELECT length(a) FROM (VALUES ('x')) AS t(a)", "SELECT a FROM range(3) AS t(a) ORDER BY a DESC"]
    {
        let reason = refuse(over(query).await);
        assert!(reason.contains("a worker runs"), "{query}: {reason}");
    }
    // A Parquet file beside the warehouse.
    let inside = bench.folder.path().join("warehouse/documents").join(&bench.documents);
    let outside = bench.folder.path().join("outside.parquet");
    std::fs::copy(inside, &outside).unwrap();
    let read = async |path: &Path| {
        let options = datafusion::prelude::ParquetReadOptions::default();
        let frame = bench.context.read_parquet(path.to_str().unwrap(), options).await.unwrap();
        let sink = bench.task("run/file").await;
        let options = datafusion::physical_plan::execution_plan::ReplaceChildrenOptions::new(
            datafusion::physical_plan::execution_plan::ChildrenPropertiesMode::Recompute,
        );
        sink.replace_children(vec![frame.create_physical_plan().await.unwrap()], options).unwrap()
    };
    let reason = refuse(read(&outside).await);
    assert!(reason.contains("outside.parquet"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_for_another_warehouse_or_lexicon_is_refused() {
    let bench = bench().await;
    let mut settings = bench.settings.clone();
    settings.prefilter.lexicon_sha256 = "../../etc/passwd".to_owned();
    let bench = Bench { settings, ..bench };
    let failed = collect(bench.task("run/file").await, bench.context.task_ctx()).await.unwrap_err().to_string();
    assert!(failed.contains("64 hexadecimal digits"), "{failed}");
    let mut settings = bench.settings.clone();
    settings.prefilter.lexicon_sha256 = "0".repeat(64);
    let bench = Bench { settings, ..bench };
    let failed = collect(bench.task("run/file").await, bench.context.task_ctx()).await.unwrap_err().to_string();
    assert!(failed.contains(&"0".repeat(64)), "{failed}");
    assert_eq!(bench.written(), 0);
}
