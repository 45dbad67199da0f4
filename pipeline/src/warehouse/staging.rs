//! Files that lie in a table's store ahead of their commit, and what workers and driver tell each other there.
//!
//! A worker writes Parquet into the folder of its table under a name of its own and says so in a *claim*: an object that
//! only one of all attempts at the same work can create. The driver commits the file of the claim and no other; what other
//! attempts left behind was never part of a table and goes with the next `compact`.

use std::path::Path as LocalPath;

use bytes::Bytes;
use deltalake::logstore::ObjectStoreRef;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutMode, PutOptions};
use rexdrug_schemas::{COMBINATIONS, DOCUMENTS, Table};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::io::AsyncWriteExt;
use url::Url;

use super::Warehouse;
use super::error::{Result, WarehouseError};
use super::spool::SpoolFile;
use super::table::{root_store, store_at};
use super::upload::send;

/// Folder of the warehouse for what is not a table.
const SIDE: &str = "_rexdrug";
/// Folder of claims in it.
const CLAIMS: &str = "claims";

/// A Parquet file in the folder of its table that no commit has named yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StagedFile {
    /// Name in the folder of its table.
    pub name: String,
    /// Rows in it.
    pub rows: u64,
    /// Size in bytes.
    pub bytes: u64,
    /// Hex sha256 of its contents.
    pub sha256: String,
}

/// The stores of a warehouse as workers and drivers use them. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Staging {
    root: Url,
    bucket: (Url, ObjectStoreRef),
    documents: ObjectStoreRef,
    combinations: ObjectStoreRef,
    side: ObjectStoreRef,
    part_bytes: usize,
}

impl Warehouse {
    /// Access to files ahead of their commit.
    ///
    /// # Errors
    /// [`WarehouseError::Delta`] when a store cannot be opened.
    pub fn staging(&self) -> Result<Staging> {
        let location = &self.inner.location;
        Ok(Staging {
            root: location.root().clone(),
            bucket: root_store(location)?,
            documents: store_at(location, DOCUMENTS.name)?,
            combinations: store_at(location, COMBINATIONS.name)?,
            side: store_at(location, SIDE)?,
            part_bytes: location.part_bytes(),
        })
    }
}

impl Staging {
    /// The warehouse: its root as a URL that ends in a slash.
    pub fn root(&self) -> &Url {
        &self.root
    }

    /// The store that holds the warehouse, rooted where URLs of its scheme and host are, and the URL of that root.
    pub fn bucket(&self) -> (&Url, &ObjectStoreRef) {
        (&self.bucket.0, &self.bucket.1)
    }

    /// The folder of the warehouse for what is not a table: models and lexicons by hash, claims, leases.
    pub fn side(&self) -> &ObjectStoreRef {
        &self.side
    }

    fn store(&self, table: &'static Table) -> Result<&ObjectStoreRef> {
        match table.name {
            name if name == DOCUMENTS.name => Ok(&self.documents),
            name if name == COMBINATIONS.name => Ok(&self.combinations),
            name => Err(WarehouseError::columns(name, "only documents and combinations can be staged")),
        }
    }

    /// Uploads a spooled file to the folder of its table, and notes its name in `spool`.
    ///
    /// # Errors
    /// [`WarehouseError::Local`] and [`WarehouseError::Delta`] for the two ends of the copy.
    pub async fn stage(&self, table: &'static Table, spool: &mut SpoolFile) -> Result<()> {
        if spool.stored.is_none() {
            spool.stored = Some(send(table, self.store(table)?, &spool.path, self.part_bytes).await?.0);
        }
        Ok(())
    }

    /// As [`Staging::stage`], with the facts that the other side checks.
    ///
    /// # Errors
    /// As [`Staging::stage`].
    pub async fn stage_with_facts(&self, table: &'static Table, spool: &SpoolFile) -> Result<StagedFile> {
        let path = spool.path.clone();
        let hashed = tokio::task::spawn_blocking(move || sha256_of(&path)).await;
        let sha256 = hashed.map_err(|error| WarehouseError::local(&spool.path, "hash it", error))??;
        let (name, bytes) = send(table, self.store(table)?, &spool.path, self.part_bytes).await?;
        Ok(StagedFile { name, rows: spool.rows, bytes, sha256 })
    }

    /// URL of a staged file.
    ///
    /// # Errors
    /// [`WarehouseError::Location`] for a name that is none.
    pub fn url_of(&self, table: &'static Table, name: &str) -> Result<Url> {
        let url = self.root.join(&format!("{}/{name}", table.name));
        url.map_err(|error| WarehouseError::Location { uri: self.root.to_string(), reason: error.to_string() })
    }

