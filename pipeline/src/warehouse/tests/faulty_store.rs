//! A store that fails on purpose, between the warehouse and a local folder, and what the warehouse makes of it.

use std::collections::HashMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use deltalake::logstore::{
    LogStore, LogStoreFactory, ObjectStoreFactory, ObjectStoreRef, StorageConfig, default_logstore, logstore_factories,
    object_store_factories,
};
use deltalake::{DeltaResult, DeltaTableError};
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, GetResultPayload, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result as StoreResult,
};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use url::Url;

use super::super::location::FAULTY;
use super::super::{Warehouse, WarehouseError, verify};
use super::files::{Source, record};
use super::property::model;
use super::scenario::{rows, state};

/// Ways in which a request fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Fault {
    /// 500 without effect.
    Server,
    /// No answer, without effect.
    Timeout,
    /// 503 SlowDown after a pause.
    Throttled,
    /// The body breaks off in the middle.
    TruncatedRead,
    /// The write happened, the answer got lost.
    LostAnswer,
}

#[derive(Debug)]
struct Plan {
    random: StdRng,
    share: f64,
    /// Share of the Delta commits whose answer is lost.
    lost_commits: f64,
    made: HashMap<Fault, u32>,
}

/// A folder and the faults of the store over it.
type Store = (PathBuf, Arc<Mutex<Plan>>);

/// The store of each host name of a `faulty://` URL.
static STORES: LazyLock<Mutex<HashMap<String, Store>>> = LazyLock::new(Mutex::default);

#[derive(Debug)]
struct FaultyStore {
    inner: LocalFileSystem,
    plan: Arc<Mutex<Plan>>,
}

impl std::fmt::Display for FaultyStore {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "faulty {}", self.inner)
    }
}

fn error(fault: Fault) -> object_store::Error {
    let text = match fault {
        Fault::Server => "500 Internal Server Error",
        Fault::Timeout | Fault::LostAnswer => "operation timed out",
        Fault::Throttled => "503 SlowDown",
        Fault::TruncatedRead => "end of file before message length reached",
    };
    object_store::Error::Generic { store: "faulty", source: text.into() }
}

impl FaultyStore {
    /// The fault of this request, if it has one, out of those that fit.
    fn draw(&self, kinds: &[Fault], commit: bool) -> Option<Fault> {
        let mut plan = self.plan.lock().unwrap();
        let lost = plan.lost_commits;
        if commit && plan.random.random_bool(lost) {
            *plan.made.entry(Fault::LostAnswer).or_default() += 1;
            return Some(Fault::LostAnswer);
        }
        let share = plan.share;
        if !plan.random.random_bool(share) {
            return None;
        }
        // The kind that happened least so far, so that a short test meets all of them.
        let rarest = |fault: &&Fault| plan.made.get(*fault).copied().unwrap_or_default();
        let fault = kinds.iter().min_by_key(rarest).copied()?;
        *plan.made.entry(fault).or_default() += 1;
        Some(fault)
    }

