//! What `run` and `ingest` read: local files, or a listing of articles in an object store.

use std::path::Path;
use std::pin::Pin;

use anyhow::{Result, bail};
use clap::Args;
use futures::{Stream, stream};
use indicatif::HumanCount;
use rexdrug_pipeline::session::Session;
use rexdrug_pipeline::source::{
    IngestOptions, Input, InventoryCounts, Layout, LicenceFilter, LocalFiles, ObjectReader, Requests, Shard,
};
use rexdrug_pipeline::warehouse::{KnownMembers, Warehouse};
use serde::Serialize;

use crate::config::Settings;
use crate::files;
use crate::listing::Listing;
use crate::progress::Progress;
use crate::shard;

/// The word that stands for the articles of a listing.
const PMC: &str = "pmc";

/// Which files or articles.
#[derive(Debug, Args)]
pub struct InputArgs {
    /// PubMed XML (plain or gzip), PMC articles (.nxml, .xml), packages (.tar.gz), folders, patterns such as
    /// 'baseline/*.xml.gz'; `pmc` with --inventory
    #[arg(required_unless_present = "inventory", value_name = "FILE")]
    files: Vec<String>,
    /// Listing of articles in an object store: CSV, plain or gzip, or the manifest.json of an S3 inventory; a file or
    /// s3://bucket/key
    #[arg(long, value_name = "URI")]
    inventory: Option<String>,
    /// Where the listed articles are [default: s3://pmc-oa-opendata, or `root` under [pmc] in the config file]
    #[arg(long, value_name = "URI", requires = "inventory")]
    articles: Option<String>,
    /// Read only articles under these licences: cc0, cc-by, cc-by-sa, cc-by-nc, ..., other, unknown [default: all]
    #[arg(long, value_name = "LIST")]
    licence: Option<LicenceFilter>,
    /// Read the body rows of the articles' tables, too: each is a section such as `Results > Table 2 > Row 5` with one
    /// sentence, `heading: cell; heading: cell` [default: tables are left out and counted]
    #[arg(long)]
    tables: bool,
    /// Articles that are files or objects of their own are committed so many together
    #[arg(long, default_value_t = 1000, value_name = "N")]
    pack: usize,
    /// Requests under way at once to the store of the articles
    #[arg(long, default_value_t = 32, value_name = "N", requires = "inventory")]
    requests: usize,
    /// Read one of n parts, for n processes on one warehouse: i/n with i from 0 to n-1, by the md5 of each file;
    /// auto/n or auto take i (and n) from an array job of Kubernetes, AWS Batch or Slurm
    #[arg(long, env = "REXDRUG_SHARD", value_parser = shard::parse, value_name = "I/N")]
    shard: Option<Shard>,
}

/// What there is to read.
pub struct Inputs {
    /// Source files in their order of application.
    pub stream: Pin<Box<dyn Stream<Item = Input> + Send>>,
    /// Shows how far they are read.
    pub progress: Progress,
    shard: Option<ShardReport>,
    known: u64,
    listing: Option<InventoryCounts>,
    objects: Option<ObjectReader>,
}

/// What planning and the store say at the end.
#[derive(Debug, Serialize)]
pub struct InputReport {
    /// Which part of the input this was, where it was not all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shard: Option<ShardReport>,
    /// Articles that the warehouse had already.
    pub articles_known: u64,
    /// What became of the lines of the listing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub listing: Option<InventoryCounts>,
    /// Requests to the store of the articles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object_requests: Option<RequestReport>,
}

/// One part of the input.
#[derive(Debug, Clone, Serialize)]
pub struct ShardReport {
    /// As given: i/n.
    pub part: String,
    /// Files and articles of this part.
    pub here: u64,
    /// Files and articles of the other parts.
    pub elsewhere: u64,
}

/// Requests to the store of the articles.
#[derive(Debug, Serialize)]
pub struct RequestReport {
    /// All of them, the listing among them.
    pub requests: u64,
    /// Those that repeated a failed one.
    pub repeated: u64,
    /// Bytes of the objects read.
    pub bytes: u64,
    /// Requests per 1,000 articles read.
    pub per_thousand_articles: f64,
}

impl InputArgs {
    /// How files and articles are read.
    pub fn ingest_options(&self) -> IngestOptions {
        IngestOptions { licences: self.licence.clone(), table_rows: self.tables, ..IngestOptions::default() }
    }

    /// The part of the input that is read.
    pub fn shard(&self) -> Shard {
        self.shard.unwrap_or_default()
    }

    fn shard_report(&self, here: u64, elsewhere: u64) -> Option<ShardReport> {
        let part = self.shard.filter(|shard| !shard.is_whole())?.to_string();
        Some(ShardReport { part, here, elsewhere })
    }

