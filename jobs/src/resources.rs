//! Finding and loading what the operators need: lexicon, model, ONNX Runtime.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use rexdrug_operators::backend::reasoning::Reasoner;
use rexdrug_operators::backend::{Backend, BackendInfo, Cascade, CascadePolicy, Device, Generator, GeneratorOptions};
use rexdrug_operators::extract::{ExtractEngine, ExtractOptions, RunFields};
use rexdrug_operators::lexicon::Lexicon;
use rexdrug_operators::model::{ModelFolder, ModelTask};
use rexdrug_operators::{OperatorResources, PrefilterOptions};
use rexdrug_pipeline::run::ExtractSettings;
use rexdrug_pipeline::warehouse::{Location, Warehouse};
use rexdrug_scoring::task::Task;

use crate::cli::Extractor;
use crate::config::Settings;
use crate::{failpoint, spool};

/// The seed lexicon, compiled by `make generate`.
const SEED_LEXICON: &[u8] = include_bytes!("../../data/lexicon/seed.lexicon");

/// The default model, relative to the working folder or a folder above the binary.
const DEFAULT_MODEL: &str = "data/models/rexdrug-base";

/// The lexicon named in the settings, else the seed lexicon that the binary carries.
///
/// # Errors
/// When the file cannot be read or does not match its hash.
pub fn lexicon(settings: &Settings) -> Result<Arc<Lexicon>> {
    Ok(lexicon_bytes(settings)?.0)
}

/// As [`lexicon`], with the bytes of its file.
///
/// # Errors
/// As [`lexicon`].
pub fn lexicon_bytes(settings: &Settings) -> Result<(Arc<Lexicon>, Vec<u8>)> {
    let (lexicon, bytes) = match &settings.lexicon {
        Some(path) => {
            let bytes = std::fs::read(path).with_context(|| format!("lexicon {} cannot be read", path.display()))?;
            let unusable = || format!("lexicon {} cannot be used", path.display());
            (Lexicon::from_bytes(&bytes).with_context(unusable)?, bytes)
        }
        None => {
            let lexicon = Lexicon::from_bytes(SEED_LEXICON);
            (lexicon.context("the seed lexicon in this binary is damaged; build it again")?, SEED_LEXICON.to_vec())
        }
    };
    Ok((Arc::new(lexicon), bytes))
}

/// The warehouse of the settings, opened.
///
/// # Errors
/// When its URI cannot be used.
pub fn warehouse(settings: &Settings) -> Result<Warehouse> {
    let warehouse = match std::env::var(failpoint::VARIABLE) {
        Ok(point) => {
            let hook = Arc::new(failpoint::PauseAt::parse(&point)?);
            Warehouse::open_with_hook(&settings.warehouse, Default::default(), hook)?
        }
        Err(_) => Warehouse::open(&settings.warehouse, Default::default())?,
    };
    Ok(warehouse.with_scratch(&spool::root(settings)))
}

/// The warehouse of the settings, when it has tables.
///
/// # Errors
/// As [`warehouse`], and when a log cannot be read.
pub async fn warehouse_if_there(settings: &Settings) -> Result<Option<Warehouse>> {
    if Location::is_missing(&settings.warehouse) {
        return Ok(None);
    }
    let warehouse = warehouse(settings)?;
    let has_tables = warehouse.versions().await?.iter().any(|(_, version)| version.is_some());
    Ok(has_tables.then_some(warehouse))
}

/// The warehouse of the settings for a verb that only makes sense over one with tables in it.
///
/// # Errors
/// As [`warehouse_if_there`], and when there is none: a mistyped path must not pass for an empty warehouse.
pub async fn existing_warehouse(settings: &Settings) -> Result<Warehouse> {
    let uri = rexdrug_pipeline::warehouse::redact(&settings.warehouse);
    let absent = || format!("{uri}: no warehouse there; correct --warehouse, or fill it with `rexdrug run`");
    warehouse_if_there(settings).await?.with_context(absent)
}

/// Folder of the model: the one named in the settings, else the default one.
///
/// # Errors
/// When there is none.
pub fn model_folder(settings: &Settings) -> Result<PathBuf> {
    if let Some(folder) = &settings.model {
        return Ok(folder.clone());
    }
    let beside_binary = std::env::current_exe().ok();
    let above = beside_binary.iter().flat_map(|binary| binary.ancestors().skip(1)).map(Path::to_owned);
    std::iter::once(PathBuf::from("."))
        .chain(above)
        .map(|root| root.join(DEFAULT_MODEL))
        .find(|folder| folder.join("rexdrug.json").is_file())
        .map_or_else(
            || bail!("no model: expected the folder {DEFAULT_MODEL} in the working folder or above the binary; name one with --model"),
            Ok,
        )
}

/// Everything that extraction needs, loaded.
pub struct Extraction {
    /// Lexicon and engine.
    pub resources: OperatorResources,
    /// What the plan and the `runs` table say of them.
    pub settings: ExtractSettings,
}

