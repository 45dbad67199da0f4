//! Exit codes: the contract with cron, systemd and Kubernetes.

/// The work was done.
pub const DONE: u8 = 0;
/// The work was done, but too much was refused, a file could not be fetched, or `verify` found something.
pub const REFUSED: u8 = 1;
/// The work could not be done.
pub const FAILED: u8 = 2;
/// Another process holds the lease and does the same work.
pub const HELD: u8 = 3;
/// Ended on SIGTERM or SIGINT with work left; the same command goes on from there.
pub const STOPPED: u8 = 4;
