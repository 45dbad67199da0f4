//! Damaged input of every kind: nothing panics, nothing hangs, everything is processed or refused with a reason.

use std::io::Write;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rexdrug_pipeline::source::{IngestOptions, IngestedFile, identify_file};
use rexdrug_schemas::RunStatus;
use tempfile::TempDir;

use crate::corpus::{article, gzip, set};
use crate::support::{command, rexdrug, root, sql};

/// A damaged file: a name that says how, and its bytes.
type Damaged = (String, Vec<u8>);

fn sound() -> Vec<u8> {
    set(&(1..=12).map(|pmid| article(pmid, 1, 2)).collect::<Vec<_>>(), &[3])
}

/// Flips, cuts, insertions, deletions and swaps of plain and compressed bytes.
fn mutations() -> Vec<Damaged> {
    let mut random = StdRng::seed_from_u64(26);
    let plain = sound();
    let packed = gzip(&plain);
    let mut files = Vec::new();
    for number in 0..260 {
        let (ending, bytes) = if number % 2 == 0 { ("xml", &plain) } else { ("xml.gz", &packed) };
        let mut bytes = bytes.clone();
        let at = random.random_range(0..bytes.len());
        let kind = match number % 13 {
            0..=4 => {
                for _ in 0..random.random_range(1..9) {
                    let at = random.random_range(0..bytes.len());
                    bytes[at] ^= 1 << random.random_range(0..8);
                }
                "flips"
            }
            5..=7 => {
                bytes.truncate(at);
                "cut"
            }
            8 => {
                let noise: Vec<u8> = (0..random.random_range(1..200)).map(|_| random.random()).collect();
                bytes.splice(at..at, noise);
                "inserted"
            }
            9 => {
                bytes.drain(at..(at + 50).min(bytes.len()));
                "deleted"
            }
            10 => {
                let other = random.random_range(0..bytes.len());
                bytes.swap(at, other);
                "swapped"
            }
            11 => {
                bytes.extend_from_within(..at);
                "appended"
            }
            _ => {
                bytes = (0..random.random_range(1..4000)).map(|_| random.random()).collect();
                "noise"
            }
        };
        files.push((format!("{kind}{number:03}.{ending}"), bytes));
    }
    files
}

fn encoded(text: &str, unit: impl Fn(u32) -> Vec<u8>, mark: &[u8]) -> Vec<u8> {
    mark.iter().copied().chain(text.chars().flat_map(|letter| unit(letter as u32))).collect()
}

