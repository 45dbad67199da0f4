//! The `[llm]` section of the config file: which server, which model, how it is asked.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use rexdrug_operators::backend::openai::{ApiKey, ClientOptions, RetryPolicy, Sampling};
use rexdrug_operators::backend::reasoning::{AnswerFormat, PromptInput, PromptTemplate, default_prompt};
use rexdrug_operators::backend::{OpenAi, OpenAiOptions};
use rexdrug_pipeline::estimate::LanguageModel;
use rexdrug_scoring::task::Task;
use serde::Deserialize;

use crate::cli::Global;

/// Variable that holds the key where the config file names no other.
const KEY_VARIABLE: &str = "REXDRUG_LLM_API_KEY";

/// A language model on a server, as configured. The key is never part of it: it comes from the environment.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LanguageModelConfig {
    /// Root of the API.
    pub url: Option<String>,
    /// Name of the model on the server.
    pub model: Option<String>,
    /// Environment variable that holds the key [default: REXDRUG_LLM_API_KEY, which may be missing].
    pub api_key_env: Option<String>,
    /// Name or file of the prompt template [default: drugcomb-v1, ddi13-v1].
    pub prompt: Option<String>,
    /// Have the server enforce a JSON schema instead of asking for think and answer tags [default: false].
    pub structured: Option<bool>,
    /// Code points of document on each side of the sentence [default: 2000].
    pub context_chars: Option<usize>,
    /// Requests under way at once [default: 16].
    pub concurrency: Option<usize>,
    /// Longest time for one answer [default: 120].
    pub timeout_seconds: Option<f64>,
    /// Repetitions of a request that failed [default: 5].
    pub retries: Option<u32>,
    /// Longest wait before a repetition [default: 60].
    pub longest_wait_seconds: Option<f64>,
    /// 0 takes the most probable token always [default: 0].
    pub temperature: Option<f64>,
    /// Share of the probability that is sampled from [default: 1].
    pub top_p: Option<f64>,
    /// Seed, for servers that take one [default: 42].
    pub seed: Option<u64>,
    /// Most tokens of an answer [default: 1024].
    pub max_tokens: Option<u32>,
    /// Folder of answers; empty for none [default: ~/.cache/rexdrug/answers].
    pub cache: Option<String>,
    /// Price of a million tokens of questions [default: 0].
    pub prompt_price: Option<f64>,
    /// Price of a million tokens of answers [default: 0].
    pub completion_price: Option<f64>,
}

impl LanguageModelConfig {
    /// Flags and environment over the file.
    pub fn with_flags(mut self, global: &Global) -> Self {
        self.url = global.llm_url.clone().or(self.url);
        self.model = global.llm_model.clone().or(self.model);
        self.prompt = global.llm_prompt.clone().or(self.prompt);
        self.cache = global.llm_cache.clone().or(self.cache);
        self
    }

    /// What this section leaves out, from another.
    pub fn or(self, other: &Self) -> Self {
        Self {
            url: self.url.or(other.url.clone()),
            model: self.model.or(other.model.clone()),
            api_key_env: self.api_key_env.or(other.api_key_env.clone()),
            prompt: self.prompt.or(other.prompt.clone()),
            structured: self.structured.or(other.structured),
            context_chars: self.context_chars.or(other.context_chars),
            concurrency: self.concurrency.or(other.concurrency),
            timeout_seconds: self.timeout_seconds.or(other.timeout_seconds),
            retries: self.retries.or(other.retries),
            longest_wait_seconds: self.longest_wait_seconds.or(other.longest_wait_seconds),
            temperature: self.temperature.or(other.temperature),
            top_p: self.top_p.or(other.top_p),
            seed: self.seed.or(other.seed),
            max_tokens: self.max_tokens.or(other.max_tokens),
            cache: self.cache.or(other.cache.clone()),
            prompt_price: self.prompt_price.or(other.prompt_price),
            completion_price: self.completion_price.or(other.completion_price),
        }
    }

    /// How the server is reached and treated.
    ///
    /// # Errors
    /// When no server is named, or the named variable of the key is not set.
    pub fn client(&self) -> Result<ClientOptions> {
        let url = self.url.clone().context(
            "no language model server is named; give --llm-url, REXDRUG_LLM_URL or `url` in [llm] of the config file",
        )?;
        let api_key = match &self.api_key_env {
            Some(variable) => Some(std::env::var(variable).with_context(|| {
                format!("api_key_env names the variable {variable}, which is not set; set it to the key")
            })?),
            None => std::env::var(KEY_VARIABLE).ok().filter(|key| !key.is_empty()),
        };
        let defaults = ClientOptions::new(url);
        let seconds = |value: Option<f64>, default: Duration| match value {
            Some(seconds) => Duration::try_from_secs_f64(seconds)
                .with_context(|| format!("[llm] has a time of {seconds} seconds; expected a number above 0")),
            None => Ok(default),
        };
        Ok(ClientOptions {
            api_key: api_key.map(ApiKey::new),
            concurrency: self.concurrency.unwrap_or(defaults.concurrency).max(1),
            timeout: seconds(self.timeout_seconds, defaults.timeout)?,
            retry: RetryPolicy {
                retries: self.retries.unwrap_or(defaults.retry.retries),
                longest: seconds(self.longest_wait_seconds, defaults.retry.longest)?,
                ..defaults.retry
            },
            cache: self.cache_folder(),
            prompt_price: self.prompt_price.unwrap_or(0.0),
            completion_price: self.completion_price.unwrap_or(0.0),
            ..defaults
        })
    }

