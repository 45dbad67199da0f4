//! `rexdrug sql`: SQL over the warehouse, or over local files named by path.

use std::fs::File;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use datafusion::execution::context::SQLOptions;
use rexdrug_operators::OperatorResources;
use rexdrug_pipeline::session::{Session, SessionOptions};

use crate::config::Settings;
use crate::output::{self, Format};
use crate::resources;

/// Ask SQL: tables `documents`, `combinations`, `quarantine`, `runs`; functions `segment_sentences(text)` and
/// `find_drugs(text)`; local files by path, as in `FROM 'pairs.csv'`.
#[derive(Debug, Args)]
pub struct SqlArgs {
    /// The query
    query: String,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Write to a file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Runs the verb.
///
/// # Errors
/// When the warehouse cannot be opened, the query does not run, or the result cannot be written.
pub async fn run(args: SqlArgs, settings: &Settings) -> Result<ExitCode> {
    let lexicon = resources::lexicon(settings)?;
    let resources = OperatorResources { lexicon: Some(lexicon), engine: None };
    let session = Session::new(&SessionOptions::with_threads(settings.threads), resources)?;
    // A query over local files needs no warehouse, so one that was not asked for may be absent.
    let warehouse = match settings.warehouse_named {
        true => Some(resources::existing_warehouse(settings).await?),
        false => resources::warehouse_if_there(settings).await?,
    };
    if let Some(warehouse) = warehouse {
        warehouse.register(session.context()).await?;
    }
    // Whatever changes a table goes through a commit of a source file.
    let only_reads = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    let frame = session.context().sql_with_options(&args.query, only_reads).await.context("the query does not run")?;
    let schema = frame.schema().inner().clone();
    let batches = frame.collect().await.context("the query failed")?;
    let format = if settings.json && args.format == Format::Table { Format::Json } else { args.format };
    match &args.output {
        Some(path) => {
            let mut file = File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
            output::write(&batches, schema, format, &mut file)?;
        }
        None => output::write(&batches, schema, format, &mut output::stdout())?,
    }
    Ok(ExitCode::SUCCESS)
}
