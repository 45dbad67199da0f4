//! What a run would extract with, without starting it.

use anyhow::{Context, Result};
use rexdrug_operators::backend::openai::REMOTE_DEVICE;
use rexdrug_operators::backend::{Backend, Device, SCRIPTED_SCHEME, Scripted};
use rexdrug_operators::lexicon::Lexicon;
use rexdrug_operators::model::ModelFolder;
use rexdrug_pipeline::estimate::Choice;

use crate::cli::Extractor;
use crate::config::Settings;
use crate::resources::model_folder;

/// What the settings name to extract with.
pub struct NamedModel {
    /// Backend, model and device as `runs` would have them.
    pub choice: Choice,
    /// Address of the model, as the plan names it.
    pub model_uri: String,
    /// sha256 of the model; empty for models on a server.
    pub model_sha256: String,
}

/// What the settings name to extract with, without starting it: neither device nor server need be there.
///
/// # Errors
/// When a model folder or a setting cannot be read.
pub fn named_model(settings: &Settings, lexicon: &Lexicon) -> Result<NamedModel> {
    let choice = |extractor: &str, model_id: &str, device: &str| Choice {
        extractor: extractor.to_owned(),
        model_id: model_id.to_owned(),
        device: device.to_owned(),
        lexicon_sha256: lexicon.sha256().to_owned(),
        prompt_sha256: None,
    };
    if settings.extractor == Some(Extractor::Openai) {
        let model = settings.llm.model()?;
        let prompt_sha256 = Some(settings.llm.prompt_sha256()?);
        let choice = Choice { prompt_sha256, ..choice("openai", &model, REMOTE_DEVICE) };
        let model_uri = format!("openai:{model}");
        return Ok(NamedModel { choice, model_uri, model_sha256: String::new() });
    }
    let device = settings.device.parse::<Device>()?.to_string();
    let scripted =
        settings.model.as_ref().map(|model| model.to_string_lossy()).filter(|model| model.starts_with(SCRIPTED_SCHEME));
    let local = match scripted {
        Some(uri) => {
            let info = Scripted::from_address(&uri)?.info().clone();
            let choice = choice(&info.extractor, &info.model_id, &info.device);
            NamedModel { choice, model_uri: uri.into_owned(), model_sha256: info.model_sha256 }
        }
        None => {
            let folder = ModelFolder::open(model_folder(settings)?).context("the extraction model cannot be used")?;
            let manifest = folder.manifest();
            let choice = choice(&manifest.backend, &manifest.name, &device);
            let model_uri = folder.path().to_string_lossy().into_owned();
            NamedModel { choice, model_uri, model_sha256: folder.sha256().to_owned() }
        }
    };
    if settings.extractor != Some(Extractor::Cascade) {
        return Ok(local);
    }
    let (second, prompt_sha256) = match &settings.cascade_model {
        Some(folder) => {
            let folder = ModelFolder::open(folder).context("the second model of the cascade cannot be used")?;
            (folder.manifest().name.clone(), None)
        }
        None => (settings.llm.model()?, Some(settings.llm.prompt_sha256()?)),
    };
    let both = format!("{} > {second}", local.choice.model_id);
    let choice = Choice { prompt_sha256, ..choice("cascade", &both, &local.choice.device) };
    Ok(NamedModel { choice, model_uri: format!("cascade:{}", local.model_uri), model_sha256: String::new() })
}
