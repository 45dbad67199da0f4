//! `rexdrug model`: inspect and verify model folders.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use rexdrug_operators::backend::{Backend, BackendError, BackendInfo, Classifier, ClassifierOptions};
use rexdrug_operators::extract::{ExtractEngine, ExtractOptions};
use rexdrug_operators::model::{ModelFolder, ModelReport, ModelTask};
use serde_json::json;

use crate::config::Settings;
use crate::resources;

/// Inspect and verify model folders.
#[derive(Debug, Args)]
pub struct ModelArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Check every hash, open the graphs on the device and run them once
    Verify {
        /// Model folder [default: the one that `run` would take]
        folder: Option<PathBuf>,
    },
    /// Print the manifest
    Show {
        /// Model folder [default: the one that `run` would take]
        folder: Option<PathBuf>,
    },
}

/// Loads the model for its own task; loading runs it once.
fn probed(folder: &Path, report: &ModelReport, settings: &Settings) -> Result<BackendInfo, BackendError> {
    let opened = ModelFolder::open_expecting(folder, &report.model_sha256)?;
    if opened.task() == ModelTask::Ddi13 {
        let options = ClassifierOptions::for_device(settings.device.parse()?);
        return Ok(Classifier::load(&opened, &options)?.info().clone());
    }
    let options = ExtractOptions {
        model_uri: folder.to_string_lossy().into_owned(),
        model_sha256: report.model_sha256.clone(),
        device: settings.device.clone(),
        first_pass: true,
        ..ExtractOptions::default()
    };
    Ok(ExtractEngine::load(&options)?.info().clone())
}

/// Runs the verb.
///
/// # Errors
/// What is wrong with the folder: file, expected, got.
pub fn run(args: ModelArgs, settings: &Settings) -> Result<ExitCode> {
    let folder = |named: Option<PathBuf>| named.map_or_else(|| resources::model_folder(settings), Ok);
    match args.action {
        Action::Verify { folder: named } => {
            let folder = folder(named)?;
            let report = ModelFolder::verify(&folder)?;
            let info =
                probed(&folder, &report, settings).context("the hashes are right, but the model does not run")?;
            let device = &info.device;
            if settings.json {
                let files: Vec<_> =
                    report.files.iter().map(|(name, bytes)| json!({"name": name, "bytes": bytes})).collect();
                let found = json!({
                    "model_id": report.model_id, "model_sha256": report.model_sha256, "device": device, "files": files
                });
                println!("{}", serde_json::to_string_pretty(&found)?);
            } else {
                println!("{} sha256 {} runs on {device}", report.model_id, report.model_sha256);
                for (name, bytes) in &report.files {
                    println!("{bytes:>12}  {name}");
                }
            }
        }
        Action::Show { folder: named } => {
            let path = folder(named)?.join("rexdrug.json");
            let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
            println!("{}", text.trim_end());
        }
    }
    Ok(ExitCode::SUCCESS)
}