/// Encodings, shapes and sizes that no honest file has.
fn oddities() -> Vec<Damaged> {
    let text = String::from_utf8(sound()).unwrap();
    let wrap = |inner: &str| format!("<PubmedArticleSet>{inner}</PubmedArticleSet>").into_bytes();
    let record =
        |inner: &str| wrap(&format!("<PubmedArticle><MedlineCitation>{inner}</MedlineCitation></PubmedArticle>"));
    let titled = |title: &str| {
        record(&format!("<PMID Version=\"1\">5</PMID><Article><ArticleTitle>{title}</ArticleTitle></Article>"))
    };
    let pmid = |value: &str| {
        record(&format!("<PMID Version=\"1\">{value}</PMID><Article><ArticleTitle>T.</ArticleTitle></Article>"))
    };
    let u16le = |unit: u32| (unit as u16).to_le_bytes().to_vec();
    let u16be = |unit: u32| (unit as u16).to_be_bytes().to_vec();
    let declared = |name: &str| text.replace("encoding=\"utf-8\"", &format!("encoding=\"{name}\"")).into_bytes();
    let laughs: String =
        (1..10).map(|n| format!("<!ENTITY l{n} \"{}\">", format!("&l{};", n - 1).repeat(10))).collect();
    let doctype = |entities: &str, title: &str| {
        let head = format!("<?xml version=\"1.0\"?><!DOCTYPE PubmedArticleSet [{entities}]>").into_bytes();
        [head, titled(title)].concat()
    };
    let mut latin = titled("caf\u{e9} with x");
    latin.retain(|byte| *byte != 0xc3);
    let big = 50 << 20;
    let mut files: Vec<(&str, Vec<u8>)> = vec![
        ("utf16le.xml", encoded(&text, u16le, &[0xff, 0xfe])),
        ("utf16be.xml", encoded(&text, u16be, &[0xfe, 0xff])),
        ("utf16-without-mark.xml", encoded(&text, u16le, &[])),
        ("utf32.xml", encoded(&text, |unit| unit.to_le_bytes().to_vec(), &[0xff, 0xfe, 0, 0])),
        ("says-utf16.xml", declared("UTF-16")),
        ("says-latin1.xml", declared("ISO-8859-1")),
        ("says-nonsense.xml", declared("no-such-encoding")),
        ("latin1.xml", latin),
        ("utf8-mark.xml", [b"\xef\xbb\xbf".to_vec(), text.clone().into_bytes()].concat()),
        (
            "overlong.xml",
            titled("x").iter().flat_map(|byte| if *byte == b'x' { vec![0xc0, 0x80] } else { vec![*byte] }).collect(),
        ),
        ("nul.xml", titled("a\0b")),
        ("control.xml", titled("a&#1;b&#xFFFF;c&#xD800;d&#99999999999;e")),
        ("entity-unknown.xml", titled("a &nosuch; b")),
        ("entity-bomb.xml", doctype(&format!("<!ENTITY l0 \"ha\">{laughs}"), "&l9;")),
        ("entity-file.xml", doctype("<!ENTITY f SYSTEM \"file:///etc/hostname\">", "x &f; y")),
        ("deep.xml", titled(&format!("{}x{}", "<i>".repeat(200_000), "</i>".repeat(200_000)))),
        ("deep-open.xml", titled(&"<i>".repeat(300_000))),
        ("deep-wrapped.xml", format!("{}{text}", "<a>".repeat(100_000)).into_bytes()),
        ("long-tag.xml", titled(&format!("<{}/>", "t".repeat(1 << 20)))),
        ("long-attribute.xml", record(&format!("<PMID Version=\"{}\">5</PMID>", "1".repeat(1 << 20)))),
        (
            "many-attributes.xml",
            titled(&format!("<i {}/>", (0..100_000).map(|n| format!("a{n}=\"\" ")).collect::<String>())),
        ),
        ("big-record.xml", titled(&"cisplatin with gemcitabine and ".repeat(big / 31))),
        ("big-word.xml", titled(&"x".repeat(big))),
        ("big-comment.xml", wrap(&format!("<!--{}-->", "-x".repeat(big / 2)))),
        ("empty.xml", Vec::new()),
        ("empty.xml.gz", Vec::new()),
        ("nothing-inside.xml.gz", gzip(b"")),
        ("blank.xml", b" \n\t".repeat(1000)),
        ("only-head.xml", b"<?xml version=\"1.0\"?>".to_vec()),
        ("no-records.xml", wrap("")),
        ("no-records-short.xml", b"<PubmedArticleSet/>".to_vec()),
        ("not-gzip.xml.gz", text.clone().into_bytes()),
        ("gzip-named-xml.xml", gzip(text.as_bytes())),
        ("gzip-twice.xml.gz", gzip(&gzip(text.as_bytes()))),
        ("gzip-members.xml.gz", [gzip(&text.as_bytes()[..500]), gzip(&text.as_bytes()[500..])].concat()),
        ("bomb.xml.gz", gzip(&vec![b' '; 256 << 20])),
        ("bomb-inside.xml.gz", gzip(&titled(&" ".repeat(128 << 20)))),
        ("html.xml", b"<!DOCTYPE html><html><body><p>Service unavailable<br></body></html>".to_vec()),
        ("svg.xml", b"<svg xmlns=\"http://www.w3.org/2000/svg\"><g/></svg>".to_vec()),
        ("jats.xml", b"<article article-type=\"research-article\"><front/><body><p>x</p></body></article>".to_vec()),
        ("json.xml", b"{\"PubmedArticleSet\": []}".to_vec()),
        ("tar.xml.gz", gzip(&[0; 10_240])),
        ("pmid-missing.xml", record("<Article><ArticleTitle>T.</ArticleTitle></Article>")),
        ("pmid-empty.xml", pmid("")),
        ("pmid-word.xml", pmid("abc")),
        ("pmid-negative.xml", pmid("-1")),
        ("pmid-huge.xml", pmid(&"9".repeat(40))),
        ("pmid-max.xml", pmid("18446744073709551615")),
        ("pmid-markup.xml", pmid("<b>5</b>")),
        ("pmid-path.xml", pmid("../../5")),
        ("record-in-record.xml", record("<PMID>5</PMID><PubmedArticle><MedlineCitation/></PubmedArticle>")),
        ("stray-text.xml", wrap("stray < text")),
        ("stray-end.xml", wrap("</PubmedArticle></PubmedArticle>")),
        ("cdata-open.xml", titled("<![CDATA[ never closed")),
        ("comment-open.xml", titled("<!-- never closed")),
        ("instruction-open.xml", titled("<?never closed")),
        ("delete-empty.xml", wrap("<DeleteCitation></DeleteCitation>")),
        ("delete-word.xml", wrap("<DeleteCitation><PMID Version=\"x\">y</PMID></DeleteCitation>")),
        (
            "delete-many.xml",
            wrap(&format!("<DeleteCitation>{}</DeleteCitation>", "<PMID Version=\"1\">7</PMID>".repeat(50_000))),
        ),
        ("two-roots.xml", [wrap(""), wrap("")].concat()),
        ("same-pmid.xml", set(&vec![article(9, 1, 1); 500], &[])),
        (
            "year-word.xml",
            record(
                "<PMID>5</PMID><Article><Journal><JournalIssue><PubDate><Year>MMXX</Year></PubDate></JournalIssue></Journal></Article>",
            ),
        ),
    ];
    files.sort_by_key(|(name, _)| *name);
    files.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect()
}

