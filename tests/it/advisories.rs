//! Known vulnerabilities of what `Cargo.lock` names, from a copy of RustSec's advisory database on this machine.
//!
//! `REXDRUG_ADVISORY_DB` is a checkout of https://github.com/rustsec/advisory-db; `.ci/run` fetches one where it can.

use std::path::Path;

use rustsec::advisory::{Id, Informational};
use rustsec::report::{Report, Settings};
use rustsec::{Database, Lockfile};

use crate::support::root;

/// Every lock file of the repository.
const LOCKS: [&str; 3] = ["Cargo.lock", "scoring/python/Cargo.lock", "fuzz/Cargo.lock"];

/// Advisories that `deny.toml` accepts.
fn ignored() -> Vec<Id> {
    let rules: toml::Value = toml::from_str(&std::fs::read_to_string(root().join("deny.toml")).unwrap()).unwrap();
    let entries = rules["advisories"]["ignore"].as_array().unwrap();
    let id = |entry: &toml::Value| {
        let reason = entry["reason"].as_str().unwrap();
        assert!(reason.len() > 20, "{entry}: say why");
        entry["id"].as_str().unwrap().parse().unwrap()
    };
    entries.iter().map(id).collect()
}

/// What `database` knows of the packages of a lock file: `advisory package version`, sorted.
fn found(database: &Database, lock: &Path, ignore: Vec<Id>) -> Vec<String> {
    let lock = Lockfile::load(lock).unwrap();
    let informational_warnings = vec![Informational::Unmaintained, Informational::Unsound, Informational::Notice];
    let settings = Settings { ignore, informational_warnings, ..Settings::default() };
    let report = Report::generate(database, &lock, &settings);
    let vulnerable = report.vulnerabilities.list.iter().map(|one| (&one.advisory, &one.package));
    let warned =
        report.warnings.values().flatten().filter_map(|one| one.advisory.as_ref().map(|known| (known, &one.package)));
    let mut found: Vec<String> = vulnerable
        .chain(warned)
        .map(|(advisory, package)| format!("{} {} {}: {}", advisory.id, package.name, package.version, advisory.title))
        .collect();
    found.sort();
    found
}

#[test]
fn no_dependency_has_a_known_vulnerability_that_is_not_accounted_for() {
    let Some(database) = std::env::var_os("REXDRUG_ADVISORY_DB").filter(|path| Path::new(path).is_dir()) else {
        eprintln!(
            "skipped: no advisory database; clone https://github.com/rustsec/advisory-db and name its folder in \
             REXDRUG_ADVISORY_DB"
        );
        return;
    };
    let database = Database::open(Path::new(&database)).unwrap();
    let count = database.iter().count();
    assert!(count > 500, "{count} advisories: the database is not whole");
    for lock in LOCKS {
        let found = found(&database, &root().join(lock), ignored());
        assert!(found.is_empty(), "{lock}: update these, or say in deny.toml why they do not matter: {found:#?}");
        eprintln!("{lock}: none of {count} advisories applies that deny.toml does not account for");
    }
}

#[test]
fn planted_advisories_are_found_unless_they_are_patched_or_accounted_for() {
    let folder = tempfile::tempdir().unwrap();
    let plant = |id: &str, package: &str, more: &str, patched: &str| {
        let at = folder.path().join("crates").join(package);
        std::fs::create_dir_all(&at).unwrap();
        let text = format!(
            "```toml\n[advisory]\nid = \"{id}\"\npackage = \"{package}\"\ndate = \"2026-01-02\"\n{more}\n\
             [versions]\npatched = [{patched}]\n```\n\n# Planted\n\nBy a test.\n"
        );
        std::fs::write(at.join(format!("{id}.md")), text).unwrap();
    };
    plant("RUSTSEC-2026-9001", "tokio", "", "\">= 99.0.0\"");
    plant("RUSTSEC-2026-9002", "tokio", "", "\">= 1.0.0\"");
    plant("RUSTSEC-2026-9003", "arrow", "informational = \"unmaintained\"", "");
    plant("RUSTSEC-2026-9004", "no-such-crate", "", "");
    let database = Database::open(folder.path()).unwrap();
    let all = found(&database, &root().join("Cargo.lock"), Vec::new());
    let ids: Vec<&str> = all.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(ids, ["RUSTSEC-2026-9001", "RUSTSEC-2026-9003"], "{all:?}");
    assert!(all[0].contains(" tokio 1.") && all[0].ends_with(": Planted"), "{all:?}");
    let rest = found(&database, &root().join("Cargo.lock"), vec!["RUSTSEC-2026-9001".parse().unwrap()]);
    assert_eq!(rest.len(), 1, "{rest:?}");
}