/// The engine that the settings name, and the address of its model.
///
/// # Errors
/// What keeps the model from being used.
fn engine(settings: &Settings) -> Result<(ExtractEngine, String)> {
    match settings.extractor {
        Some(Extractor::Openai) => {
            let model = settings.llm.backend(Task::DrugComb)?;
            let uri = format!("openai:{}", model.info().model_id);
            Ok((ExtractEngine::new(Arc::new(model), ExtractOptions::default().queue_rows), uri))
        }
        Some(Extractor::Cascade) => {
            let policy: CascadePolicy = settings.cascade.as_deref().unwrap_or("uncertain").parse()?;
            let (first, uri) = local_engine(settings)?;
            let cascade = Cascade::new(Arc::clone(first.backend()), second(settings)?, policy)?;
            Ok((ExtractEngine::new(Arc::new(cascade), ExtractOptions::default().queue_rows), format!("cascade:{uri}")))
        }
        Some(kind @ (Extractor::Classifier | Extractor::Generator)) => {
            let (engine, uri) = local_engine(settings)?;
            let (got, wanted) = (&engine.info().extractor, format!("{kind:?}").to_lowercase());
            match *got == wanted {
                true => Ok((engine, uri)),
                false => bail!("--extractor {wanted}: the model {uri} is a {got}; name another with --model"),
            }
        }
        None => local_engine(settings),
    }
}

/// What a cascade asks about what its first model leaves open.
fn second(settings: &Settings) -> Result<Arc<dyn Backend>> {
    let Some(folder) = &settings.cascade_model else { return Ok(Arc::new(settings.llm.backend(Task::DrugComb)?)) };
    let (engine, _) = local_engine(&Settings { model: Some(folder.clone()), ..settings.clone() })?;
    Ok(Arc::clone(engine.backend()))
}

/// The model of the settings that writes reasoning: a server or a generator folder.
///
/// # Errors
/// A model that writes none or is of another task, and what keeps it from being used.
pub fn reasoner(settings: &Settings, task: Task) -> Result<Arc<dyn Reasoner>> {
    match settings.extractor {
        Some(Extractor::Openai) => return Ok(Arc::new(settings.llm.backend(task)?)),
        Some(Extractor::Cascade) => {
            bail!("a cascade is two models; judge its language model alone, with --extractor openai or --model DIR")
        }
        Some(Extractor::Classifier | Extractor::Generator) | None => {}
    }
    let folder = ModelFolder::open(model_folder(settings)?)?;
    let manifest = folder.manifest();
    if manifest.backend != "generator" {
        let (path, backend) = (folder.path().display(), &manifest.backend);
        bail!("{path} is a {backend}, which writes no reasoning; expected a generator, or --extractor openai");
    }
    folder.require_task(match task {
        Task::DrugComb => ModelTask::DrugComb,
        Task::Ddi13 => ModelTask::Ddi13,
    })?;
    let device: Device = settings.device.parse()?;
    let options = GeneratorOptions { decoding: settings.decoding, ..GeneratorOptions::for_device(device) };
    Ok(Arc::new(Generator::load(&folder, &options)?))
}

/// The model folder or script of the settings, and its device.
///
/// # Errors
/// When there is no such model or device.
pub fn wanted_model(settings: &Settings) -> Result<ExtractOptions> {
    let device: Device = settings.device.parse()?;
    let model_uri = match &settings.model {
        Some(model) if model.to_string_lossy().starts_with("scripted:") => model.to_string_lossy().into_owned(),
        _ => model_folder(settings)?.to_string_lossy().into_owned(),
    };
    let first_pass = settings.first_pass.unwrap_or(false);
    Ok(ExtractOptions { model_uri, device: device.to_string(), first_pass, ..ExtractOptions::default() })
}

/// The engine of a model folder or a script.
fn local_engine(settings: &Settings) -> Result<(ExtractEngine, String)> {
    let wanted = wanted_model(settings)?;
    Ok((ExtractEngine::load_decoding(&wanted, settings.decoding)?, wanted.model_uri))
}

/// What a plan asks of the prefilter and of the model that `info` describes.
pub fn extract_settings(
    settings: &Settings,
    lexicon: &Lexicon,
    info: BackendInfo,
    model_uri: &str,
    run_id: &str,
    at: i64,
) -> ExtractSettings {
    let run = RunFields {
        run_id: run_id.to_owned(),
        rexdrug_version: env!("CARGO_PKG_VERSION").to_owned(),
        lexicon_sha256: lexicon.sha256().to_owned(),
        extracted_at: at,
    };
    let mut extract = ExtractOptions::for_engine(&info, model_uri, run);
    extract.min_confidence = settings.min_confidence.unwrap_or(extract.min_confidence);
    extract.first_pass = settings.first_pass.unwrap_or(false);
    let prefilter = PrefilterOptions { count_members: settings.regimens, ..PrefilterOptions::for_lexicon(lexicon) };
    ExtractSettings { prefilter, extract, info }
}

/// Loads lexicon and model; the model answers a probe on the device asked for, or this fails.
///
/// # Errors
/// What is missing or refused, and what to do.
pub fn extraction(settings: &Settings, run_id: &str, at: i64) -> Result<Extraction> {
    let lexicon = lexicon(settings)?;
    let (engine, model_uri) = engine(settings).context("the extraction model cannot be used")?;
    let settings = extract_settings(settings, &lexicon, engine.info().clone(), &model_uri, run_id, at);
    Ok(Extraction { resources: OperatorResources { lexicon: Some(lexicon), engine: Some(Arc::new(engine)) }, settings })
}
