//! Keeps glibc's allocator from holding on to memory that nothing uses.

use std::sync::Arc;

use rexdrug_pipeline::run::{RunEvent, RunObserver};

/// Settings of the allocator, each with the environment variable that overrides it.
///
/// By default each thread may get an arena of its own, eight a core, and what is freed in one is of no use to the others.
/// And by default the size from which a block is a mapping of its own, which goes back when it is freed, grows up to
/// 32 MiB with the blocks that a job frees; smaller ones stay behind as gaps in an arena. A run over many files then
/// keeps several times the memory that is in use. The buffers of Arrow and the tables of the compressors are above 64 KiB,
/// and few: the time of a run is the same.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const SETTINGS: [(&str, libc::c_int, libc::c_int); 3] = [
    ("MALLOC_ARENA_MAX", libc::M_ARENA_MAX, 2),
    ("MALLOC_MMAP_THRESHOLD_", libc::M_MMAP_THRESHOLD, 64 << 10),
    ("MALLOC_TRIM_THRESHOLD_", libc::M_TRIM_THRESHOLD, 64 << 10),
];

/// Sets the allocator up, but for what the environment sets; call it before any thread is started. Other allocators are
/// left as they are.
pub fn bound() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    for (variable, setting, value) in SETTINGS {
        if std::env::var_os(variable).is_none() {
            // SAFETY: `mallopt` takes two numbers and touches the allocator's own settings only; no other thread runs yet.
            #[allow(unsafe_code)]
            let set = unsafe { libc::mallopt(setting, value) };
            if set == 0 {
                tracing::debug!(variable, value, "the allocator refuses a setting");
            }
        }
    }
}

/// `inner`, with what the allocator holds and nothing uses given back each time that a file is done: between files there
/// is least in use, and what lies free between blocks that stay is not given back by itself.
pub fn trimming(inner: Arc<dyn RunObserver>) -> Arc<dyn RunObserver> {
    Arc::new(Trimming { inner })
}

struct Trimming {
    inner: Arc<dyn RunObserver>,
}

impl RunObserver for Trimming {
    fn observe(&self, event: &RunEvent) {
        self.inner.observe(event);
        if matches!(event, RunEvent::Committed { .. }) {
            trim();
        }
    }
}

fn trim() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: `malloc_trim` takes a number and locks the allocator's arenas itself; blocks in use stay where they are.
        #[allow(unsafe_code)]
        unsafe {
            libc::malloc_trim(0);
        }
    }
}