    /// A local copy of a staged file in `folder`, checked against its facts.
    ///
    /// # Errors
    /// [`WarehouseError::Parquet`] when it is not the file that the facts describe.
    pub async fn fetch(&self, table: &'static Table, file: &StagedFile, folder: &LocalPath) -> Result<SpoolFile> {
        let place = format!("{}/{}", table.name, file.name);
        let wrong = |reason: String| WarehouseError::parquet(&place, "fetch it", reason);
        let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '.';
        if !file.name.ends_with(".parquet") || !file.name.chars().all(plain) {
            return Err(wrong(format!("`{}` is no name of a part", file.name)));
        }
        let path = folder.join(&file.name);
        let local = |action: &'static str| {
            let path = path.clone();
            move |error: std::io::Error| WarehouseError::local(&path, action, error)
        };
        let found = self.store(table)?.get(&Path::from(file.name.as_str())).await;
        let mut chunks = found.map_err(|error| wrong(error.to_string()))?.into_stream();
        let mut target = tokio::fs::File::create(&path).await.map_err(local("create it"))?;
        let (mut digest, mut bytes) = (Sha256::new(), 0);
        while let Some(chunk) = chunks.try_next().await.map_err(|error| wrong(error.to_string()))? {
            digest.update(&chunk);
            bytes += chunk.len() as u64;
            target.write_all(&chunk).await.map_err(local("write it"))?;
        }
        target.flush().await.map_err(local("write it"))?;
        let sha256 = hex::encode(digest.finalize());
        if (bytes, sha256.as_str()) != (file.bytes, file.sha256.as_str()) {
            return Err(wrong(format!(
                "expected {} bytes with sha256 {}, got {bytes} with {sha256}",
                file.bytes, file.sha256
            )));
        }
        Ok(SpoolFile { path, rows: file.rows, bytes, stored: Some(file.name.clone()) })
    }

    /// Deletes, as well as it can, a staged file that nothing will name; one that stays is removed by `compact`.
    pub async fn discard(&self, table: &'static Table, file: &StagedFile) {
        if let Ok(store) = self.store(table) {
            let _ = store.delete(&Path::from(file.name.as_str())).await;
        }
    }

    /// Creates the claim `name` with `contents`; false when another attempt has created it before.
    ///
    /// # Errors
    /// [`WarehouseError::Delta`] when the store fails.
    pub async fn claim(&self, name: &str, contents: Vec<u8>) -> Result<bool> {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.side.put_opts(&claim_path(name), contents.into(), options).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => Ok(false),
            Err(error) => Err(WarehouseError::delta(SIDE, "write a claim", error)),
        }
    }

    /// What the claim `name` holds; none while nobody has made it.
    ///
    /// # Errors
    /// [`WarehouseError::Delta`] when the store fails.
    pub async fn claimed(&self, name: &str) -> Result<Option<Bytes>> {
        let failed = |error| WarehouseError::delta(SIDE, "read a claim", error);
        match self.side.get(&claim_path(name)).await {
            Ok(found) => found.bytes().await.map(Some).map_err(failed),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// Deletes claims older than `retention`; gives their number.
    pub(crate) async fn clear_claims(&self, retention: chrono::Duration) -> Result<usize> {
        let failed = |error| WarehouseError::delta(SIDE, "list claims", error);
        let Some(oldest) = chrono::Utc::now().checked_sub_signed(retention) else { return Ok(0) };
        let claims: Vec<_> = self.side.list(Some(&Path::from(CLAIMS))).try_collect().await.map_err(failed)?;
        let mut deleted = 0;
        for claim in claims.into_iter().filter(|claim| claim.last_modified < oldest) {
            deleted += usize::from(self.side.delete(&claim.location).await.is_ok());
        }
        Ok(deleted)
    }
}

fn claim_path(name: &str) -> Path {
    Path::from(format!("{CLAIMS}/{name}"))
}

fn sha256_of(path: &LocalPath) -> Result<String> {
    let failed = |error| WarehouseError::local(path, "hash it", error);
    let mut digest = Sha256::new();
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let mut chunk = vec![0u8; 1 << 16];
    loop {
        match std::io::Read::read(&mut file, &mut chunk).map_err(failed)? {
            0 => return Ok(hex::encode(digest.finalize())),
            read => digest.update(&chunk[..read]),
        }
    }
}
