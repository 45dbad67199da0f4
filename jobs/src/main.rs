//! The `rexdrug` command: MEDLINE files in, a table of drug combinations out.
#![expect(clippy::print_stdout, reason = "results of a command belong on standard output")]

mod cli;
mod config;
mod files;
mod highlight;
mod logging;
mod output;
mod progress;
mod resources;
mod top;
mod verbs;

use std::process::ExitCode;

use clap::Parser;

/// Exit code of a command that could not do its work; 1 is kept for work done with too much refused.
const FAILED: u8 = 2;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: cannot start the async runtime: {error}");
            return ExitCode::from(FAILED);
        }
    };
    match runtime.block_on(cli.run()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            for cause in error.chain().skip(1) {
                eprintln!("  caused by: {cause}");
            }
            ExitCode::from(FAILED)
        }
    }
}
