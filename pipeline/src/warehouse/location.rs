//! Where a warehouse is, with which storage options, and how to name it without its secrets.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use url::Url;

use super::error::{Result, WarehouseError};

/// Schemes whose object stores this build can open.
const SCHEMES: [&str; 3] = ["file", "s3", "s3a"];

/// Scheme of the tests' stores that fail on purpose.
#[cfg(test)]
pub(crate) const FAULTY: &str = "faulty";

fn is_known(scheme: &str) -> bool {
    #[cfg(test)]
    if scheme == FAULTY {
        return true;
    }
    SCHEMES.contains(&scheme)
}

/// Root of a warehouse and the options of its store.
#[derive(Clone)]
pub struct Location {
    root: Url,
    options: HashMap<String, String>,
}

impl std::fmt::Debug for Location {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut keys: Vec<&String> = self.options.keys().collect();
        keys.sort();
        out.debug_struct("Location").field("root", &self.display()).field("option_keys", &keys).finish()
    }
}

impl Location {
    /// Parses a URI or a plain path; a local folder is created.
    ///
    /// # Errors
    /// [`WarehouseError::Location`] for an unknown scheme, credentials inside the URI or an unusable path.
    pub fn parse(uri: &str, options: HashMap<String, String>) -> Result<Self> {
        let refuse = |reason: String| WarehouseError::Location { uri: redact(uri), reason };
        let url = match Url::parse(uri) {
            // A one-letter scheme is a Windows drive, not a URL.
            Ok(url) if url.scheme().len() > 1 => url,
            _ => return Self::local(Path::new(uri), options).map_err(refuse),
        };
        if url.password().is_some() || !url.username().is_empty() {
            return Err(refuse("credentials do not belong in the URI, pass them by environment".to_owned()));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("a query or fragment has no meaning here".to_owned()));
        }
        if url.scheme() == "file" {
            let path = url.to_file_path().map_err(|()| refuse("not an absolute local path".to_owned()))?;
            return Self::local(&path, options).map_err(refuse);
        }
        if !is_known(url.scheme()) {
            return Err(refuse(format!("unknown scheme `{}`", url.scheme())));
        }
        Ok(Self { root: with_slash(url), options })
    }

    /// Whether `uri` names a local folder that is not there, which [`Self::parse`] would create.
    pub fn is_missing(uri: &str) -> bool {
        match Url::parse(uri) {
            Ok(url) if url.scheme() == "file" => url.to_file_path().is_ok_and(|path| !path.is_dir()),
            Ok(url) if url.scheme().len() > 1 => false,
            _ => !uri.is_empty() && !Path::new(uri).is_dir(),
        }
    }

    fn local(path: &Path, options: HashMap<String, String>) -> std::result::Result<Self, String> {
        if path.as_os_str().is_empty() {
            return Err("the path is empty".to_owned());
        }
        std::fs::create_dir_all(path).map_err(|error| format!("cannot create the folder: {error}"))?;
        let absolute: PathBuf = path.canonicalize().map_err(|error| format!("cannot resolve the folder: {error}"))?;
        let root = Url::from_directory_path(&absolute).map_err(|()| "not an absolute path".to_owned())?;
        Ok(Self { root, options })
    }

    /// URL of one table, ending in a slash.
    pub(crate) fn table(&self, name: &str) -> Result<Url> {
        self.root
            .join(&format!("{name}/"))
            .map_err(|error| WarehouseError::Location { uri: self.display(), reason: error.to_string() })
    }

    /// Bytes of the parts in which files are sent to the store.
    pub(crate) fn part_bytes(&self) -> usize {
        // Object stores take no smaller parts but the last; a disk is sent what a thread writes at once.
        if self.root.scheme() == "file" { 256 << 10 } else { 5 << 20 }
    }

    /// The root, ending in a slash.
    pub(crate) fn root(&self) -> &Url {
        &self.root
    }

    /// Storage options as `deltalake` takes them; secrets included, so never log them.
    pub(crate) fn options(&self) -> &HashMap<String, String> {
        &self.options
    }

    /// The root without secrets, for messages.
    pub fn display(&self) -> String {
        redact(self.root.as_str())
    }
}

fn with_slash(mut url: Url) -> Url {
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    url
}

/// Keys whose values are secrets, in URLs, headers, XML bodies and option dumps.
const SECRET_KEYS: [&str; 12] = [
    "x-amz-credential",
    "x-amz-signature",
    "x-amz-security-token",
    "secret_access_key",
    "access_key_id",
    "session_token",
    "account_key",
    "sas_token",
    "authorization",
    "password",
    "awsaccesskeyid",
    "signature",
];

