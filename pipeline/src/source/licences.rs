//! Which licences a user allows.

use std::str::FromStr;

use rexdrug_jats::Licence;

/// Codes that can be asked for; `unknown` stands for articles that name no licence.
const CODES: [&str; 11] = [
    "cc0",
    "cc-by",
    "cc-by-sa",
    "cc-by-nd",
    "cc-by-nc",
    "cc-by-nc-sa",
    "cc-by-nc-nd",
    "public-domain",
    "tdm",
    "other",
    "unknown",
];

/// The licences that may be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LicenceFilter {
    codes: Vec<String>,
}

impl FromStr for LicenceFilter {
    type Err = String;

    /// Reads `cc0,cc-by`; versions make no difference.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut codes = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let lower = part.to_ascii_lowercase();
            let known = Licence::from_code(part).filter(|licence| licence.code != "other").map(|licence| licence.code);
            let code = known.or_else(|| CODES.contains(&lower.as_str()).then_some(lower));
            codes.push(code.ok_or_else(|| format!("unknown licence `{part}`; expected some of {}", CODES.join(", ")))?);
        }
        if codes.is_empty() {
            return Err(format!("no licence given; expected some of {}", CODES.join(", ")));
        }
        Ok(Self { codes })
    }
}

impl LicenceFilter {
    /// Whether an article under `licence` may be read.
    pub fn allows(&self, licence: Option<&Licence>) -> bool {
        let code = licence.map_or("unknown", |licence| licence.code.as_str());
        self.codes.iter().any(|allowed| allowed == code)
    }
}

impl std::fmt::Display for LicenceFilter {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.codes.join(", "))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn codes_are_exact_and_versions_make_no_difference() {
        let filter: LicenceFilter = "CC0, cc-by".parse().unwrap();
        let allows = |code: &str| filter.allows(Licence::from_code(code).as_ref());
        assert!(allows("CC BY 4.0") && allows("cc0") && !allows("CC BY-NC 4.0") && !allows("x") && !allows(""));
        assert!("unknown".parse::<LicenceFilter>().unwrap().allows(None));
        let message = "cc-by,cc-bye".parse::<LicenceFilter>().unwrap_err();
        assert!(message.contains("`cc-bye`") && message.contains("cc-by-nc-nd"), "{message}");
        assert!("".parse::<LicenceFilter>().is_err());
    }
}