    /// Fails before anything happens.
    async fn before(&self) -> StoreResult<()> {
        match self.draw(&[Fault::Server, Fault::Timeout, Fault::Throttled], false) {
            None => Ok(()),
            Some(fault) => {
                tokio::time::sleep(Duration::from_millis(2)).await;
                Err(error(fault))
            }
        }
    }
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> StoreResult<PutResult> {
        let commit = location.extension() == Some("json");
        let kinds = [Fault::Server, Fault::Timeout, Fault::Throttled, Fault::LostAnswer];
        match self.draw(&kinds, commit) {
            None => self.inner.put_opts(location, payload, options).await,
            Some(Fault::LostAnswer) => {
                self.inner.put_opts(location, payload, options).await?;
                Err(error(Fault::LostAnswer))
            }
            Some(fault) => Err(error(fault)),
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> StoreResult<Box<dyn MultipartUpload>> {
        self.before().await?;
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> StoreResult<GetResult> {
        let head = options.head;
        match self.draw(&[Fault::Server, Fault::Timeout, Fault::Throttled, Fault::TruncatedRead], false) {
            Some(Fault::TruncatedRead) if !head => {
                let found = self.inner.get_opts(location, options).await?;
                let (meta, range, attributes) = (found.meta.clone(), found.range.clone(), found.attributes.clone());
                let whole = found.bytes().await?;
                let half = whole.slice(..whole.len() / 2);
                let parts = vec![Ok(half), Err(error(Fault::TruncatedRead))];
                let payload = GetResultPayload::Stream(futures::stream::iter(parts).boxed());
                Ok(GetResult { payload, meta, range, attributes })
            }
            Some(fault) => Err(error(fault)),
            None => self.inner.get_opts(location, options).await,
        }
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> StoreResult<Vec<Bytes>> {
        self.before().await?;
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, StoreResult<Path>>) -> BoxStream<'static, StoreResult<Path>> {
        match self.draw(&[Fault::Server, Fault::Throttled], false) {
            Some(fault) => futures::stream::iter([Err(error(fault))]).boxed(),
            None => self.inner.delete_stream(locations),
        }
    }

    /// In the order of the names, as object stores list and Delta readers expect; a local folder has no order.
    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        let fault = self.draw(&[Fault::Server, Fault::Timeout], false);
        let listed = self.inner.list(prefix).collect::<Vec<StoreResult<ObjectMeta>>>();
        let sorted = async move {
            let mut listed = listed.await;
            listed.sort_by_key(|one| one.as_ref().ok().map(|meta| meta.location.clone()));
            if let Some(fault) = fault {
                listed.truncate(1);
                listed.push(Err(error(fault)));
            }
            futures::stream::iter(listed)
        };
        sorted.flatten_stream().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> StoreResult<ListResult> {
        self.before().await?;
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> StoreResult<()> {
        self.before().await?;
        self.inner.copy_opts(from, to, options).await
    }
}

struct Factory;

impl ObjectStoreFactory for Factory {
    fn parse_url_opts(&self, url: &Url, _config: &StorageConfig) -> DeltaResult<(ObjectStoreRef, Path)> {
        let known = STORES.lock().unwrap().get(url.host_str().unwrap_or_default()).cloned();
        let (folder, plan) = known.ok_or_else(|| DeltaTableError::InvalidTableLocation(url.to_string()))?;
        let inner = LocalFileSystem::new_with_prefix(folder)?;
        Ok((Arc::new(FaultyStore { inner, plan }), Path::from_url_path(url.path())?))
    }
}

impl LogStoreFactory for Factory {
    fn with_options(
        &self,
        prefixed: ObjectStoreRef,
        root: ObjectStoreRef,
        location: &Url,
        options: &StorageConfig,
    ) -> DeltaResult<Arc<dyn LogStore>> {
        Ok(default_logstore(prefixed, root, location, options))
    }
}

/// A warehouse URI on `folder` whose requests fail by `plan`.
fn faulty(name: &str, folder: &std::path::Path, plan: &Arc<Mutex<Plan>>) -> String {
    let scheme = Url::parse(&format!("{FAULTY}://")).unwrap();
    object_store_factories().insert(scheme.clone(), Arc::new(Factory));
    logstore_factories().insert(scheme, Arc::new(Factory));
    STORES.lock().unwrap().insert(name.to_owned(), (folder.to_owned(), Arc::clone(plan)));
    format!("{FAULTY}://{name}/")
}

fn plan(seed: u64, share: f64, lost_commits: f64) -> Arc<Mutex<Plan>> {
    Arc::new(Mutex::new(Plan { random: StdRng::seed_from_u64(seed), share, lost_commits, made: HashMap::new() }))
}

/// Baselines, revisions and deletions that touch one another.
fn night() -> Vec<Source> {
    (1..=5)
        .map(|seq| {
            let records = (0..8).map(|pmid| record(pmid + 4 * (seq % 3), i32::try_from(seq).unwrap(), 1)).collect();
            let mut file = Source::new(seq, records).deleting(&[(seq + 20, 9), (seq, 1)]);
            file.refused = seq % 2;
            file
        })
        .collect()
}

/// Commits every file, starting again after each failure as the next run would; returns the number of failures.
async fn insist(uri: &str, files: &[Source], folder: &std::path::Path) -> u32 {
    let mut failures = 0;
    for file in files {
        let job = file.commit(folder, "A");
        loop {
            let warehouse = Warehouse::open(uri, HashMap::new()).unwrap();
            match warehouse.commit_file(&job).await {
                Ok(_) => break,
                Err(error @ (WarehouseError::Delta { .. } | WarehouseError::Parquet { .. })) => {
                    failures += 1;
                    assert!(failures < 2000, "no end of failures: {error}");
                }
                Err(error) => panic!("not an error of the store: {error}"),
            }
        }
    }
    failures
}

/// Seeds of the store tests: two in `make test`, more in `make torture`.
fn seeds() -> u64 {
    std::env::var("REXDRUG_STORE_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(2)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_percent_of_all_requests_fail_and_the_rows_are_the_same() {
    let files = night();
    let mut made: HashMap<Fault, u32> = HashMap::new();
    let mut failures = 0;
    for seed in 0..seeds() {
        let (folder, spools) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let plan = plan(seed, 0.05, 0.05);
        let uri = faulty(&format!("share{seed}"), folder.path(), &plan);
        failures += insist(&uri, &files, spools.path()).await;
        for (fault, count) in plan.lock().unwrap().made.drain() {
            *made.entry(fault).or_default() += count;
        }
        ends_like_a_good_one(folder.path(), &files).await;
    }
    eprintln!("store faults: {} seeds, {made:?}, {failures} commits started again", seeds());
    assert!(made.len() == 5 && failures > 0, "every kind of fault happened: {made:?}, {failures} failures");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_is_lost_is_not_made_twice() {
    let files = night();
    for seed in 0..seeds() {
        let (folder, spools) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let plan = plan(1000 + seed, 0.0, 0.6);
        let uri = faulty(&format!("lost{seed}"), folder.path(), &plan);
        insist(&uri, &files, spools.path()).await;
        assert!(plan.lock().unwrap().made[&Fault::LostAnswer] >= 5);
        ends_like_a_good_one(folder.path(), &files).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_writers_on_a_bad_store_commit_every_file_once() {
    let files = night();
    let (folder, spools) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plan = plan(77, 0.03, 0.1);
    let uri = faulty("two", folder.path(), &plan);
    let spool = spools.path().to_owned();
    let writers: Vec<_> = [files.clone(), files.iter().rev().cloned().collect()]
        .into_iter()
        .map(|files: Vec<Source>| {
            let (uri, spool) = (uri.clone(), spool.clone());
            tokio::spawn(async move { insist(&uri, &files, &spool).await })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    ends_like_a_good_one(folder.path(), &files).await;
}

async fn ends_like_a_good_one(folder: &std::path::Path, files: &[Source]) {
    let good = Warehouse::open(folder.to_str().unwrap(), HashMap::new()).unwrap();
    assert_eq!(state(&good).await, model(files));
    let sums = rows(&good, "SELECT source_seq, count(*) FROM runs GROUP BY source_seq").await;
    assert_eq!(sums, (1..=5).map(|seq: i64| vec![seq.to_string(), "1".to_owned()]).collect::<Vec<_>>());
    let refused: i64 = files.iter().map(|file| file.refused).sum();
    assert_eq!(rows(&good, "SELECT count(*) FROM quarantine").await, [[refused.to_string()]]);
    assert_eq!(verify(&good, Default::default()).await.unwrap(), []);
    let listed: Vec<_> = LocalFileSystem::new_with_prefix(folder).unwrap().list(None).try_collect().await.unwrap();
    assert!(!listed.is_empty());
}
