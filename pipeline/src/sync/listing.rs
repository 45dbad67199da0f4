//! NLM's listing pages: one line of HTML a file, with its name, the time of its last change and its size.

use chrono::{DateTime, NaiveDateTime, Utc};
use rexdrug_schemas::source_sequence;

/// A MEDLINE file that a listing names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteFile {
    /// File name.
    pub name: String,
    /// Folder below the base address.
    pub folder: String,
    /// Order of application.
    pub sequence: i64,
    /// Last change, where the listing says so; read as UTC although servers show local time.
    pub modified: Option<DateTime<Utc>>,
}

/// The MEDLINE files in a listing, by sequence. Everything else in it (parent folder, md5 files, statistics, names that
/// are no plain file names) is passed over.
pub fn parse_listing(folder: &str, html: &str) -> Vec<RemoteFile> {
    let mut files = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find("href") {
        rest = rest.get(at + 4..).unwrap_or_default();
        let value = rest.trim_start().strip_prefix('=').map(str::trim_start).unwrap_or_default();
        let quote = value.chars().next().filter(|quote| ['"', '\''].contains(quote));
        let name = match quote {
            Some(quote) => value.get(1..).and_then(|value| value.split(quote).next()),
            None => value.split(['>', ' ', '\t', '\n']).next(),
        };
        let Some(name) = name.filter(|name| is_medline_file(name)) else { continue };
        // The rest of the entry reaches to the next link.
        let entry = value.find("href").and_then(|end| value.get(..end)).unwrap_or(value);
        files.push(RemoteFile {
            name: name.to_owned(),
            folder: folder.to_owned(),
            sequence: source_sequence(name),
            modified: entry.find("</a>").and_then(|end| time_in(entry.get(end..)?)),
        });
    }
    files.sort_by(|left, right| (left.sequence, &left.name).cmp(&(right.sequence, &right.name)));
    files.dedup_by(|left, right| left.name == right.name);
    files
}

/// `pubmed26n0001.xml.gz`: letters, two or four digits, `n`, digits. So a name is never a path.
fn is_medline_file(name: &str) -> bool {
    let Some(stem) = name.strip_suffix(".xml.gz") else { return false };
    let Some((head, number)) = stem.rsplit_once('n') else { return false };
    let letters = head.trim_end_matches(|letter: char| letter.is_ascii_digit());
    let year = head.len() - letters.len();
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    !letters.is_empty()
        && letters.bytes().all(|byte| byte.is_ascii_lowercase())
        && (year == 2 || year == 4)
        && digits(number)
        && number.len() <= 6
}

/// The first `2026-01-09 14:31` or `09-Jan-2026 14:31` of a text.
fn time_in(text: &str) -> Option<DateTime<Utc>> {
    let words: Vec<&str> = text.split(|letter: char| letter.is_whitespace() || ['<', '>'].contains(&letter)).collect();
    words.windows(2).find_map(|pair| {
        let joined = pair.join(" ");
        ["%Y-%m-%d %H:%M", "%d-%b-%Y %H:%M", "%Y-%m-%d %H:%M:%S"]
            .iter()
            .find_map(|format| NaiveDateTime::parse_from_str(&joined, format).ok())
            .map(|time| time.and_utc())
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn listings_of_several_servers_give_the_same_files() {
        let apache = "<html><head><title>Index of /pubmed/baseline</title></head><body><pre>Name  Last modified  Size<hr>\
            <a href=\"/pubmed/\">Parent Directory</a>                     -   \n\
            <a href=\"README.txt\">README.txt</a>            2026-01-09 10:00  5.2K  \n\
            <a href=\"pubmed26n0002.xml.gz\">pubmed26n0002.xml.gz</a>  2026-01-09 14:31   19M  \n\
            <a href=\"pubmed26n0001.xml.gz\">pubmed26n0001.xml.gz</a>  2026-01-09 14:30   19M  \n\
            <a href=\"pubmed26n0001.xml.gz.md5\">pubmed26n0001.xml.gz.md5</a>  2026-01-09 14:31   60  \n</pre>";
        let nginx = "<a href='pubmed26n0001.xml.gz'>pubmed26n0001.xml.gz</a>   09-Jan-2026 14:30   19922944\n\
            <a href='pubmed26n0002.xml.gz'>pubmed26n0002.x..&gt;</a>   09-Jan-2026 14:31   19922944";
        let table = "<tr><td><a href=pubmed26n0001.xml.gz>x</a></td><td align=\"right\">2026-01-09 14:30  </td></tr>\
            <tr><td><A HREF=\"nothing\"></a><a href = \"pubmed26n0002.xml.gz\">x</a></td><td>2026-01-09 14:31:00</td></tr>";
        let expected = parse_listing("baseline", apache);
        assert_eq!(
            expected.iter().map(|file| (file.name.as_str(), file.sequence)).collect::<Vec<_>>(),
            [("pubmed26n0001.xml.gz", 2_026_000_001), ("pubmed26n0002.xml.gz", 2_026_000_002)]
        );
        assert_eq!(expected[1].modified.unwrap().to_rfc3339(), "2026-01-09T14:31:00+00:00");
        assert_eq!(parse_listing("baseline", nginx), expected);
        assert_eq!(parse_listing("baseline", table), expected);
    }

    #[test]
    fn names_that_could_leave_the_folder_are_no_files() {
        for name in [
            "../pubmed26n0001.xml.gz",
            "/etc/pubmed26n0001.xml.gz",
            "..%2Fpubmed26n0001.xml.gz",
            "https://elsewhere/pubmed26n0001.xml.gz",
            "pubmed26n0001.xml.gz?x=1",
            "pubmed26n0001.xml.gz\\..",
            "26n0001.xml.gz",
            "pubmed26n.xml.gz",
            "pubmed26n0000001.xml.gz",
            "pubmed26n0001.xml",
        ] {
            assert_eq!(parse_listing("b", &format!("<a href=\"{name}\">{name}</a>")), [], "{name}");
        }
        for torn in ["<a href", "<a href=", "<a href=\"", "<a href=\"pubmed26n00", "href=href=href=\"é"] {
            assert_eq!(parse_listing("b", torn), [], "{torn}");
        }
    }
}