    fn cache_folder(&self) -> Option<PathBuf> {
        match &self.cache {
            Some(folder) => (!folder.is_empty()).then(|| PathBuf::from(folder)),
            None => {
                let home = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
                let caches = home("XDG_CACHE_HOME").or_else(|| Some(home("HOME")?.join(".cache")))?;
                Some(caches.join("rexdrug/answers"))
            }
        }
    }

    /// The model that is asked.
    ///
    /// # Errors
    /// When none is named.
    pub fn model(&self) -> Result<String> {
        self.model.clone().context(
            "no language model is named; give --llm-model, REXDRUG_LLM_MODEL or `model` in [llm] of the config file",
        )
    }

    /// How tokens are chosen.
    pub fn sampling(&self) -> Sampling {
        let defaults = Sampling::default();
        Sampling {
            temperature: self.temperature.unwrap_or(defaults.temperature),
            top_p: self.top_p.unwrap_or(defaults.top_p),
            seed: self.seed.or(defaults.seed),
            max_tokens: self.max_tokens.unwrap_or(defaults.max_tokens),
        }
    }

    /// Length of its questions and answers, for an estimate; the server is not asked.
    ///
    /// # Errors
    /// When the prompt template cannot be read.
    pub fn lengths(&self, cascade: bool) -> Result<LanguageModel> {
        let prompt = self.template(Task::DrugComb)?;
        let constant = prompt.messages(&PromptInput { sentence: "", context: "", drugs: &[] });
        Ok(LanguageModel {
            prompt_chars: constant.iter().map(|message| message.content.chars().count()).sum(),
            context_chars: self.context_chars(),
            max_tokens: self.sampling().max_tokens,
            cascade,
            prompt_price: self.prompt_price.unwrap_or(0.0),
            completion_price: self.completion_price.unwrap_or(0.0),
        })
    }

    /// Name or file of the prompt template of a task.
    pub fn prompt_name(&self, task: Task) -> String {
        self.prompt.clone().unwrap_or_else(|| default_prompt(task).to_owned())
    }

    /// sha256 of the prompt template that rows are asked for with.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn prompt_sha256(&self) -> Result<String> {
        Ok(self.template(Task::DrugComb)?.sha256().to_owned())
    }

    fn template(&self, task: Task) -> Result<PromptTemplate> {
        Ok(PromptTemplate::load(&self.prompt_name(task), task, self.format())?)
    }

    fn format(&self) -> AnswerFormat {
        if self.structured.unwrap_or(false) { AnswerFormat::JsonSchema } else { AnswerFormat::Tags }
    }

    fn context_chars(&self) -> usize {
        self.context_chars.unwrap_or(2000)
    }

    /// The model on the server, asked for a task; the server is asked whether it has it.
    ///
    /// # Errors
    /// What is missing from the settings, or what the server says.
    pub fn backend(&self, task: Task) -> Result<OpenAi> {
        let options = OpenAiOptions {
            client: self.client()?,
            model: self.model()?,
            task,
            prompt: self.prompt_name(task),
            format: self.format(),
            sampling: self.sampling(),
            context_chars: self.context_chars(),
        };
        let backend = OpenAi::new(options)?;
        // Loading is synchronous for every backend; only this one has to ask somebody.
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(backend.check()))?;
        Ok(backend)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_section_says_what_is_missing_and_what_is_wrong() {
        let read = |text: &str| toml::from_str::<LanguageModelConfig>(text);
        assert!(read("api_key = \"sk-1\"").is_err(), "a key has no place in a file");
        assert!(read("").unwrap().client().unwrap_err().to_string().contains("--llm-url"));
        let config = read("url = \"http://x/v1\"\napi_key_env = \"REXDRUG_NO_SUCH_VARIABLE\"").unwrap();
        assert!(config.client().unwrap_err().to_string().contains("REXDRUG_NO_SUCH_VARIABLE"));
        let config = read("url = \"http://x/v1\"\ntimeout_seconds = -1.0").unwrap();
        assert!(config.client().unwrap_err().to_string().contains("-1"));
        let config = read("url = \"http://x/v1\"\ncache = \"\"\nretries = 2\ntemperature = 0.5").unwrap();
        let client = config.client().unwrap();
        assert_eq!((client.cache, client.retry.retries, config.sampling().temperature), (None, 2, 0.5));
    }
}
