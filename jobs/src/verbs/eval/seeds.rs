//! Several judgements of one system: model folders of several trainings, or a model that samples with several seeds.

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use rexdrug_operators::backend::Decoding;
use rexdrug_operators::model::ModelFolder;

use crate::cli::Extractor;
use crate::config::Settings;
use crate::resources;

/// Options for mean and deviation.
#[derive(Debug, Default, Args)]
pub struct SeedArgs {
    /// Judge these model folders, trainings with different seeds: mean and deviation
    #[arg(long, value_name = "DIR", num_args = 1.., conflicts_with_all = ["from_warehouse"])]
    models: Vec<PathBuf>,
    /// Judge a model that samples once for each of these seeds: mean and deviation
    #[arg(long, value_name = "N", num_args = 1.., value_delimiter = ',', conflicts_with_all = ["from_warehouse"])]
    seeds: Vec<u64>,
    /// Temperature of sampling, 0 for none [default: that of the model folder, or of [llm]]
    #[arg(long, value_name = "T", conflicts_with_all = ["from_warehouse"])]
    temperature: Option<f32>,
}

impl SeedArgs {
    /// Whether anything was asked for.
    pub fn is_given(&self) -> bool {
        !self.models.is_empty() || !self.seeds.is_empty() || self.temperature.is_some()
    }

    /// The settings of each judgement, with what tells it from the others; one without a name where nothing was asked.
    ///
    /// # Errors
    /// Seeds of a model that gives one answer whatever the seed; folders beside a server.
    pub fn over(&self, settings: &Settings) -> Result<Vec<(Settings, String)>> {
        if let Some(temperature) = self.temperature.filter(|given| !given.is_finite() || *given < 0.0) {
            bail!("--temperature {temperature}: expected a number from 0");
        }
        let remote = settings.extractor == Some(Extractor::Openai);
        if remote && !self.models.is_empty() {
            bail!("--models are folders, and --extractor openai asks a server; leave one of them out");
        }
        let folders: Vec<Option<PathBuf>> = match self.models.is_empty() {
            true => vec![settings.model.clone()],
            false => self.models.iter().cloned().map(Some).collect(),
        };
        let seeds: Vec<Option<u64>> = match self.seeds.is_empty() {
            true => vec![None],
            false => self.seeds.iter().copied().map(Some).collect(),
        };
        let mut all = Vec::with_capacity(folders.len() * seeds.len());
        for folder in &folders {
            for &seed in &seeds {
                let mut one = Settings { model: folder.clone(), ..settings.clone() };
                one.decoding = Decoding { seed, temperature: self.temperature };
                one.llm.seed = seed.or(one.llm.seed);
                one.llm.temperature = self.temperature.map(f64::from).or(one.llm.temperature);
                if self.is_sampling_asked() {
                    check_sampling(&one, seed.is_some())?;
                }
                all.push((one, seed.map_or_else(String::new, |seed| format!(", seed {seed}"))));
            }
        }
        Ok(all)
    }

    fn is_sampling_asked(&self) -> bool {
        !self.seeds.is_empty() || self.temperature.is_some()
    }
}

/// Whether the model of the settings chooses tokens, and by chance.
fn check_sampling(settings: &Settings, seeds: bool) -> Result<()> {
    let temperature = match settings.extractor {
        Some(Extractor::Openai) => settings.llm.sampling().temperature,
        Some(Extractor::Cascade) => {
            bail!("--seeds and --temperature are for one model; judge the two of the cascade apart")
        }
        Some(Extractor::Classifier | Extractor::Generator) | None => {
            let folder = ModelFolder::open(resources::model_folder(settings)?)?;
            let Some(generation) = folder.manifest().generation.as_ref() else {
                let (path, backend) = (folder.path().display(), &folder.manifest().backend);
                bail!("{path} is a {backend}, whose answers no seed changes; leave --seeds and --temperature out");
            };
            f64::from(settings.decoding.temperature.unwrap_or(generation.temperature))
        }
    };
    if seeds && temperature <= 0.0 {
        bail!("--seeds: at temperature 0 every seed gives the same answer; give --temperature, e.g. 0.7");
    }
    Ok(())
}
