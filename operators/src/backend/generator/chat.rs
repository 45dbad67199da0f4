//! Chats to text, by the template that the model was trained with.

use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind, context};
use serde::Deserialize;

use crate::backend::reasoning::Message;

/// The parts of `tokenizer_config.json` that decide how a chat becomes text.
#[derive(Debug, Deserialize)]
pub(super) struct TokenizerConfig {
    chat_template: Option<String>,
    #[serde(default)]
    bos_token: Option<Token>,
    #[serde(default)]
    eos_token: Option<Token>,
}

/// A token as a string, or as transformers writes an added token.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Token {
    Plain(String),
    Added { content: String },
}

impl Token {
    fn text(token: Option<&Self>) -> &str {
        match token {
            Some(Self::Plain(text) | Self::Added { content: text }) => text,
            None => "",
        }
    }
}

/// A chat template.
#[derive(Debug)]
pub(super) struct ChatTemplate {
    environment: Environment<'static>,
    bos: String,
    eos: String,
}

const NAME: &str = "chat";

impl ChatTemplate {
    /// # Errors
    /// What is wrong with the template.
    pub(super) fn new(config: &TokenizerConfig) -> Result<Self, String> {
        let source = config.chat_template.clone().ok_or("it has no `chat_template`")?;
        let mut environment = Environment::new();
        // As transformers sets Jinja up.
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", |message: String| -> Result<Value, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, message))
        });
        // `strftime_now` stays undefined: templates then write a fixed date, and the same prompt stays the same text.
        environment.add_template_owned(NAME, source).map_err(|error| error.to_string())?;
        let text = |token: &Option<Token>| Token::text(token.as_ref()).to_owned();
        Ok(Self { environment, bos: text(&config.bos_token), eos: text(&config.eos_token) })
    }

    pub(super) fn eos(&self) -> &str {
        &self.eos
    }

    /// The text up to the place where the model goes on.
    pub(super) fn render(&self, messages: &[Message]) -> Result<String, String> {
        let template = self.environment.get_template(NAME).map_err(|error| error.to_string())?;
        let values = context! {
            messages => Value::from_serialize(messages),
            add_generation_prompt => true,
            bos_token => self.bos,
            eos_token => self.eos,
        };
        template.render(values).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;
    use crate::backend::reasoning::Role;

    fn render(template: &str, messages: &[Message]) -> Result<String, String> {
        let config =
            serde_json::json!({"chat_template": template, "bos_token": {"content": "<s>"}, "eos_token": "</s>"});
        ChatTemplate::new(&serde_json::from_value(config).unwrap()).unwrap().render(messages)
    }

    #[test]
    fn templates_render_as_in_jinja_with_pythons_methods() {
        let chat = [Message::new(Role::System, " be brief "), Message::new(Role::User, "hi")];
        let template = "{{ bos_token }}{% for m in messages %}\n  {% if m['role'] == 'system' %}\n[{{ m.content.strip() }}]{% else %}\n{{ m['role'].upper() }}: {{ m.content | tojson }}{% endif %}\n{% endfor %}\n{% if strftime_now is defined %}{{ strftime_now('%Y') }}{% endif %}{% if add_generation_prompt %}>{% endif %}";
        assert_eq!(render(template, &chat).unwrap(), "<s>[be brief]USER: \"hi\">");
        let refusing = "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}";
        assert!(render(refusing, &chat).unwrap_err().contains("no system role"));
    }
}
