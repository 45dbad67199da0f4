//! Where a model runs.

use std::fmt;
use std::str::FromStr;

use super::error::BackendError;

/// A device as asked for on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Device {
    /// The processor.
    #[default]
    Cpu,
    /// An NVIDIA GPU by number.
    Cuda(u32),
}

impl FromStr for Device {
    type Err = BackendError;

    fn from_str(text: &str) -> Result<Self, BackendError> {
        let unknown = || BackendError::UnknownDevice { got: text.to_owned() };
        match text {
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            other => {
                let number = other.strip_prefix("cuda:").ok_or_else(unknown)?;
                let plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
                // ONNX Runtime takes the number as i32.
                let number = number.parse::<u32>().ok().filter(|number| plain && i32::try_from(*number).is_ok());
                number.map(Self::Cuda).ok_or_else(unknown)
            }
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => out.write_str("cpu"),
            Self::Cuda(number) => write!(out, "cuda:{number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use super::*;

    #[test]
    fn devices_parse_strictly() {
        for (text, expected) in
            [("cpu", Some("cpu")), ("cuda", Some("cuda:0")), ("cuda:0", Some("cuda:0")), ("cuda:7", Some("cuda:7"))]
                .into_iter()
                .chain(
                    ["", "CPU", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:+1", "cuda:4294967295"]
                        .map(|bad| (bad, None)),
                )
        {
            let got = text.parse::<Device>();
            match expected {
                Some(expected) => assert_eq!(got.unwrap().to_string(), expected),
                None => assert!(got.unwrap_err().to_string().contains("expected cpu, cuda or cuda:N"), "{text}"),
            }
        }
    }
}