/// Reads one file as a run would; a panic or a hang is an error that names it.
fn read(path: &Path, spool: &Path) -> Result<IngestedFile, String> {
    let (done, outcome) = mpsc::channel();
    let (path, spool) = (path.to_owned(), spool.to_owned());
    let name = path.display().to_string();
    let reader = std::thread::spawn(move || {
        let read = std::panic::catch_unwind(AssertUnwindSafe(|| {
            identify_file(&path).read(&path, &spool, &IngestOptions::default())
        }));
        let _ = done.send(read);
    });
    // No measure of speed: only what never ends takes so long.
    let read = outcome.recv_timeout(Duration::from_secs(300)).map_err(|_| format!("{name} hangs"))?;
    reader.join().map_err(|_| format!("{name}: reader thread"))?;
    read.map_err(|_| format!("{name} panics"))?.map_err(|error| format!("{name} stops the run: {error}"))
}

#[test]
fn damaged_files_are_processed_or_refused_with_a_reason() {
    let (folder, spool) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let files: Vec<Damaged> = mutations().into_iter().chain(oddities()).collect();
    assert!(files.len() >= 300, "{} files", files.len());
    let (mut whole, mut partial, mut failed) = (0, 0, 0);
    let secret = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    for (name, bytes) in &files {
        let path = folder.path().join(name);
        std::fs::File::create(&path).unwrap().write_all(bytes).unwrap();
        let found = read(&path, spool.path()).unwrap_or_else(|problem| panic!("{problem}"));
        match found.status {
            RunStatus::Done => whole += 1,
            RunStatus::Partial => partial += 1,
            RunStatus::Failed => failed += 1,
        }
        assert_eq!(found.records_read, found.documents_read + found.records_quarantined, "{name}");
        assert!(found.status == RunStatus::Done || !found.quarantine.is_empty(), "{name} was refused in silence");
        for row in &found.quarantine {
            assert!(!row.reason.is_empty() && row.message.len() > 10, "{name}: {row:?}");
            let shown = row.excerpt.as_ref().map_or(0, String::len) + row.message.len();
            assert!(shown < 10_000, "{name}: {shown} bytes of reason");
        }
        if name == "entity-file.xml" && secret.trim().len() > 3 {
            assert!(!format!("{found:?}").contains(secret.trim()), "an external entity was read");
        }
        if let Some(spooled) = &found.documents {
            std::fs::remove_file(&spooled.path).unwrap();
        }
        std::fs::remove_file(&path).unwrap();
    }
    eprintln!(
        "damaged files: {} read: {whole} whole, {partial} in part, {failed} refused; no panic, no hang",
        files.len()
    );
}