/// Replaces what may be a secret by `***`: user info of URLs, values after secret keys, and the values of credential
/// variables of this process's environment.
pub fn redact(text: &str) -> String {
    let mut clean = text.to_owned();
    for (name, value) in std::env::vars() {
        let name = name.to_ascii_lowercase();
        let secret =
            ["secret", "token", "password", "account_key", "access_key"].iter().any(|part| name.contains(part));
        if secret && value.len() >= 6 {
            clean = clean.replace(&value, "***");
        }
    }
    for key in SECRET_KEYS {
        clean = redact_after(&clean, key);
    }
    redact_user_info(&clean)
}

fn redact_after(text: &str, key: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mut clean = String::with_capacity(text.len());
    let mut from = 0;
    while let Some(found) = lower.get(from..).and_then(|rest| rest.find(key)) {
        let key_end = from + found + key.len();
        let tail = text.get(key_end..).unwrap_or_default();
        let skipped = tail.len() - tail.trim_start_matches(['"', '\'', ' ', ':', '=', '>', '(']).len();
        let separated = tail.get(..skipped).is_some_and(|gap| gap.contains(['=', ':', '>']));
        clean.push_str(text.get(from..key_end + skipped).unwrap_or_default());
        from = key_end + skipped;
        if separated {
            let value = text.get(from..).unwrap_or_default();
            // An Authorization header has spaces inside its value; everything else ends at a delimiter.
            let ends: &[char] =
                if key == "authorization" { &['\n', '"'] } else { &['&', '"', '\'', ' ', ',', ')', '<', '\n', '}'] };
            let length = value.find(ends).unwrap_or(value.len());
            if length > 0 {
                clean.push_str("***");
            }
            from += length;
        }
    }
    clean.push_str(text.get(from..).unwrap_or_default());
    clean
}

fn redact_user_info(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (head, tail) = rest.split_at(at + 3);
        clean.push_str(head);
        let authority = tail.find(['/', ' ', '?', '"', '\'', '\n']).unwrap_or(tail.len());
        let host = tail.get(..authority).and_then(|part| part.rfind('@'));
        rest = match host {
            Some(at) => {
                clean.push_str("***");
                tail.get(at..).unwrap_or_default()
            }
            None => tail,
        };
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn secrets_leave_messages_and_the_rest_stays() {
        for (text, expected) in [
            ("GET https://key:sEcret@host/b?x=1 failed", "GET https://***@host/b?x=1 failed"),
            ("url ?X-Amz-Signature=abcdef&part=1", "url ?X-Amz-Signature=***&part=1"),
            ("\"aws_secret_access_key\": \"abc/def+1\", \"r\": 1", "\"aws_secret_access_key\": \"***\", \"r\": 1"),
            ("Authorization: AWS4-HMAC-SHA256 Credential=AK/20 Sig=1\nnext", "Authorization: ***\nnext"),
            ("<AWSAccessKeyId>AKIA123</AWSAccessKeyId>", "<AWSAccessKeyId>***</AWSAccessKeyId>"),
            ("no secret: part-1.parquet in s3://bucket/lit", "no secret: part-1.parquet in s3://bucket/lit"),
            ("signature mismatch", "signature mismatch"),
        ] {
            assert_eq!(redact(text), expected);
        }
    }

    #[test]
    fn locations_are_checked_and_never_show_options() {
        let options = HashMap::from([("AWS_SECRET_ACCESS_KEY".to_owned(), "hunter22".to_owned())]);
        let location = Location::parse("s3://bucket/lit", options).unwrap();
        assert_eq!(location.table("runs").unwrap().as_str(), "s3://bucket/lit/runs/");
        assert!(!format!("{location:?}").contains("hunter22"));
        for bad in ["ftp://host/x", "s3://user:pw@bucket/x", "", "s3://bucket/x?y=1"] {
            let error = Location::parse(bad, HashMap::new()).unwrap_err().to_string();
            assert!(!error.contains("pw"), "{error}");
        }
        let folder = tempfile::tempdir().unwrap();
        let plain = Location::parse(folder.path().join("a b").to_str().unwrap(), HashMap::new()).unwrap();
        assert!(plain.table("runs").unwrap().as_str().ends_with("/a%20b/runs/"));
        assert!(folder.path().join("a b").is_dir());
    }
}
