//! The rules of `deny.toml` that need no database of advisories: licences, sources, versions that must be one.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::support::root;

fn strings(value: &toml::Value, key: &str) -> BTreeSet<String> {
    let list = value[key].as_array().unwrap();
    list.iter().filter_map(|item| item.as_str().or_else(|| item.get("crate")?.as_str())).map(str::to_owned).collect()
}

/// Whether a licence expression is satisfied by the allowed ones; `/` is the old way to write OR.
fn allowed(expression: &str, licences: &BTreeSet<String>) -> bool {
    let expression = expression.replace('/', " OR ").replace(['(', ')'], " ");
    // Each AND part needs an OR alternative that is allowed; parentheses only ever group one of the two.
    expression.split(" AND ").all(|part| part.split(" OR ").any(|licence| licences.contains(licence.trim())))
}

#[test]
fn every_dependency_has_an_allowed_licence_and_source_and_the_arrow_family_one_version() {
    let rules: toml::Value = toml::from_str(&std::fs::read_to_string(root().join("deny.toml")).unwrap()).unwrap();
    let licences = strings(&rules["licenses"], "allow");
    let single = strings(&rules["bans"], "deny");
    let output = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut problems = Vec::new();
    let packages = metadata["packages"].as_array().unwrap();
    for package in packages {
        let (name, version) = (package["name"].as_str().unwrap(), package["version"].as_str().unwrap());
        versions.entry(name).or_default().insert(version);
        match package["license"].as_str() {
            Some(licence) if allowed(licence, &licences) => {}
            licence => problems.push(format!("{name} {version}: licence {licence:?}")),
        }
        match package["source"].as_str() {
            None | Some("registry+https://github.com/rust-lang/crates.io-index") => {}
            Some(source) => problems.push(format!("{name} {version}: source {source}")),
        }
    }
    assert!(problems.is_empty() && packages.len() > 100, "{problems:#?}");
    assert!(single.contains("object_store") && single.len() >= 8);
    for name in single {
        assert!(
            versions.get(name.as_str()).is_some_and(|found| found.len() == 1),
            "{name}: {:?}",
            versions.get(name.as_str())
        );
    }
}