/// The oddities end to end: one run, a row of `runs` for each file.
#[test]
fn a_run_over_odd_files_ends_and_accounts_for_each() {
    let (input, warehouse) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    // The large ones cost minutes of sentences; the reader test has them.
    let files: Vec<Damaged> = oddities().into_iter().filter(|(_, bytes)| bytes.len() < 4 << 20).collect();
    for (number, (name, bytes)) in files.iter().enumerate() {
        let ending = if name.ends_with(".gz") { "xml.gz" } else { "xml" };
        std::fs::write(input.path().join(format!("odd26n{:04}.{ending}", number + 1)), bytes).unwrap();
    }
    let uri = warehouse.path().to_string_lossy().into_owned();
    let output =
        rexdrug(&["run", &input.path().to_string_lossy(), "--warehouse", &uri, "--model", "scripted:keyword=with"]);
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{log}");
    assert!(!log.contains("panicked"), "{log}");
    let rows = sql(warehouse.path(), "SELECT count(*) AS n, count(DISTINCT source_file) AS files FROM runs");
    assert_eq!((&rows[0]["n"], &rows[0]["files"]), (&files.len().into(), &files.len().into()));
    let silent = "SELECT r.source_file FROM runs r LEFT ANTI JOIN quarantine q ON r.source_file = q.source_file \
        WHERE r.status <> 'done'";
    assert!(sql(warehouse.path(), silent).is_empty());
    assert!(rexdrug(&["verify", "--warehouse", &uri]).status.success());
}

/// Settings, lexicons and models that are wrong end with exit code 2 and a message that names the place.
#[test]
fn wrong_settings_lexicons_and_models_are_refused_by_name() {
    let folder = TempDir::new().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let refuses = |args: &[&str], expected: &str| {
        let output = command(args).output().unwrap();
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{args:?}: {log}");
        assert!(log.contains(expected) && !log.contains("panicked"), "{args:?}: {log}");
    };
    for (number, (text, expected)) in [
        ("warehose = \"x\"", "warehose"),
        ("threads = \"many\"", "threads"),
        ("threads = -1", "threads"),
        ("max_quarantine = \"5%\"", "max_quarantine"),
        ("warehouse = [\"a\"]", "warehouse"),
        ("warehouse = ", "does not fit"),
        ("[warehouse]\nuri = \"x\"", "warehouse"),
        ("\u{0}", "does not fit"),
    ]
    .into_iter()
    .enumerate()
    {
        let config = path(&format!("{number}.toml"));
        std::fs::write(&config, text).unwrap();
        refuses(&["sql", "SELECT 1", "--config", &config], expected);
    }
    refuses(&["sql", "SELECT 1", "--config", &path("absent.toml")], "absent.toml");

    let seed = std::fs::read(root().join("data/lexicon/seed.lexicon")).unwrap();
    let mut flipped = seed.clone();
    flipped[seed.len() / 2] ^= 1;
    for (number, bytes) in
        [Vec::new(), b"not a lexicon".to_vec(), seed[..seed.len() / 3].to_vec(), flipped].iter().enumerate()
    {
        let lexicon = path(&format!("{number}.lexicon"));
        std::fs::write(&lexicon, bytes).unwrap();
        refuses(&["lexicon", "check", "cisplatin", "--lexicon", &lexicon], &format!("{number}.lexicon"));
    }

    let model = root().join("operators/src/backend/fixtures/tiny-model");
    for (number, (file, bytes)) in [
        ("rexdrug.json", b"{}".to_vec()),
        ("rexdrug.json", b"[1, 2".to_vec()),
        ("model.onnx", b"not onnx".to_vec()),
        ("tokenizer.json", b"{}".to_vec()),
        ("config.json", Vec::new()),
    ]
    .into_iter()
    .enumerate()
    {
        let copy = folder.path().join(format!("model{number}"));
        std::fs::create_dir(&copy).unwrap();
        for entry in std::fs::read_dir(&model).unwrap().flatten() {
            std::fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
        }
        std::fs::write(copy.join(file), bytes).unwrap();
        refuses(&["model", "verify", &copy.to_string_lossy()], file);
    }
}
