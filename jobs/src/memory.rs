//! The allocator: jemalloc, set up to give back what is free.
//!
//! Files of a run are read, extracted and committed by threads that come and go, so what one frees another must be able to
//! use: glibc's arenas keep it, and a run over many files grows with their number.

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Two arenas for all threads, and no free page is kept; a thread keeps small blocks alone. `MALLOC_CONF` in the environment
/// overrides it (jemalloc's manual, "TUNING").
///
/// jemalloc reads a pointer to a string that ends in NUL from this name, once.
#[allow(unsafe_code)]
#[unsafe(export_name = "malloc_conf")]
static SETTINGS: &u8 = &b"narenas:2,dirty_decay_ms:0,muzzy_decay_ms:0,tcache_max:1024,tcache_nslots_small_max:16\0"[0];
