//! A listing of articles, fetched: one CSV file, or all files of an S3 inventory's manifest.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use rexdrug_pipeline::source::{Inventory, Layout, LicenceFilter, Manifest, ObjectReader, decompressed, md5_of};

/// Files of a listing on this machine, and what is in them.
pub struct Listing {
    name: String,
    layout: Layout,
    /// Name for messages and place of each file.
    files: Vec<(String, PathBuf)>,
}

impl Listing {
    /// Brings the listing at `uri`, a file or `s3://bucket/key`, into `spool` where it is not local. What a manifest
    /// says of columns replaces what `layout` says; its requests are counted with those of `objects`.
    ///
    /// # Errors
    /// When something is not there, damaged, or no listing.
    pub async fn fetch(uri: &str, layout: &Layout, objects: &ObjectReader, spool: &Path) -> Result<Self> {
        let mut listing = Self { name: uri.to_owned(), layout: layout.clone(), files: Vec::new() };
        let bucket = match uri.strip_prefix("s3://") {
            Some(rest) => {
                let Some((bucket, key)) = rest.split_once('/') else {
                    bail!("listing {uri} is a bucket; expected s3://bucket/key");
                };
                Some((objects.elsewhere(&format!("s3://{bucket}"))?, key))
            }
            None => None,
        };
        let path = match &bucket {
            Some((bucket, key)) => {
                let path = spool.join("listing");
                bucket.download(key, &path).await?;
                path
            }
            None => PathBuf::from(uri.strip_prefix("file://").unwrap_or(uri)),
        };
        if !Manifest::is_manifest(uri) {
            listing.files.push((uri.to_owned(), path));
            return Ok(listing);
        }
        let text = std::fs::read(&path).with_context(|| format!("cannot read the listing {uri}"))?;
        let manifest = Manifest::parse(&text, uri)?;
        listing.layout.columns.clone_from(&manifest.columns);
        listing.layout.header = false;
        for (number, file) in manifest.files.iter().enumerate() {
            let part = match &bucket {
                Some((bucket, _)) => {
                    let part = spool.join(format!("listing-{number}"));
                    bucket.download(&file.key, &part).await?;
                    part
                }
                None => file.beside(&path)?,
            };
            let digest = md5_of(&part).with_context(|| format!("cannot read {}", part.display()))?;
            file.check(&digest, uri)?;
            listing.files.push((file.key.clone(), part));
        }
        Ok(listing)
    }

    /// Reads it; blocks.
    ///
    /// # Errors
    /// When a file is no CSV of the columns named, or no line is an article.
    pub fn read(self, licences: Option<&LicenceFilter>) -> Result<Inventory> {
        let mut inventory = Inventory::new(self.layout);
        for (name, path) in &self.files {
            let file = File::open(path).with_context(|| format!("cannot read the listing {name}"))?;
            let reader = decompressed(file).with_context(|| format!("cannot read the listing {name}"))?;
            inventory.add(reader, name, licences)?;
        }
        Ok(inventory.newest(&self.name)?)
    }
}