    /// Finds out what there is to read that the warehouse does not have.
    ///
    /// # Errors
    /// When a file, listing, store or the warehouse cannot be read.
    pub async fn plan(
        &self,
        settings: &Settings,
        warehouse: &Warehouse,
        session: &Session,
        spool: &Path,
    ) -> Result<Inputs> {
        match &self.inventory {
            Some(listing) => {
                if !matches!(self.files.as_slice(), [] | [_]) || self.files.iter().any(|file| file != PMC) {
                    bail!("--inventory reads a listing of articles: expected `{PMC}` or no file, got {:?}", self.files);
                }
                self.plan_listing(listing, &settings.pmc, warehouse, session, spool).await
            }
            None => self.plan_files(warehouse, session).await,
        }
    }

    async fn plan_files(&self, warehouse: &Warehouse, session: &Session) -> Result<Inputs> {
        let paths = files::expand(&self.files)?;
        let shard = self.shard();
        let sorted = tokio::task::spawn_blocking(move || LocalFiles::sort(paths).only(shard)).await?;
        let known = match sorted.has_articles() {
            true => warehouse.known_members(session.context()).await?,
            false => KnownMembers::default(),
        };
        let size = self.pack;
        let here = sorted.len() as u64;
        let plan = tokio::task::spawn_blocking(move || sorted.plan(&known, size)).await?;
        Ok(Inputs {
            progress: Progress::over_inputs(&plan.inputs),
            stream: Box::pin(stream::iter(plan.inputs)),
            shard: self.shard_report(here, plan.elsewhere),
            known: plan.known,
            listing: None,
            objects: None,
        })
    }

    async fn plan_listing(
        &self,
        listing: &str,
        layout: &Layout,
        warehouse: &Warehouse,
        session: &Session,
        spool: &Path,
    ) -> Result<Inputs> {
        let root = self.articles.as_deref().unwrap_or(&layout.root);
        let objects = ObjectReader::open(root, self.requests, 64 << 20)?;
        let listing = Listing::fetch(listing, layout, &objects, spool).await?;
        let licences = self.licence.clone();
        let mut inventory = tokio::task::spawn_blocking(move || listing.read(licences.as_ref())).await??;
        inventory.only(self.shard());
        let here = inventory.counts().articles;
        let known = warehouse.known_members(session.context()).await?;
        inventory.without(&known);
        let counts = inventory.counts();
        let packs = usize::try_from(counts.articles)?.div_ceil(self.pack.max(1));
        Ok(Inputs {
            progress: Progress::over_sources(packs),
            stream: Box::pin(stream::iter(inventory.packs(self.pack, objects.clone(), known))),
            shard: self.shard_report(here, counts.elsewhere),
            known: counts.known,
            listing: Some(counts),
            objects: Some(objects),
        })
    }
}

impl Inputs {
    /// The part that can be reported once the stream is gone.
    pub fn report(&self) -> impl Fn(u64) -> InputReport + use<> {
        let (shard, articles_known) = (self.shard.clone(), self.known);
        let (listing, objects) = (self.listing, self.objects.clone());
        move |articles| InputReport {
            shard: shard.clone(),
            articles_known,
            listing,
            object_requests: objects.as_ref().map(|objects| RequestReport::new(objects.requests(), articles)),
        }
    }
}

impl RequestReport {
    fn new(requests: &Requests, articles: u64) -> Self {
        Self {
            requests: requests.gets(),
            repeated: requests.repeated(),
            bytes: requests.bytes(),
            per_thousand_articles: requests.gets() as f64 * 1000.0 / articles.max(1) as f64,
        }
    }
}

impl InputReport {
    /// Says it in a line each.
    pub fn print(&self) {
        if let Some(shard) = &self.shard {
            println!(
                "shard {}: {} files and articles, {} in the others",
                shard.part,
                HumanCount(shard.here),
                HumanCount(shard.elsewhere),
            );
        }
        if let Some(listing) = self.listing {
            println!(
                "listing: {} lines, {} older versions, {} not allowed by licence, {} already there, {} to read",
                HumanCount(listing.lines),
                HumanCount(listing.superseded),
                HumanCount(listing.unlicensed),
                HumanCount(listing.known),
                HumanCount(listing.articles),
            );
        } else if self.articles_known > 0 {
            println!("{} articles already there", HumanCount(self.articles_known));
        }
        if let Some(requests) = &self.object_requests {
            println!(
                "object store: {} requests ({} repeated), {:.0} per 1,000 articles",
                HumanCount(requests.requests),
                HumanCount(requests.repeated),
                requests.per_thousand_articles,
            );
        }
    }
}
