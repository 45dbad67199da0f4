//! The binary under test and the folders around it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};

use serde_json::Value;

/// Root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// The shared data beside the repository, where it is there.
pub fn shared(path: &str) -> Option<PathBuf> {
    let path = root().join("../shared/data").join(path);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {} is not there", path.display());
    None
}

/// The `rexdrug` binary: REXDRUG_BIN, else beside the test binary.
pub fn binary() -> PathBuf {
    let named = std::env::var_os("REXDRUG_BIN").map(PathBuf::from);
    let beside = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("rexdrug");
    let binary = named.unwrap_or(beside);
    assert!(binary.is_file(), "{} is not built; run the tests with `make test`", binary.display());
    binary
}

/// The binary in the repository root.
pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(args).current_dir(root()).env_remove("REXDRUG_WAREHOUSE").env("NO_COLOR", "1");
    command
}

/// Runs the binary in the repository root.
pub fn rexdrug(args: &[&str]) -> Output {
    command(args).output().expect("the binary starts")
}

/// Sends a signal, by name, to a process that we started.
pub fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap();
    assert!(sent.success(), "kill -{name} {}", child.id());
}

/// Standard output of a run that must succeed.
pub fn stdout(args: &[&str]) -> String {
    let output = rexdrug(args);
    assert!(output.status.success(), "{args:?}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Standard output as JSON.
pub fn json(args: &[&str]) -> Value {
    serde_json::from_str(&stdout(args)).unwrap()
}

/// Rows of a query over a warehouse.
pub fn sql(warehouse: &Path, query: &str) -> Vec<Value> {
    let warehouse = warehouse.to_string_lossy();
    json(&["sql", query, "--format", "json", "--warehouse", &warehouse]).as_array().unwrap().clone()
}
