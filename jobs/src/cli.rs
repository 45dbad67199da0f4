//! The command line: options shared by all verbs, and dispatch.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::Settings;
use crate::{logging, verbs};

/// Find n-ary drug combinations in PubMed and PMC.
#[derive(Debug, Parser)]
#[command(name = "rexdrug", version, about, max_term_width = 110)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

/// Options of every verb. Each can also stand in the config file; environment beats file, flag beats environment.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Root of the warehouse: a folder or s3://bucket/prefix [default: ./warehouse]
    #[arg(long, global = true, env = "REXDRUG_WAREHOUSE", value_name = "URI")]
    pub warehouse: Option<String>,
    /// Config file [default: ./rexdrug.toml when it is there]
    #[arg(long, global = true, env = "REXDRUG_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Model folder [default: data/models/rexdrug-base beside the working folder or the binary]
    #[arg(long, global = true, env = "REXDRUG_MODEL", value_name = "DIR")]
    pub model: Option<PathBuf>,
    /// Compiled lexicon [default: the seed lexicon in the binary]
    #[arg(long, global = true, env = "REXDRUG_LEXICON", value_name = "FILE")]
    pub lexicon: Option<PathBuf>,
    /// Device that must run the model: cpu, cuda or cuda:N; anything else than this device is an error [default: cpu]
    #[arg(long, global = true, env = "REXDRUG_DEVICE", value_name = "DEVICE")]
    pub device: Option<String>,
    /// What extracts: classifier, generator, openai or cascade [default: what the model folder is made for]
    #[arg(long, global = true, env = "REXDRUG_EXTRACTOR", value_name = "KIND")]
    pub extractor: Option<Extractor>,
    /// Language model server for openai and cascade: root of its API, e.g. http://localhost:8000/v1
    #[arg(long, global = true, env = "REXDRUG_LLM_URL", value_name = "URL")]
    pub llm_url: Option<String>,
    /// Name of the model on that server
    #[arg(long, global = true, env = "REXDRUG_LLM_MODEL", value_name = "NAME")]
    pub llm_model: Option<String>,
    /// Name or file of the prompt template [default: drugcomb-v1, ddi13-v1]
    #[arg(long, global = true, env = "REXDRUG_LLM_PROMPT", value_name = "NAME")]
    pub llm_prompt: Option<String>,
    /// Folder of answers, so that none is paid for twice; empty for none [default: ~/.cache/rexdrug/answers]
    #[arg(long, global = true, env = "REXDRUG_LLM_CACHE", value_name = "DIR")]
    pub llm_cache: Option<String>,
    /// Sentences that a cascade sends to its second model: positive, uncertain:LOW:HIGH or either:LOW
    #[arg(long, global = true, env = "REXDRUG_CASCADE", value_name = "POLICY")]
    pub cascade: Option<String>,
    /// Model folder (generator or classifier) that a cascade asks instead of a language model server
    #[arg(long, global = true, env = "REXDRUG_CASCADE_MODEL", value_name = "DIR")]
    pub cascade_model: Option<PathBuf>,
    /// Threads for parsing, matching and the model [default: all cores]
    #[arg(long, global = true, env = "REXDRUG_THREADS", value_name = "N")]
    pub threads: Option<usize>,
    /// Log lines as text or as JSON
    #[arg(long, global = true, env = "REXDRUG_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// Prometheus text file with counts of the job, written after each source file and at the end
    #[arg(long, global = true, env = "REXDRUG_METRICS_FILE", value_name = "FILE")]
    pub metrics_file: Option<PathBuf>,
    /// Serve the same counts over HTTP while the job runs, at /metrics of this address, e.g. 127.0.0.1:9464
    #[arg(long, global = true, env = "REXDRUG_METRICS_ADDR", value_name = "HOST:PORT")]
    pub metrics_addr: Option<SocketAddr>,
    /// Machine-readable result on standard output
    #[arg(long, global = true)]
    pub json: bool,
}

/// What extracts combinations from sentences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Extractor {
    /// The ONNX classifier of a model folder.
    Classifier,
    /// The ONNX decoder of a model folder.
    Generator,
    /// A reasoning model on an OpenAI-compatible server.
    Openai,
    /// A model folder first, the server or a generator for what it leaves open.
    Cascade,
}

#[cfg(feature = "cluster")]
impl Extractor {
    /// Whether all it needs is a model folder.
    pub fn is_local(self) -> bool {
        matches!(self, Self::Classifier | Self::Generator)
    }
}

/// Form of the log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Read files, extract combinations, commit: the main job
    Run(verbs::run::RunArgs),
    /// Say what a run would take, before it starts: hours, requests, tokens, and its plan
    Plan(verbs::plan::PlanArgs),
    /// Show sentences, drugs and combinations of a text
    Try(verbs::try_text::TryArgs),
    /// Read files into `documents` without extracting
    Ingest(verbs::run::RunArgs),
    /// Extract again what the warehouse holds, with the given model and lexicon
    Extract(verbs::extract::ExtractArgs),
    /// Judge a model, prediction files or a warehouse against gold
    Eval(verbs::eval::EvalArgs),
    /// Fetch and run what NLM has published since the last time
    Sync(verbs::sync::SyncArgs),
    /// Ask SQL over the warehouse or over local files
    Sql(verbs::sql::SqlArgs),
    /// Compile and inspect lexicons
    Lexicon(verbs::lexicon::LexiconArgs),
    /// Inspect and verify model folders
    Model(verbs::model::ModelArgs),
    /// Have language models write reasoning traces to train on
    Traces(verbs::traces::TracesArgs),
    /// Recompute the invariants over a warehouse and say what is broken
    Verify(verbs::verify::VerifyArgs),
    /// Join small files and delete what no reader needs any more
    Compact(verbs::compact::CompactArgs),
    /// Serve a cluster: hand the plans of runs to workers
    #[cfg(feature = "cluster")]
    Scheduler(verbs::scheduler::SchedulerArgs),
    /// Work for a cluster
    #[cfg(feature = "cluster")]
    Worker(verbs::worker::WorkerArgs),
}

impl Cli {
    /// Runs the verb.
    ///
    /// # Errors
    /// What kept the verb from doing its work; the process exits 2.
    pub async fn run(self) -> Result<ExitCode> {
        logging::start(self.global.log_format);
        let settings = Settings::load(&self.global)?;
        match self.verb {
            Verb::Run(args) => verbs::run::run(args, &settings, true).await,
            Verb::Plan(args) => verbs::plan::run(args, &settings).await,
            Verb::Try(args) => verbs::try_text::run(args, &settings).await,
            Verb::Ingest(args) => verbs::run::run(args, &settings, false).await,
            Verb::Extract(args) => verbs::extract::run(args, &settings).await,
            Verb::Eval(args) => verbs::eval::run(args, &settings).await,
            Verb::Sync(args) => verbs::sync::run(args, &settings).await,
            Verb::Sql(args) => verbs::sql::run(args, &settings).await,
            Verb::Lexicon(args) => verbs::lexicon::run(args, &settings),
            Verb::Model(args) => verbs::model::run(args, &settings),
            Verb::Traces(args) => verbs::traces::run(args, &settings).await,
            Verb::Verify(args) => verbs::verify::run(args, &settings).await,
            Verb::Compact(args) => verbs::compact::run(args, &settings).await,
            #[cfg(feature = "cluster")]
            Verb::Scheduler(args) => verbs::scheduler::run(args, &settings).await,
            #[cfg(feature = "cluster")]
            Verb::Worker(args) => verbs::worker::run(args, &settings).await,
        }
    }
}
