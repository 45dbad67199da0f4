//! Input files: paths and glob patterns, in the order in which they must be applied.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rexdrug_schemas::source_sequence;

/// What is read of a folder.
const ENDINGS: [&str; 7] = ["xml", "xml.gz", "nxml", "nxml.gz", "tar.gz", "tgz", "tar"];

/// Expands `patterns` (`*`, `?`, `**`, folders) and sorts by source sequence, then name.
///
/// # Errors
/// When a pattern matches nothing: a mistyped path must not pass for an empty night.
pub fn expand(patterns: &[String]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for pattern in patterns {
        let before = files.len();
        let path = Path::new(pattern);
        if path.is_dir() {
            for ending in ENDINGS {
                files.extend(matches(&format!("{}/**/*.{ending}", glob::Pattern::escape(pattern)))?);
            }
        } else if path.exists() {
            files.push(path.to_owned());
        } else {
            files.extend(matches(pattern)?);
        }
        if files.len() == before {
            bail!(
                "no input file matches `{pattern}`; expected files (.xml, .xml.gz, .nxml, .tar.gz), a folder or a pattern"
            );
        }
    }
    files.sort_by_cached_key(|file| {
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        (source_sequence(&name), name, file.clone())
    });
    files.dedup();
    Ok(files)
}

fn matches(pattern: &str) -> Result<Vec<PathBuf>> {
    let paths = glob::glob(pattern).with_context(|| format!("`{pattern}` is no valid pattern"))?;
    paths.collect::<Result<Vec<_>, _>>().with_context(|| format!("cannot list what `{pattern}` matches"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn patterns_find_files_in_their_order_of_application() {
        let folder = tempfile::tempdir().unwrap();
        for name in
            ["updates/pubmed26n1335.xml.gz", "baseline/pubmed26n0002.xml.gz", "baseline/pubmed26n0001.xml", "a.md5"]
        {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let root = folder.path().display();
        let names = |pattern: String| -> Vec<String> {
            expand(&[pattern])
                .unwrap()
                .iter()
                .map(|file| file.file_name().unwrap().to_string_lossy().into_owned())
                .collect()
        };
        let all = ["pubmed26n0001.xml", "pubmed26n0002.xml.gz", "pubmed26n1335.xml.gz"];
        assert_eq!(names(format!("{root}/**/*.xml*")), all);
        assert_eq!(names(format!("{root}")), all);
        assert_eq!(names(format!("{root}/*/pubmed26n000?.xml.gz")), ["pubmed26n0002.xml.gz"]);
        let message = expand(&[format!("{root}/*.nothing")]).unwrap_err().to_string();
        assert!(message.contains("nothing"), "{message}");
    }
}
