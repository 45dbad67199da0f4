//! Where a bucket keeps its articles, and what its listing looks like. The defaults are those of PMC's cloud service as
//! of 2026: an S3 inventory of `metadata/PMC1.1.json` without a header, articles at `PMC1.1/PMC1.1.xml`.

use serde::Deserialize;

/// Bucket layout and listing format.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Layout {
    /// Where the articles are: `s3://bucket/prefix` or a folder.
    pub root: String,
    /// Columns of the listing in order; `key`, `etag`, `last_modified` and `licence` are read, others passed over.
    pub columns: Vec<String>,
    /// Whether the first line of the listing names its columns.
    pub header: bool,
    /// Keys in the listing that stand for an article; `{pmcid}` is `PMC` and a number, `{version}` a number.
    pub listed: String,
    /// Key of an article below the root.
    pub article: String,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            root: "s3://pmc-oa-opendata".to_owned(),
            columns: ["bucket", "key", "last_modified", "etag"].map(str::to_owned).to_vec(),
            header: false,
            listed: "metadata/{pmcid}.{version}.json".to_owned(),
            article: "{pmcid}.{version}/{pmcid}.{version}.xml".to_owned(),
        }
    }
}

impl Layout {
    /// Position of a column in the listing.
    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }

    /// Number and version of the article that a listed key stands for; version 1 where the keys have none.
    pub(crate) fn parse(&self, key: &str) -> Option<(u64, u32)> {
        let (mut pattern, mut rest) = (self.listed.as_str(), key);
        let (mut pmcid, mut version) = (None, None);
        while !pattern.is_empty() {
            if let Some(after) = pattern.strip_prefix("{pmcid}") {
                let (number, tail) = number(rest.strip_prefix("PMC")?)?;
                if pmcid.is_some_and(|known| known != number) {
                    return None;
                }
                (pmcid, rest, pattern) = (Some(number), tail, after);
            } else if let Some(after) = pattern.strip_prefix("{version}") {
                let (found, tail) = number(rest)?;
                let found = u32::try_from(found).ok().filter(|found| *found > 0)?;
                if version.is_some_and(|known| known != found) {
                    return None;
                }
                (version, rest, pattern) = (Some(found), tail, after);
            } else {
                let literal = pattern.chars().next()?;
                rest = rest.strip_prefix(literal)?;
                pattern = pattern.get(literal.len_utf8()..)?;
            }
        }
        rest.is_empty().then_some(())?;
        Some((pmcid?, version.unwrap_or(1)))
    }

    /// Key of an article.
    pub(crate) fn key(&self, pmcid: u64, version: u32) -> String {
        self.article.replace("{pmcid}", &format!("PMC{pmcid}")).replace("{version}", &version.to_string())
    }
}

fn number(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    Some((number.parse().ok().filter(|number| *number > 0)?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listed_keys_name_articles() {
        let layout = Layout::default();
        assert_eq!(layout.parse("metadata/PMC10009416.2.json"), Some((10_009_416, 2)));
        for other in ["metadata/PMC1.json", "PMC1.1/PMC1.1.xml", "metadata/PMC1.1.json.gz", "metadata/PMC0.1.json", ""]
        {
            assert_eq!(layout.parse(other), None, "{other}");
        }
        assert_eq!(layout.key(12, 3), "PMC12.3/PMC12.3.xml");
        let legacy = Layout { listed: "oa_comm/xml/all/{pmcid}.xml".into(), ..Layout::default() };
        assert_eq!(legacy.parse("oa_comm/xml/all/PMC13901.xml"), Some((13_901, 1)));
        let twice = Layout { listed: "{pmcid}.{version}/{pmcid}.{version}.xml".into(), ..Layout::default() };
        assert_eq!(twice.parse("PMC7.1/PMC7.1.xml"), Some((7, 1)));
        assert_eq!(twice.parse("PMC7.1/PMC8.1.xml"), None);
    }
}
