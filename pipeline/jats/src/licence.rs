//! Licences: what an article or a listing says, as one code.

/// A licence as a lower-case code with its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Licence {
    /// `cc0`, `cc-by`, `cc-by-nc`, …, `public-domain`, `tdm` (text mining alone), or `other`.
    pub code: String,
    /// Version of a Creative Commons licence, such as `4.0`.
    pub version: Option<String>,
}

impl std::fmt::Display for Licence {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.version {
            Some(version) => write!(out, "{}-{version}", self.code),
            None => out.write_str(&self.code),
        }
    }
}

impl Licence {
    /// A licence that is there and is none of the known ones.
    pub fn other() -> Self {
        Self { code: "other".to_owned(), version: None }
    }

    /// Reads a Creative Commons address: `…creativecommons.org/licenses/by-nc/4.0/`, `…/publicdomain/zero/1.0/`.
    pub fn from_url(url: &str) -> Option<Self> {
        let lower = url.to_ascii_lowercase();
        let (_, path) = lower.split_once("creativecommons.org/")?;
        let mut parts = path.split(['/', '?', '#']).filter(|part| !part.is_empty());
        let (group, name) = (parts.next()?, parts.next()?);
        let version = parts.next().filter(|part| part.starts_with(|first: char| first.is_ascii_digit()));
        let code = match (group, name) {
            ("publicdomain", "zero") => "cc0".to_owned(),
            ("publicdomain", "mark") => "public-domain".to_owned(),
            ("licenses" | "license", name) => elements(name, name.starts_with("by"))?,
            _ => return None,
        };
        Some(Self { code, version: version.map(str::to_owned) })
    }

    /// Reads a code as listings write it: `CC BY-NC 4.0`, `cc-by`, `CC0`, `TDM`; other non-empty values are `other`.
    pub fn from_code(text: &str) -> Option<Self> {
        let lower = text.trim().to_ascii_lowercase().replace(['_', ' '], "-");
        if lower.is_empty() {
            return None;
        }
        if lower.starts_with("cc0") || lower.starts_with("cc-0") || lower.starts_with("cc-zero") {
            return Some(Self { code: "cc0".to_owned(), version: None });
        }
        if matches!(lower.as_str(), "tdm" | "public-domain") {
            return Some(Self { code: lower, version: None });
        }
        let name = lower.strip_prefix("cc-").unwrap_or("");
        let digits = name.find(|letter: char| letter.is_ascii_digit()).unwrap_or(name.len());
        let (name, version) = name.split_at(digits);
        let Some(code) = elements(name.trim_end_matches('-'), name.starts_with("by")) else {
            return Some(Self::other());
        };
        Some(Self { code, version: (!version.is_empty()).then(|| version.to_owned()) })
    }

    /// Reads a licence statement in words. Where it names several conditions, all of them hold.
    pub fn from_statement(text: &str) -> Option<Self> {
        let lower = text.to_lowercase();
        if !lower.contains("creative commons") && !lower.contains("cc0") {
            return lower.contains("public domain").then(|| Self { code: "public-domain".to_owned(), version: None });
        }
        let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        if has(&["cc0", "public domain dedication", "creative commons zero"]) {
            return Some(Self { code: "cc0".to_owned(), version: None });
        }
        if !has(&["attribution"]) {
            return None;
        }
        let mut code = String::from("cc-by");
        for (mark, words) in [
            ("-nc", ["noncommercial", "non-commercial", "non commercial"]),
            ("-nd", ["noderiv", "no deriv", "no-deriv"]),
            ("-sa", ["sharealike", "share alike", "share-alike"]),
        ] {
            if has(&words) {
                code.push_str(mark);
            }
        }
        Some(Self { code, version: None })
    }
}

/// `by-nc-nd` with its elements checked and in their usual order.
fn elements(name: &str, is_by: bool) -> Option<String> {
    let parts: Vec<&str> = name.split('-').collect();
    if !is_by || parts.iter().any(|part| !matches!(*part, "by" | "nc" | "nd" | "sa")) {
        return None;
    }
    let mut code = String::from("cc-by");
    for element in ["nc", "nd", "sa"] {
        if parts.contains(&element) {
            code.push('-');
            code.push_str(element);
        }
    }
    Some(code)
}
