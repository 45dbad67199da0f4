//! `--shard`: which part of the input, stated or taken from the array job that this process is one of.

use rexdrug_pipeline::source::{Shard, ShardError};

/// What stands for the number that the array job gave this process.
const AUTO: &str = "auto";

/// Where array jobs say which of their processes this is.
const INDEX_VARIABLES: [(&str, &str); 3] = [
    ("Kubernetes", "JOB_COMPLETION_INDEX"),
    ("AWS Batch", "AWS_BATCH_JOB_ARRAY_INDEX"),
    ("Slurm", "SLURM_ARRAY_TASK_ID"),
];

/// Reads `i/n`, `auto/n` or `auto`; the words after `--shard`.
///
/// # Errors
/// What is wrong with it, or missing from the environment.
pub fn parse(text: &str) -> Result<Shard, String> {
    resolve(text, |name| std::env::var(name).ok().filter(|value| !value.is_empty()))
}

fn resolve(text: &str, variable: impl Fn(&str) -> Option<String>) -> Result<Shard, String> {
    let told = |error: ShardError| error.to_string();
    match text.strip_prefix(AUTO) {
        None => text.parse().map_err(told),
        Some("") => Shard::new(index(&variable)?, count(&variable)?).map_err(told),
        Some(rest) => match rest.strip_prefix('/').map(str::parse) {
            Some(Ok(count)) => Shard::new(index(&variable)?, count).map_err(told),
            _ => Err(format!("shard `{text}`: expected {AUTO}/n or {AUTO}, e.g. {AUTO}/64")),
        },
    }
}

/// The number of this process in its array job.
fn index(variable: &impl Fn(&str) -> Option<String>) -> Result<u32, String> {
    let found: Vec<(&str, String)> =
        INDEX_VARIABLES.iter().filter_map(|(_, name)| Some((*name, variable(name)?))).collect();
    match found.as_slice() {
        [(name, value)] => number(name, value),
        [] => {
            let places: Vec<String> = INDEX_VARIABLES.iter().map(|(who, name)| format!("{name} ({who})")).collect();
            Err(format!("`{AUTO}` needs an array job: none of {} is set; state i/n instead", places.join(", ")))
        }
        more => {
            let names: Vec<&str> = more.iter().map(|(name, _)| *name).collect();
            Err(format!("`{AUTO}` is ambiguous: {} are all set; state i/n instead", names.join(" and ")))
        }
    }
}

/// How many processes the array job has, where it says so for certain.
///
/// AWS Batch gives the size of the whole array, also to a part that is tried again. Slurm gives the number of tasks that
/// were submitted: an array of which only some are submitted again says something else, so only 0-(n-1) is taken.
/// Kubernetes does not say.
fn count(variable: &impl Fn(&str) -> Option<String>) -> Result<u32, String> {
    if let Some(size) = variable("AWS_BATCH_JOB_ARRAY_SIZE") {
        return number("AWS_BATCH_JOB_ARRAY_SIZE", &size);
    }
    let slurm = |name: &str| variable(name).map(|value| number(name, &value)).transpose();
    let (tasks, first, last) =
        (slurm("SLURM_ARRAY_TASK_COUNT")?, slurm("SLURM_ARRAY_TASK_MIN")?, slurm("SLURM_ARRAY_TASK_MAX")?);
    match (tasks, first, last) {
        (Some(tasks), Some(0), Some(last)) if last.checked_add(1) == Some(tasks) => Ok(tasks),
        (Some(_), ..) => Err(format!(
            "`{AUTO}` takes n from a Slurm array only when it is 0-(n-1); state it: {AUTO}/n, the same n for every part"
        )),
        _ => Err(format!("the array job does not say how many parts it has; state it: {AUTO}/n")),
    }
}

fn number(name: &str, value: &str) -> Result<u32, String> {
    value.trim().parse().map_err(|_| format!("{name} is `{value}`; expected a whole number from 0"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn with(text: &str, variables: &[(&str, &str)]) -> Result<String, String> {
        let look =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        resolve(text, look).map(|shard| shard.to_string())
    }

    #[test]
    fn parts_are_stated_or_taken_from_the_array_job() {
        assert_eq!(with("3/8", &[("JOB_COMPLETION_INDEX", "1")]).unwrap(), "3/8");
        assert_eq!(with("auto/64", &[("JOB_COMPLETION_INDEX", "63")]).unwrap(), "63/64");
        let batch = [("AWS_BATCH_JOB_ARRAY_INDEX", "5"), ("AWS_BATCH_JOB_ARRAY_SIZE", "10")];
        assert_eq!(with("auto", &batch).unwrap(), "5/10");
        let slurm = |min, max, count| {
            vec![
                ("SLURM_ARRAY_TASK_ID", "7"),
                ("SLURM_ARRAY_TASK_MIN", min),
                ("SLURM_ARRAY_TASK_MAX", max),
                ("SLURM_ARRAY_TASK_COUNT", count),
            ]
        };
        assert_eq!(with("auto", &slurm("0", "15", "16")).unwrap(), "7/16");
        // One task submitted again is no array of one.
        assert!(with("auto", &slurm("7", "7", "1")).unwrap_err().contains("auto/n"));
        assert_eq!(with("auto/16", &slurm("7", "7", "1")).unwrap(), "7/16");
    }

    #[test]
    fn what_is_missing_is_named() {
        for (text, variables, hint) in [
            ("auto", vec![], "JOB_COMPLETION_INDEX (Kubernetes)"),
            ("auto", vec![("JOB_COMPLETION_INDEX", "1")], "auto/n"),
            ("auto/4", vec![("JOB_COMPLETION_INDEX", "4")], "3/4"),
            ("auto/4", vec![("JOB_COMPLETION_INDEX", "one")], "`one`"),
            ("auto/4", vec![("JOB_COMPLETION_INDEX", "1"), ("SLURM_ARRAY_TASK_ID", "2")], "ambiguous"),
            ("auto/", vec![], "auto/64"),
            ("automatic", vec![], "auto/64"),
            ("4/4", vec![], "3/4"),
        ] {
            let message = with(text, &variables).unwrap_err();
            assert!(message.contains(hint), "{text}: {message}");
        }
    }
}
