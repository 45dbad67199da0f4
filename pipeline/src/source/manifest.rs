//! The `manifest.json` of an S3 inventory: which files the listing consists of, their columns and digests.

use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

use crate::error::PipelineError;

/// A listing in several files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Columns in order, as [`super::Layout::columns`] names them.
    pub columns: Vec<String>,
    /// The files, in order.
    pub files: Vec<ManifestFile>,
}

/// One file of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestFile {
    /// Key in the bucket that holds the manifest.
    pub key: String,
    /// Its md5 in hexadecimal, where the manifest has it.
    pub md5: Option<String>,
}

/// The fields that are read, as S3 names them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    file_format: String,
    file_schema: String,
    files: Vec<WrittenFile>,
}

#[derive(Debug, Deserialize)]
struct WrittenFile {
    key: String,
    #[serde(rename = "MD5checksum")]
    md5: Option<String>,
}

impl Manifest {
    /// Whether a listing of this name is a manifest.
    pub fn is_manifest(name: &str) -> bool {
        name.rsplit(['/', '\\']).next().is_some_and(|file| file.ends_with("manifest.json"))
    }

    /// Reads a manifest; `name` is for messages.
    ///
    /// # Errors
    /// [`PipelineError::Inventory`] for what is no manifest, for other formats than CSV and for keys that leave their folder.
    pub fn parse(text: &[u8], name: &str) -> Result<Self, PipelineError> {
        let failed = |reason: String| PipelineError::Inventory { uri: name.to_owned(), reason };
        let written: Written = serde_json::from_slice(text)
            .map_err(|error| failed(format!("{error}; expected the manifest.json of an S3 inventory")))?;
        if !written.file_format.eq_ignore_ascii_case("csv") {
            let format = written.file_format;
            return Err(failed(format!(
                "fileFormat is `{format}`; expected CSV, the format to choose for the inventory"
            )));
        }
        let columns = written.file_schema.split(',').map(|column| match column.trim() {
            "LastModifiedDate" => "last_modified".to_owned(),
            other => other.to_lowercase(),
        });
        let mut files = Vec::with_capacity(written.files.len());
        for file in written.files {
            let stays = Path::new(&file.key).components().all(|part| matches!(part, Component::Normal(_)));
            if !stays || file.key.is_empty() {
                return Err(failed(format!("key `{}` of a file; expected a path below the bucket", file.key)));
            }
            files.push(ManifestFile { key: file.key, md5: file.md5.map(|md5| md5.to_ascii_lowercase()) });
        }
        if files.is_empty() {
            return Err(failed("it names no file; expected some under `files`".to_owned()));
        }
        Ok(Self { columns: columns.collect(), files })
    }
}

impl ManifestFile {
    /// Where the file is when the manifest at `manifest` is a local one: under its key below a folder above the manifest,
    /// as a copy of the bucket has it, or beside the manifest.
    ///
    /// # Errors
    /// [`PipelineError::Inventory`] when it is at none of these places.
    pub fn beside(&self, manifest: &Path) -> Result<PathBuf, PipelineError> {
        let folder = manifest.parent().unwrap_or(Path::new(""));
        let name = self.key.rsplit('/').next().unwrap_or(&self.key);
        let above = folder.ancestors().map(|above| above.join(&self.key));
        above.chain([folder.join(name)]).find(|path| path.is_file()).ok_or_else(|| PipelineError::Inventory {
            uri: manifest.display().to_string(),
            reason: format!("{} is neither below a folder above the manifest nor beside it; fetch it, too", self.key),
        })
    }

    /// Compares a digest with that of the manifest.
    ///
    /// # Errors
    /// [`PipelineError::Inventory`] when they differ.
    pub fn check(&self, actual: &str, manifest: &str) -> Result<(), PipelineError> {
        match &self.md5 {
            Some(expected) if expected != actual => Err(PipelineError::Inventory {
                uri: manifest.to_owned(),
                reason: format!("md5 of {} is {actual}, expected {expected}; fetch it again", self.key),
            }),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn written(format: &str, key: &str) -> String {
        format!(
            "{{\"sourceBucket\": \"b\", \"destinationBucket\": \"arn:aws:s3:::b\", \"version\": \"2016-11-30\", \
             \"fileFormat\": \"{format}\", \"fileSchema\": \"Bucket, Key, Size, LastModifiedDate, ETag\", \
             \"files\": [{{\"key\": \"{key}\", \"size\": 7, \"MD5checksum\": \"F25D\"}}]}}"
        )
    }

    #[test]
    fn columns_and_files_are_read() {
        let manifest = Manifest::parse(written("CSV", "inv/data/1.csv.gz").as_bytes(), "m").unwrap();
        assert_eq!(manifest.columns, ["bucket", "key", "size", "last_modified", "etag"]);
        assert_eq!(
            manifest.files,
            [ManifestFile { key: "inv/data/1.csv.gz".to_owned(), md5: Some("f25d".to_owned()) }]
        );
        assert!(manifest.files[0].check("f25d", "m").is_ok());
        assert!(manifest.files[0].check("f25e", "m").unwrap_err().to_string().contains("expected f25d"));
        assert!(Manifest::is_manifest("s3://b/inv/2026-01-08T01-00Z/manifest.json") && !Manifest::is_manifest("a.csv"));
    }

    #[test]
    fn what_is_no_manifest_is_refused_with_what_was_expected() {
        for (text, expected) in [
            ("[]".to_owned(), "manifest.json of an S3 inventory"),
            (written("Parquet", "a.parquet"), "expected CSV"),
            (written("CSV", "../../etc/passwd"), "below the bucket"),
            (written("CSV", "/etc/passwd"), "below the bucket"),
            (written("CSV", ""), "below the bucket"),
            ("{\"fileFormat\":\"CSV\",\"fileSchema\":\"Key\",\"files\":[]}".to_owned(), "names no file"),
        ] {
            let message = Manifest::parse(text.as_bytes(), "m.json").unwrap_err().to_string();
            assert!(message.contains(expected) && message.contains("m.json"), "{message}");
        }
    }

    #[test]
    fn local_files_are_found_below_the_bucket_and_beside_the_manifest() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = folder.path().join("inv/b/all/2026-01-08T01-00Z/manifest.json");
        std::fs::create_dir_all(manifest.parent().unwrap()).unwrap();
        let file = ManifestFile { key: "inv/b/all/data/1.csv".to_owned(), md5: None };
        assert!(file.beside(&manifest).unwrap_err().to_string().contains("fetch it"));
        let beside = manifest.with_file_name("1.csv");
        std::fs::write(&beside, "").unwrap();
        assert_eq!(file.beside(&manifest).unwrap(), beside);
        let below = folder.path().join(&file.key);
        std::fs::create_dir_all(below.parent().unwrap()).unwrap();
        std::fs::write(&below, "").unwrap();
        assert_eq!(file.beside(&manifest).unwrap(), below);
    }
}
