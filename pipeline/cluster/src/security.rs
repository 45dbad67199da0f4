//! Who may speak to the scheduler: a shared token, and TLS with certificates of both sides.
//!
//! Only the scheduler opens a port. Drivers and workers show the token in the header `authorization: Bearer …` of every
//! request; the scheduler looks at it before it looks at the request.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity, ServerTlsConfig};
use tonic::{Request, Status};

use crate::error::ClusterError;

/// Longest time for a connection, for an answer, and without a sign of life.
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(20);
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// Shortest token that is accepted.
const LEAST_TOKEN: usize = 16;

/// A shared secret. Never shown: not by `Debug`, not in errors.
#[derive(Clone)]
pub struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Token(***)")
    }
}

impl Token {
    /// Checks that `text` can be a token: at least 16 letters, digits, `-`, `_`, `.`, `~`, `+`, `/` or `=`.
    ///
    /// # Errors
    /// [`ClusterError::Secret`] otherwise; `from` says where it came from.
    pub fn parse(text: &str, from: &str) -> Result<Self, ClusterError> {
        let text = text.trim();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~+/=".contains(&byte);
        if text.len() >= LEAST_TOKEN && text.bytes().all(plain) {
            return Ok(Self(text.to_owned()));
        }
        Err(ClusterError::Secret {
            what: "cluster token",
            path: from.to_owned(),
            reason: format!(
                "expected at least {LEAST_TOKEN} letters, digits or -_.~+/=; make one with `openssl rand -hex 32`"
            ),
        })
    }

    /// Compares hashes, so that the time taken says nothing of where two tokens differ.
    fn is(&self, shown: &str) -> bool {
        Sha256::digest(self.0.as_bytes()) == Sha256::digest(shown.as_bytes())
    }

    /// Adds it to a request.
    ///
    /// # Errors
    /// Never for a token that was parsed.
    pub fn show<T>(&self, request: &mut Request<T>) -> Result<(), Status> {
        let value = format!("Bearer {}", self.0).parse();
        request.metadata_mut().insert("authorization", value.map_err(|_| Status::internal("the token is no header"))?);
        Ok(())
    }

    /// Refuses a request that does not show it.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`, with no hint of what was wrong.
    pub fn check(&self, request: Request<()>) -> Result<Request<()>, Status> {
        let header = request.metadata().get("authorization").and_then(|value| value.to_str().ok());
        match header.and_then(|value| value.strip_prefix("Bearer ")) {
            Some(shown) if self.is(shown) => Ok(request),
            _ => Err(Status::unauthenticated("the token is missing or wrong")),
        }
    }
}

/// Files of certificates and keys, as given.
#[derive(Debug, Clone, Default)]
pub struct SecurityFiles {
    /// Token of the cluster.
    pub token: Option<Token>,
    /// Certificates that sign those of the other side, PEM.
    pub ca: Option<PathBuf>,
    /// Own certificate, PEM.
    pub cert: Option<PathBuf>,
    /// Its key, PEM.
    pub key: Option<PathBuf>,
}

/// Security of one side, read from its files.
#[derive(Debug, Clone, Default)]
pub struct Security {
    token: Option<Token>,
    ca: Option<Certificate>,
    identity: Option<Identity>,
}

fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, ClusterError> {
    std::fs::read(path).map_err(|error| ClusterError::Secret {
        what,
        path: path.display().to_string(),
        reason: error.to_string(),
    })
}

impl Security {
    /// Reads the files.
    ///
    /// # Errors
    /// When one cannot be read, or a certificate comes without its key.
    pub fn read(files: SecurityFiles) -> Result<Self, ClusterError> {
        let ca = files.ca.as_deref().map(|path| read("certificate authority", path)).transpose()?;
        let identity = match (&files.cert, &files.key) {
            (Some(cert), Some(key)) => Some(Identity::from_pem(read("certificate", cert)?, read("key", key)?)),
            (None, None) => None,
            (Some(path), None) | (None, Some(path)) => {
                let (path, reason) = (path.display().to_string(), "a certificate and its key go together".to_owned());
                return Err(ClusterError::Secret { what: "certificate or key", path, reason });
            }
        };
        if ca.is_some() || identity.is_some() {
            // The libraries of this process bring two providers of cryptography, so one has to be named; failure means that
            // somebody has named one already.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        Ok(Self { token: files.token, ca: ca.map(Certificate::from_pem), identity })
    }

    /// The token.
    pub fn token(&self) -> Option<&Token> {
        self.token.as_ref()
    }

    /// Whether callers are known and nobody on the way can read: a token, and TLS.
    pub fn is_closed(&self) -> bool {
        self.token.is_some() && self.identity.is_some()
    }

    /// TLS of a server; none without a certificate. With an authority, callers need certificates of it.
    pub fn server_tls(&self) -> Option<ServerTlsConfig> {
        let tls = ServerTlsConfig::new().identity(self.identity.clone()?);
        Some(match &self.ca {
            Some(ca) => tls.client_ca_root(ca.clone()),
            None => tls,
        })
    }

    /// An endpoint as this side reaches the scheduler; encrypted where an authority is given.
    ///
    /// # Errors
    /// When the address or a certificate cannot be used.
    pub fn endpoint(&self, address: &str) -> Result<Endpoint, tonic::transport::Error> {
        let endpoint = match &self.ca {
            None => Endpoint::from_shared(format!("http://{address}"))?,
            Some(ca) => {
                let tls = ClientTlsConfig::new().ca_certificate(ca.clone());
                let tls = self.identity.iter().fold(tls, |tls, identity| tls.identity(identity.clone()));
                Endpoint::from_shared(format!("https://{address}"))?.tls_config(tls)?
            }
        };
        // A machine that has gone without a word is noticed.
        Ok(endpoint
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .keep_alive_while_idle(true))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_request_needs_the_token() {
        let token = Token::parse("0123456789abcdef\n", "a test").unwrap();
        let request = |name: &'static str, value: &str| {
            let mut request = Request::new(());
            request.metadata_mut().insert(name, value.parse().unwrap());
            request
        };
        let mut shown = Request::new(());
        token.show(&mut shown).unwrap();
        assert!(token.check(shown).is_ok());
        for (name, value) in [
            ("authorization", "Bearer 0123456789abcdeF"),
            ("authorization", "Bearer "),
            ("authorization", "0123456789abcdef"),
            ("user-agent", "0123456789abcdef"),
        ] {
            assert!(token.check(request(name, value)).is_err(), "{name}: {value}");
        }
        assert!(token.check(Request::new(())).is_err());
        assert!(!format!("{token:?}").contains("0123"));
        assert!(Token::parse("short", "a test").is_err() && Token::parse("0123456789 abcdef", "a test").is_err());
    }
}
