//! The recipes of `deploy/`: schemas, linters, and whether the binary takes their command lines.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{binary, root, stdout};

/// Parts of command lines that a build without the cluster does not have.
const OF_THE_CLUSTER: [&str; 3] = ["scheduler", "worker", "--cluster="];

/// Folder of the linters and their Python; without it these tests cannot run and say so.
fn tool(name: &str) -> Option<PathBuf> {
    let tools = std::env::var_os("REXDRUG_DEPLOY_TOOLS");
    if tools.is_none() {
        eprintln!("skipped: REXDRUG_DEPLOY_TOOLS is not set; run the tests with `make test`");
    }
    Some(Path::new(&tools?).join(name))
}

fn deploy(path: &str) -> PathBuf {
    root().join("deploy").join(path)
}

/// Has the binary read a command line without doing it: what it does not know is refused before `--help` is reached.
fn reads<S: AsRef<OsStr>>(argv: &[S], environment: &[(&str, &str)]) -> Output {
    let environment = environment.iter().copied();
    Command::new(binary()).args(argv).arg("--help").env_clear().envs(environment).output().unwrap()
}

fn must_read<S: AsRef<OsStr>>(what: &str, argv: &[S], environment: &[(&str, &str)]) {
    let output = reads(argv, environment);
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn command_lines_that_do_not_fit_are_noticed() {
    must_read("run", &["run", "x", "--shard", "auto/4"], &[("JOB_COMPLETION_INDEX", "3")]);
    for wrong in
        [["run", "x", "--sharp=1/4"], ["runs", "x", "y"], ["run", "x", "--shard=4/4"], ["run", "x", "--shard=auto/4"]]
    {
        assert_eq!(reads(&wrong, &[]).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn manifests_have_the_schemas_of_kubernetes_and_aws_and_their_commands_are_ours() {
    let Some(python) = tool("python") else { return };
    let script = root().join("tests/python/check_deploy.py");
    let output = Command::new(python).arg(script).arg(deploy("")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let commands: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let has_cluster = stdout(&["--help"]).contains("\n  scheduler ");
    let mut read = 0;
    for command in &commands {
        let strings = |value: &Value| value.as_str().unwrap().to_owned();
        let argv: Vec<String> = command["argv"].as_array().unwrap().iter().map(strings).collect();
        if !has_cluster && argv.iter().any(|part| OF_THE_CLUSTER.iter().any(|other| part.starts_with(other))) {
            eprintln!("not read: {}: this binary was built without the cluster", command["file"]);
            continue;
        }
        let environment = command["environment"].as_object().unwrap();
        let environment: Vec<(&str, &str)> =
            environment.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect();
        must_read(&command["file"].to_string(), &argv, &environment);
        read += 1;
    }
    assert!(read >= 3 && commands.len() >= 6, "{commands:?}");
}

#[test]
fn image_and_scripts_pass_their_linters() {
    let (Some(hadolint), Some(shellcheck)) = (tool("hadolint"), tool("shellcheck")) else { return };
    let passes = |linter: &Path, args: &[&OsStr]| {
        let output = Command::new(linter).args(args).output().unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {told}", linter.display());
    };
    passes(&hadolint, &[deploy("image/Containerfile").as_os_str()]);
    passes(&shellcheck, &[deploy("slurm/shards.sbatch").as_os_str(), root().join(".ci/run").as_os_str()]);
}

/// Both variants of the image end as a user that is not root, with ONNX Runtime of the version that the rest uses.
#[test]
fn the_image_takes_what_is_there_and_runs_as_nobody_special() {
    let text = std::fs::read_to_string(deploy("image/Containerfile")).unwrap();
    let stages: Vec<&str> = text.split("\nFROM ").skip(1).collect();
    for variant in ["cpu", "cuda"] {
        let stage = stages.iter().find(|stage| stage.lines().next().unwrap().ends_with(&format!(" AS {variant}")));
        let stage = stage.unwrap_or_else(|| panic!("no stage {variant}"));
        assert!(stage.contains("\nUSER 10001:10001\n") && stage.contains("\nENTRYPOINT [\"rexdrug\"]\n"), "{variant}");
        assert!(stage.contains(&format!("COPY --from=runtime-{variant} ")), "{variant}");
    }
    assert!(
        text.contains("RUN make setup &&") && text.contains("ORT_PACKAGE=onnxruntime-gpu"),
        "the Makefile's version"
    );
    let sent = std::fs::read_to_string(deploy("image/Containerfile.dockerignore")).unwrap();
    let sent: Vec<&str> = sent.lines().filter_map(|line| line.strip_prefix('!')).collect();
    for path in &sent {
        assert!(root().join(path).exists(), "{path} is sent to the build and is not there");
    }
    let workspace: toml::Value = toml::from_str(&std::fs::read_to_string(root().join("Cargo.toml")).unwrap()).unwrap();
    for member in workspace["workspace"]["members"].as_array().unwrap() {
        let folder = member.as_str().unwrap().split('/').next().unwrap();
        assert!(sent.contains(&folder), "{folder} is a member of the workspace and is not sent to the build");
    }
}

fn executable(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// The Slurm script, with a Slurm that runs the step here and writes down what is queued again.
#[test]
fn the_slurm_script_runs_its_part_and_queues_a_stopped_one_again() {
    let folder = TempDir::new().unwrap();
    let place = |name: &str| folder.path().join(name);
    executable(&place("srun"), "#!/bin/sh\nshift\nexec \"$@\"\n");
    executable(&place("scontrol"), "#!/bin/sh\necho \"$@\" >>\"$QUEUED\"\n");
    executable(
        &place("rexdrug"),
        "#!/bin/sh\n\"$REAL\" \"$@\" --help >/dev/null || exit 2\necho \"$@\"\nexit \"$CODE\"\n",
    );
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let run = |code: &str| {
        Command::new("bash")
            .arg(deploy("slurm/shards.sbatch"))
            .env("PATH", &path)
            .env("REAL", binary())
            .env("CODE", code)
            .env("QUEUED", place("queued"))
            .envs([("SLURM_ARRAY_TASK_ID", "17"), ("SLURM_ARRAY_JOB_ID", "4711"), ("SLURM_CPUS_PER_TASK", "8")])
            .output()
            .unwrap()
    };
    let done = run("0");
    let told = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{done:?}");
    assert!(told.contains("--shard auto/64") && told.contains("--threads 8"), "{told}");
    assert!(!place("queued").exists());
    assert_eq!(run("1").status.code(), Some(1), "what was refused is not tried again");
    assert!(!place("queued").exists());
    assert_eq!(run("4").status.code(), Some(4));
    assert_eq!(std::fs::read_to_string(place("queued")).unwrap(), "requeue 4711_17\n");
    let script = std::fs::read_to_string(deploy("slurm/shards.sbatch")).unwrap();
    assert!(script.contains("#SBATCH --array=0-63%"), "as many tasks as parts");
}

/// Lines of cron and systemd.
#[test]
fn the_nightly_commands_are_ours() {
    let mut read = 0;
    for file in ["cron/rexdrug", "systemd/rexdrug-sync.service"] {
        for line in std::fs::read_to_string(deploy(file)).unwrap().lines().filter(|line| !line.starts_with('#')) {
            let command =
                line.strip_prefix("ExecStart=").or_else(|| line.split_once("  rexdrug  ").map(|found| found.1));
            let Some(command) = command else { continue };
            let argv: Vec<&str> =
                command.split_whitespace().skip(1).take_while(|word| !word.starts_with(['>', '|'])).collect();
            must_read(file, &argv, &[]);
            read += 1;
        }
    }
    assert_eq!(read, 3);
}
