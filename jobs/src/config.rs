//! Settings: defaults, config file, environment, command line; later wins.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result};
use rexdrug_operators::backend::Decoding;
use rexdrug_pipeline::source::Layout;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::cli::{Extractor, Global};
use crate::language_model::LanguageModelConfig;

/// The config file that is read when none is named.
const DEFAULT_FILE: &str = "rexdrug.toml";

/// The config file. Unknown keys are errors, so that a typo does not pass for a setting.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    /// Root of the warehouse.
    warehouse: Option<String>,
    /// Model folder.
    model: Option<PathBuf>,
    /// Compiled lexicon.
    lexicon: Option<PathBuf>,
    /// cpu, cuda, cuda:N.
    device: Option<String>,
    /// Threads for parsing, matching and the model.
    threads: Option<usize>,
    /// Least confidence of a committed combination, 0 to 1.
    #[serde(default, deserialize_with = "share_in_file")]
    min_confidence: Option<f32>,
    /// Whether the first pass of the model settles hopeless sentences.
    first_pass: Option<bool>,
    /// State the members of a named regimen as a combination.
    regimens: Option<bool>,
    /// Largest share of refused records before `run` exits 1.
    #[serde(default, deserialize_with = "share_in_file")]
    max_quarantine: Option<f64>,
    /// Files read ahead of extraction.
    prefetch: Option<usize>,
    /// Folder for spool files.
    spool: Option<PathBuf>,
    /// Prometheus text file.
    metrics_file: Option<PathBuf>,
    /// Address of the metrics endpoint.
    metrics_addr: Option<SocketAddr>,
    /// What extracts: classifier, generator, openai or cascade.
    extractor: Option<Extractor>,
    /// Which sentences a cascade sends to its second model.
    cascade: Option<String>,
    /// Model folder that a cascade asks instead of a server.
    cascade_model: Option<PathBuf>,
    /// The language model of openai and cascade; the analyst of traces.
    llm: Option<LanguageModelConfig>,
    /// The reviewer of traces; what it leaves out is taken from `llm`.
    reviewer: Option<LanguageModelConfig>,
    /// Layout of the bucket and listing that `--inventory` reads.
    pmc: Option<Layout>,
}

/// A number from 0 to 1, as an argument.
pub fn share<T: FromStr + Into<f64> + Copy>(text: &str) -> Result<T, String> {
    let value = text.trim().parse().map_err(|_| format!("{NO_SHARE}, got `{text}`"))?;
    checked_share(value)
}

const NO_SHARE: &str = "expected a number from 0 to 1";

fn checked_share<T: Into<f64> + Copy>(value: T) -> Result<T, String> {
    let number: f64 = value.into();
    (0.0..=1.0).contains(&number).then_some(value).ok_or_else(|| format!("{NO_SHARE}, got {number}"))
}

fn share_in_file<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Into<f64> + Copy,
{
    checked_share(T::deserialize(deserializer)?).map(Some).map_err(D::Error::custom)
}

/// The resolved settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Root of the warehouse.
    pub warehouse: String,
    /// Whether the warehouse was named, or is the default.
    pub warehouse_named: bool,
    /// Model folder, where one was named.
    pub model: Option<PathBuf>,
    /// Compiled lexicon, where one was named.
    pub lexicon: Option<PathBuf>,
    /// Device as given.
    pub device: String,
    /// Threads.
    pub threads: usize,
    /// Least confidence of a committed combination; none leaves it to the model.
    pub min_confidence: Option<f32>,
    /// Whether the first pass of the model settles hopeless sentences; none for what the verb does by itself.
    pub first_pass: Option<bool>,
    /// State the members of a named regimen as a combination.
    pub regimens: bool,
    /// Largest share of refused records before `run` exits 1.
    pub max_quarantine: f64,
    /// Files read ahead of extraction.
    pub prefetch: usize,
    /// Folder for spool files.
    pub spool: Option<PathBuf>,
    /// Prometheus text file.
    pub metrics_file: Option<PathBuf>,
    /// Address on which metrics are served.
    pub metrics_addr: Option<SocketAddr>,
    /// What extracts, where it was named.
    pub extractor: Option<Extractor>,
    /// Which sentences a cascade sends to its second model.
    pub cascade: Option<String>,
    /// Model folder that a cascade asks instead of a server.
    pub cascade_model: Option<PathBuf>,
    /// How a generator chooses tokens where `eval` says so.
    pub decoding: Decoding,
    /// The language model of openai and cascade; the analyst of traces.
    pub llm: LanguageModelConfig,
    /// The reviewer of traces.
    pub reviewer: LanguageModelConfig,
    /// Layout of the bucket and listing that `--inventory` reads.
    pub pmc: Layout,
    /// Machine-readable results.
    pub json: bool,
}

impl Settings {
    /// Reads the config file, if any, under the flags and environment in `global`.
    ///
    /// # Errors
    /// When a named file cannot be read, or a key or value in it is unknown.
    pub fn load(global: &Global) -> Result<Self> {
        let file = match &global.config {
            Some(path) => read(path)?,
            None if Path::new(DEFAULT_FILE).is_file() => read(Path::new(DEFAULT_FILE))?,
            None => ConfigFile::default(),
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let warehouse = global.warehouse.clone().or(file.warehouse);
        let llm = file.llm.unwrap_or_default().with_flags(global);
        Ok(Self {
            warehouse_named: warehouse.is_some(),
            warehouse: warehouse.unwrap_or_else(|| "./warehouse".to_owned()),
            model: global.model.clone().or(file.model),
            lexicon: global.lexicon.clone().or(file.lexicon),
            device: global.device.clone().or(file.device).unwrap_or_else(|| "cpu".to_owned()),
            threads: global.threads.or(file.threads).unwrap_or(cores).max(1),
            min_confidence: file.min_confidence,
            first_pass: file.first_pass,
            regimens: file.regimens.unwrap_or(false),
            max_quarantine: file.max_quarantine.unwrap_or(0.05),
            prefetch: file.prefetch.unwrap_or(2).max(1),
            spool: file.spool,
            metrics_file: global.metrics_file.clone().or(file.metrics_file),
            metrics_addr: global.metrics_addr.or(file.metrics_addr),
            extractor: global.extractor.or(file.extractor),
            cascade: global.cascade.clone().or(file.cascade),
            cascade_model: global.cascade_model.clone().or(file.cascade_model),
            decoding: Decoding::default(),
            reviewer: file.reviewer.unwrap_or_default().or(&llm),
            llm,
            pmc: file.pmc.unwrap_or_default(),
            json: global.json,
        })
    }
}

fn read(path: &Path) -> Result<ConfigFile> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read config file {}; name another with --config", path.display()))?;
    toml::from_str(&text).with_context(|| format!("config file {} does not fit", path.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_typo_in_the_config_file_is_an_error_that_names_the_key() {
        let message = toml::from_str::<ConfigFile>("warehose = \"x\"").unwrap_err().to_string();
        assert!(message.contains("warehose") && message.contains("warehouse"), "{message}");
        assert_eq!(toml::from_str::<ConfigFile>("threads = 3").unwrap().threads, Some(3));
        let message = toml::from_str::<ConfigFile>("[pmc]\nheadr = true").unwrap_err().to_string();
        assert!(message.contains("headr") && message.contains("header"), "{message}");
        let layout = toml::from_str::<ConfigFile>("[pmc]\nroot = \"s3://mirror\"").unwrap().pmc.unwrap();
        assert_eq!(layout, Layout { root: "s3://mirror".to_owned(), ..Layout::default() });
    }
}
