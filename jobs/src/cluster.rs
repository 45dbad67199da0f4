//! What `run --cluster`, `scheduler` and `worker` have in common: addresses, token, certificates; and the engine of a run.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use rexdrug_cluster::{ClusterEngine, ClusterOptions, Security, SecurityFiles, Token, publish_lexicon, publish_model};
use rexdrug_operators::backend::SCRIPTED_SCHEME;
use rexdrug_operators::extract::ExtractEngine;
use rexdrug_operators::model::ModelFolder;
use rexdrug_pipeline::run::{Engine, ExtractSettings};
use rexdrug_pipeline::warehouse::Warehouse;

use crate::config::Settings;
use crate::resources;

/// Variable that holds the token itself; a flag would show it in the list of processes.
const TOKEN_VARIABLE: &str = "REXDRUG_CLUSTER_TOKEN";
/// Scheme of a cluster's address.
const SCHEME: &str = "df://";

/// Token and certificates.
#[derive(Debug, Clone, Args)]
pub struct SecurityArgs {
    /// File with the token that all machines of the cluster share [or the token itself in REXDRUG_CLUSTER_TOKEN]
    #[arg(long, env = "REXDRUG_CLUSTER_TOKEN_FILE", value_name = "FILE")]
    cluster_token: Option<PathBuf>,
    /// PEM file of the authority that signed the certificates of the other side; turns encryption on
    #[arg(long, env = "REXDRUG_CLUSTER_CA", value_name = "FILE")]
    cluster_ca: Option<PathBuf>,
    /// PEM file of this machine's certificate
    #[arg(long, env = "REXDRUG_CLUSTER_CERT", value_name = "FILE", requires = "cluster_key")]
    cluster_cert: Option<PathBuf>,
    /// PEM file of its key
    #[arg(long, env = "REXDRUG_CLUSTER_KEY", value_name = "FILE", requires = "cluster_cert")]
    cluster_key: Option<PathBuf>,
}

impl SecurityArgs {
    /// Reads the files.
    ///
    /// # Errors
    /// When one cannot be read or used.
    pub fn read(&self) -> Result<Security> {
        let token = match (&self.cluster_token, std::env::var(TOKEN_VARIABLE)) {
            (Some(path), _) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("--cluster-token {} cannot be read", path.display()))?;
                Some(Token::parse(&text, &path.display().to_string())?)
            }
            (None, Ok(text)) if !text.is_empty() => Some(Token::parse(&text, TOKEN_VARIABLE)?),
            _ => None,
        };
        let files = SecurityFiles {
            token,
            ca: self.cluster_ca.clone(),
            cert: self.cluster_cert.clone(),
            key: self.cluster_key.clone(),
        };
        Ok(Security::read(files)?)
    }
}

/// Where a run extracts.
#[derive(Debug, Clone, Args)]
pub struct ClusterArgs {
    /// Extract on a cluster: df://HOST:PORT of its `rexdrug scheduler`
    #[arg(long, env = "REXDRUG_CLUSTER", value_name = "URI")]
    cluster: Option<String>,
    /// Files that are at the cluster at a time; as many as its workers have slots keeps them busy
    #[arg(long, default_value_t = 16, value_name = "N", requires = "cluster")]
    cluster_files: usize,
    /// Seconds after which a file that has not come back is sent again
    #[arg(long, default_value_t = 3600, value_name = "SECONDS", requires = "cluster")]
    cluster_job_limit: u64,
    /// Seconds for which the scheduler may be away before the run stops
    #[arg(long, default_value_t = 300, value_name = "SECONDS", requires = "cluster")]
    cluster_patience: u64,
    #[command(flatten)]
    security: SecurityArgs,
}

impl ClusterArgs {
    /// Whether a cluster was named.
    pub fn is_given(&self) -> bool {
        self.cluster.is_some()
    }

    /// The engine of the named cluster, and what it is asked: lexicon and model go into the warehouse, from which workers
    /// take them by their hash.
    ///
    /// # Errors
    /// When the scheduler is not there, or lexicon or model cannot be used or published.
    pub async fn engine(
        &self,
        settings: &Settings,
        warehouse: &Warehouse,
        run_id: &str,
        at: i64,
    ) -> Result<(Arc<dyn Engine>, ExtractSettings)> {
        let options = ClusterOptions {
            address: host_and_port(self.cluster.as_deref().unwrap_or_default())?,
            security: self.security.read()?,
            files_at_once: self.cluster_files.max(1),
            job_limit: Duration::from_secs(self.cluster_job_limit.max(1)),
            patience: Duration::from_secs(self.cluster_patience),
        };
        let engine = ClusterEngine::connect(warehouse, options).await?;
        let staging = warehouse.staging()?;
        let (lexicon, bytes) = resources::lexicon_bytes(settings)?;
        publish_lexicon(&staging, lexicon.sha256(), bytes).await?;
        if let Some(kind) = settings.extractor
            && !kind.is_local()
        {
            bail!("--cluster with --extractor {kind:?}: only models of a folder run on workers; leave one of them out");
        }
        let mut wanted = resources::wanted_model(settings)?;
        let info = ExtractEngine::describe(&wanted).context("the extraction model cannot be used")?;
        if !wanted.model_uri.starts_with(SCRIPTED_SCHEME) {
            let folder = ModelFolder::open_expecting(&wanted.model_uri, &info.model_sha256)?;
            wanted.model_uri = publish_model(&staging, &folder).await?;
        }
        let settings = resources::extract_settings(settings, &lexicon, info, &wanted.model_uri, run_id, at);
        Ok((Arc::new(engine), settings))
    }
}

/// `HOST:PORT` of `df://HOST:PORT`, or of itself.
///
/// # Errors
/// When it is neither.
pub fn host_and_port(address: &str) -> Result<String> {
    let plain = address.strip_prefix(SCHEME).unwrap_or(address).trim_end_matches('/');
    match plain.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && !host.contains('/') && port.parse::<u16>().is_ok() => {
            Ok(plain.to_owned())
        }
        _ => bail!("`{address}` is no address of a scheduler; expected df://HOST:PORT, e.g. df://scheduler:50050"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn an_address_has_a_host_and_a_port() {
        for (given, plain) in
            [("df://scheduler:50050", "scheduler:50050"), ("10.0.0.1:1/", "10.0.0.1:1"), ("df://[::1]:7", "[::1]:7")]
        {
            assert_eq!(host_and_port(given).unwrap(), plain);
        }
        for wrong in ["", "df://", "scheduler", "df://:50050", "http://x:80", "x:99999"] {
            assert!(host_and_port(wrong).is_err(), "{wrong}");
        }
    }
}
