//! Local files as tables, by path: `FROM 'pairs.csv'`, Parquet, NDJSON and JSON arrays.
//!
//! DataFusion reads most of it; what is added here is JSON that is one array, and the endings `.jsonl` and `.ndjson`.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{TableProvider, UrlTableFactory};
use datafusion::datasource::dynamic_file::DynamicListTableFactory;
use datafusion::datasource::file_format::json::JsonFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SessionState;

/// Endings that hold JSON.
const JSON_ENDINGS: [&str; 3] = ["json", "jsonl", "ndjson"];

/// Opens a path as a table; see the module.
#[derive(Debug)]
pub(crate) struct LocalFiles {
    pub(crate) others: Arc<DynamicListTableFactory>,
}

impl LocalFiles {
    fn state(&self) -> Result<SessionState> {
        let session = self.others.session_store().get_session().upgrade();
        session
            .and_then(|session| session.read().as_any().downcast_ref::<SessionState>().cloned())
            .ok_or_else(|| DataFusionError::Internal("the session of a file table is gone".to_owned()))
    }

    async fn json(&self, path: &Path, ending: &str) -> Result<Arc<dyn TableProvider>> {
        let format = JsonFormat::default().with_newline_delimited(!starts_with_bracket(path)?);
        let options = ListingOptions::new(Arc::new(format)).with_file_extension(format!(".{ending}"));
        let url = ListingTableUrl::parse(path.to_string_lossy())?;
        let config = ListingTableConfig::new(url).with_listing_options(options);
        let config = config.infer_schema(&self.state()?).await.map_err(|error| {
            error.context(format!("{}: expected one JSON object a line, or one array of objects", path.display()))
        })?;
        Ok(Arc::new(ListingTable::try_new(config)?))
    }
}

/// Whether the first byte of `path` that is not white space opens an array.
fn starts_with_bracket(path: &Path) -> Result<bool> {
    let mut head = [0u8; 512];
    let read = std::fs::File::open(path).and_then(|mut file| file.read(&mut head))?;
    Ok(head[..read].iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'['))
}

#[async_trait]
impl UrlTableFactory for LocalFiles {
    async fn try_new(&self, url: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let path = Path::new(url);
        let ending = path.extension().map(|ending| ending.to_string_lossy().into_owned()).unwrap_or_default();
        if path.is_file() && JSON_ENDINGS.contains(&ending.to_lowercase().as_str()) {
            return self.json(path, &ending).await.map(Some);
        }
        self.others.try_new(url).await
    }
}
